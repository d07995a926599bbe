//! Scripts run by bash, their `aws` writing down what it was asked.

use super::patches::{cases, rendered};
use super::payloads::payloads;
use crate::readers::{run, tool, write};
use denywatch::render::escape::shell_quote;
use denywatch::render::{self, Format, PatchContext};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// A stand-in for `aws` that writes down its words, and the files among them, between NULs.
const AWS: &str = r#"
aws() {
  local word
  for word in "$@"; do
    printf '%s\0' "$word" >> "$RECORD"
    case "$word" in *=file://*) cat -- "${word#*=file://}" >> "$RECORD"; printf '\0' >> "$RECORD" ;; esac
  done
  printf '\001\0' >> "$RECORD"
  if [ "$1" = sts ]; then printf '111122223333\n'; fi
}
export -f aws
"#;

#[test]
fn bash_runs_only_our_commands() {
    let Some(bash) = tool("bash", &["--version"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let cases = cases();
    for (at, case) in cases.iter().enumerate() {
        write(folder.path(), &format!("{at}.sh"), &rendered(case, Format::Cli).unwrap());
    }
    // Sourced in a subshell, which reads a script as `bash FILE` does and saves a process each.
    let each = "way() { (RECORD=$1.$2; . \"./$1\" \"$2\"); }; for f in *.sh; do way \"$f\" apply; done; for f in *0.sh; do way \"$f\" undo; done";
    let words: Vec<_> = payloads().iter().map(|text| shell_quote(text)).collect();
    let echo = format!("printf '%s\\0' {} > words", words.join(" "));
    run(Command::new(bash).current_dir(folder.path()), &format!("set -eu\n{AWS}\n{each}\n{echo}\n"));
    assert!(!folder.path().join("pwned").exists(), "data was run");
    for (at, case) in cases.iter().enumerate() {
        let calls = |way| calls(&folder.path().join(format!("{at}.sh.{way}")));
        let name = render::policy_name(&case.patch, &PatchContext::default()).unwrap();
        let (role, name) =
            (format!("--role-name={}", case.patch.target.name.clone().unwrap()), format!("--policy-name={name}"));
        let apply = calls("apply");
        let words: Vec<_> = apply.iter().map(|call| call[..2].join(" ")).collect();
        assert_eq!(words, ["sts get-caller-identity", "iam list-role-policies", "iam put-role-policy"]);
        assert_eq!(apply[2][..4], ["iam", "put-role-policy", &role, &name].map(String::from), "{:?}", case.text);
        assert_eq!(serde_json::from_str::<Value>(&apply[2][5]).unwrap(), case.document);
        // The undo holds the same words; every tenth is run.
        if at % 10 != 0 {
            continue;
        }
        assert_eq!(calls("undo")[2], ["iam", "delete-role-policy", &role, &name].map(String::from));
    }
    let got = std::fs::read(folder.path().join("words")).unwrap();
    let got: Vec<_> = got.split(|&byte| byte == 0).map(|word| String::from_utf8(word.to_vec()).unwrap()).collect();
    assert_eq!(got[..got.len() - 1], payloads());
}

fn calls(record: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(record).unwrap();
    let call = |call: &str| call.split_terminator('\0').map(str::to_owned).collect();
    text.split_terminator("\u{1}\0").map(call).collect()
}
