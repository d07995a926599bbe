//! CODEOWNERS: who is asked to review a change of a file.
//! See <https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners>.

/// Where GitHub looks for the file, in order; the first that is there counts alone.
pub const CODEOWNERS: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// The users (`name`) and teams (`org/team`) that own any of the files, sorted. The last line that fits a file decides,
/// and a line without owners says that nobody does. Addresses of mail are left out: a review cannot be asked of them.
///
/// ```
/// use denywatch::edit::owners;
/// let text = "* @acme/all\n/infra/ @acme/platform @ana\n*.md\n";
/// assert_eq!(owners(text, &["infra/main.tf"]), ["acme/platform", "ana"]);
/// assert_eq!(owners(text, &["README.md"]), Vec::<String>::new());
/// ```
pub fn owners(text: &str, paths: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = paths.iter().flat_map(|path| of(text, path)).collect();
    all.sort();
    all.dedup();
    all
}

fn of(text: &str, path: &str) -> Vec<String> {
    let last = text.lines().rev().filter_map(rule).find(|(pattern, _)| fits(pattern, path));
    let names = last.map(|(_, names)| names).unwrap_or_default();
    names
        .into_iter()
        .filter_map(|name| name.strip_prefix('@').filter(|name| is_name(name)).map(str::to_owned))
        .collect()
}

/// A pattern and the words behind it.
fn rule(line: &str) -> Option<(&str, Vec<&str>)> {
    let line = line.split(" #").next().unwrap_or_default().trim();
    // Sections in brackets are another forge's; `!` and `[ ]` have no meaning in patterns here.
    if line.is_empty() || line.starts_with(['#', '[', '!']) {
        return None;
    }
    let mut words = line.split_whitespace();
    let pattern = words.next()?;
    Some((pattern, words.collect()))
}

/// What GitHub takes as the name of a user or team.
fn is_name(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.len() <= 100 && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    name.split('/').count() <= 2 && name.split('/').all(plain)
}

/// Whether a pattern fits a file, by the rules of `.gitignore` but that `dir/*` does not reach below `dir`.
fn fits(pattern: &str, path: &str) -> bool {
    let anchored = pattern.trim_end_matches('/').contains('/');
    let is_folder = pattern.ends_with('/');
    let wanted: Vec<&str> = pattern.trim_matches('/').split('/').collect();
    let parts: Vec<&str> = path.split('/').collect();
    let starts = if anchored { 0..=0 } else { 0..=parts.len().saturating_sub(1) };
    let reaches_below = is_folder || wanted.last().is_some_and(|last| !last.contains('*'));
    starts.into_iter().any(|start| {
        let rest = &parts[start..];
        let whole = !is_folder && segments(&wanted, rest);
        let below = reaches_below && (1..rest.len()).any(|end| segments(&wanted, &rest[..end]));
        whole || below
    })
}

fn segments(wanted: &[&str], parts: &[&str]) -> bool {
    match (wanted, parts) {
        ([], []) => true,
        (["**"], _) => !parts.is_empty(),
        (["**", rest @ ..], _) => (0..=parts.len()).any(|skip| segments(rest, &parts[skip..])),
        ([first, rest @ ..], [part, more @ ..]) => segment(first.as_bytes(), part.as_bytes()) && segments(rest, more),
        ([], [_, ..]) | ([_, ..], []) => false,
    }
}

/// `*` and `?` within one segment, without looking back more than once for each star.
fn segment(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read, mut star) = (0, 0, None);
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[read] => (at, read) = (at + 1, read + 1),
            _ => match star {
                Some((held, from)) => {
                    star = Some((held, from + 1));
                    (at, read) = (held + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, path: &str, expect: bool) {
        assert_eq!(fits(pattern, path), expect, "{pattern} {path}");
    }

    #[test]
    fn patterns_fit_as_github_says() {
        check("*", "a/b.tf", true);
        check("*.tf", "infra/x/main.tf", true);
        check("*.tf", "main.tfvars", false);
        check("/main.tf", "main.tf", true);
        check("/main.tf", "infra/main.tf", false);
        check("main.tf", "infra/main.tf", true);
        check("/infra/", "infra/x/main.tf", true);
        check("infra/", "a/infra/main.tf", true);
        check("/infra/", "infrax/main.tf", false);
        check("infra", "infra/x/main.tf", true);
        check("docs/*", "docs/a.md", true);
        check("docs/*", "docs/a/b.md", false);
        check("apps/", "x/apps/y/z", true);
        check("**/logs", "a/b/logs/x", true);
        check("/a/**/z", "a/z", true);
        check("/a/**/z", "a/b/c/z", true);
        check("/a/**", "a/b/c", true);
        check("/a/**", "b/a/c", false);
        check("a?c", "abc", true);
        check("*a*b*c", "xxaxxbxxc", true);
        check("*a*b*c", "xxaxxcxxb", false);
        check("/", "x", false);
    }

    #[track_caller]
    fn owned(text: &str, paths: &[&str], expect: &[&str]) {
        assert_eq!(owners(text, paths), expect);
    }

    #[test]
    fn the_last_line_that_fits_decides() {
        let text = "# all\n* @all\n/infra/ @acme/platform   @ana # who\n/infra/free.tf\n[Section]\n!x @no\n\
                    /mail.tf ana@example.com @bob\n/bad.tf @a/b/c @<x> @\n";
        owned(text, &["a.tf"], &["all"]);
        owned(text, &["infra/a.tf"], &["acme/platform", "ana"]);
        owned(text, &["infra/free.tf"], &[]);
        owned(text, &["mail.tf"], &["bob"]);
        owned(text, &["bad.tf"], &[]);
        owned(text, &["a.tf", "infra/a.tf"], &["acme/platform", "all", "ana"]);
        owned("", &["a.tf"], &[]);
    }
}
