//! Who owns a path, after a CODEOWNERS file: patterns as in `.gitignore`, the last one that fits decides.
//! See <https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners>.

/// The rules of a CODEOWNERS file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Codeowners(Vec<(String, Vec<String>)>);

impl Codeowners {
    /// Reads the file; comments, empty lines, section headings of GitLab and `!`, which has no meaning
    /// here, are passed over.
    ///
    /// ```
    /// use denywatch::delivery::Codeowners;
    /// let owners = Codeowners::parse("* @org/platform\n/terraform/shop/ @org/shop # the shop\n");
    /// assert_eq!(owners.of("terraform/shop/main.tf"), ["@org/shop"]);
    /// assert_eq!(owners.of("README.md"), ["@org/platform"]);
    /// ```
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
        let rules = lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '[', '^', '!'])).map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            (words.next().unwrap_or_default(), words.collect())
        });
        Self(rules.collect())
    }

    /// The owners of a path, which begins at the repository's root; none where no rule fits, or where the one that
    /// decides names nobody.
    pub fn of(&self, path: &str) -> &[String] {
        let path = path.trim_start_matches('/');
        let rule = self.0.iter().rev().find(|(pattern, _)| fits(pattern, path));
        rule.map_or(&[], |(_, owners)| owners)
    }
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
    fn patterns_are_those_of_the_documentation() {
        check("*", "a/b.tf", true);
        check("*.tf", "a/b.tf", true);
        check("*.tf", "a/b.tfvars", false);
        check("/build/logs/", "build/logs/a/b", true);
        check("/build/logs/", "x/build/logs/a", false);
        check("docs/*", "docs/a.md", true);
        check("docs/*", "docs/deep/a.md", false);
        check("apps/", "x/apps/a", true);
        check("apps/", "apps", false);
        check("/apps/github", "apps/github/a", true);
        check("**/logs", "deep/down/logs/a", true);
        check("/a/**/z.tf", "a/b/c/z.tf", true);
        check("/a/**/z.tf", "a/z.tf", true);
        check("te?t", "a/test", true);
    }

    #[test]
    fn the_last_rule_that_fits_decides() {
        let owners = Codeowners::parse(
            "# all\n*       @org/all\n\n[Section]\n/apps/ @octocat docs@example.com # inline\n/apps/github\n",
        );
        assert_eq!(owners.of("x"), ["@org/all"]);
        assert_eq!(owners.of("/apps/a"), ["@octocat", "docs@example.com"]);
        assert_eq!(owners.of("apps/github/a"), [] as [&str; 0]);
        assert_eq!(Codeowners::default().of("x"), [] as [&str; 0]);
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
}
