//! Who owns a path, after a CODEOWNERS file: patterns as in `.gitignore`, the last one that fits decides.
//! See <https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners>.

/// The rules of a CODEOWNERS file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Codeowners(Vec<(String, Vec<String>)>);

impl Codeowners {
    /// Reads the file; comments, empty lines and section headings of GitLab are passed over.
    ///
    /// ```
    /// use denywatch::delivery::Codeowners;
    /// let owners = Codeowners::parse("* @org/platform\n/terraform/shop/ @org/shop # the shop\n");
    /// assert_eq!(owners.of("terraform/shop/main.tf"), ["@org/shop"]);
    /// assert_eq!(owners.of("README.md"), ["@org/platform"]);
    /// ```
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
        let rules = lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '[', '^'])).map(|line| {
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

/// A pattern without a slash (but at its end) fits at any depth; a folder stands for all in it.
fn fits(pattern: &str, path: &str) -> bool {
    let folder = pattern.ends_with('/');
    let body = pattern.trim_end_matches('/');
    let anchored = body.contains('/');
    let pattern: Vec<&str> = body.trim_start_matches('/').split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    let starts = if anchored { 0..1 } else { 0..path.len() };
    starts.into_iter().any(|from| parts(&pattern, &path[from..], folder, anchored))
}

/// `**` is any number of folders; `*` and `?` stay within one name.
fn parts(pattern: &[&str], path: &[&str], folder: bool, anchored: bool) -> bool {
    match (pattern, path) {
        ([], []) => !folder,
        // `docs/*` is about the files in docs, not about those deeper; a name without a wildcard is a folder too.
        ([], _) => true,
        (["**"], rest) => !rest.is_empty(),
        (["**", more @ ..], rest) => (0..=rest.len()).any(|skip| parts(more, &rest[skip..], folder, anchored)),
        ([last], [_, _, ..]) if anchored && *last == "*" && !folder => false,
        ([name, more @ ..], [part, rest @ ..]) => word(name, part) && parts(more, rest, folder, anchored),
        ([_, ..], []) => false,
    }
}

/// One name against `*` and `?`.
fn word(pattern: &str, name: &str) -> bool {
    let mut pattern = pattern.chars();
    match pattern.next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = pattern.as_str();
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| word(rest, &name[at..]))
        }
        Some('?') => {
            let mut name = name.chars();
            name.next().is_some() && word(pattern.as_str(), name.as_str())
        }
        Some(letter) => name.strip_prefix(letter).is_some_and(|rest| word(pattern.as_str(), rest)),
    }
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
}
