//! User agents of systems and tools that are made for intrusion.
//!
//! The caller writes its user agent itself: a mark in it raises suspicion, and none in it says nothing. The words that
//! are told are ours. The command line and the SDKs name the kernel or the distribution they run on, such as
//! `os/linux#6.6.9-amd64 md/distrib#kali.2024.1`; GuardDuty tells the same three:
//! <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-iam.html>.
//!
//! `stratus-red-team` is not among them: defenders run it on their own accounts to see what is noticed.

use super::{Call, Look};

/// By the distribution's word: its name.
const SYSTEMS: [(&str, &str); 3] = [("kali", "Kali Linux"), ("parrot", "Parrot OS"), ("pentoo", "Pentoo")];
/// The parts of a user agent that tell of the system; a workload may bear such a name anywhere else.
const SYSTEM_PARTS: [&str; 4] = ["linux/", "os/linux", "exe/", "md/distrib"];
/// By the product's name in full: its name.
const TOOLS: [(&str, &str); 2] = [("pacu", "Pacu"), ("trufflehog", "TruffleHog")];

/// Looks at each call by itself.
pub(super) fn look(calls: &[Call<'_>]) -> Option<Look> {
    let marks = calls.iter().filter(|call| call.own).filter_map(|call| mark(call.agent));
    let (name, what) = marks.min()?;
    Some(Look::Sweep(format!("a refused call came with the user agent of {name}, {what}")))
}

fn mark(agent: &str) -> Option<(&'static str, &'static str)> {
    let mut parts = agent.split(|letter: char| letter.is_whitespace() || matches!(letter, '[' | ']' | '(' | ')' | ';'));
    parts.find_map(|part| system(part).or_else(|| tool(part)))
}

/// `kali` in `os/linux#6.1.0-kali9-amd64`, `linux/6.12.13+kali-amd64`, `exe/x86_64.kali.2023`.
fn system(part: &str) -> Option<(&'static str, &'static str)> {
    let begins = |kind: &&&str| part.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind));
    let rest = &part[SYSTEM_PARTS.iter().find(begins)?.len()..];
    let words = rest.split(|letter: char| !letter.is_ascii_alphanumeric());
    let found = words.map(bare).find_map(|word| SYSTEMS.iter().find(|(mark, _)| mark.eq_ignore_ascii_case(word)));
    found.map(|(_, name)| (*name, "a system made for intrusion tests"))
}

fn bare(word: &str) -> &str {
    word.trim_matches(|letter: char| letter.is_ascii_digit())
}

fn tool(part: &str) -> Option<(&'static str, &'static str)> {
    let product = part.split('/').next().unwrap_or_default();
    let found = TOOLS.iter().find(|(mark, _)| mark.eq_ignore_ascii_case(product));
    found.map(|(_, name)| (*name, "a tool that tries what a key is good for"))
}
