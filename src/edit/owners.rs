//! CODEOWNERS: who is asked to review a change of a file.
//! See <https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners>.

use crate::delivery::Codeowners;

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
    let owners = Codeowners::parse(text);
    let names = paths.iter().flat_map(|path| owners.of(path)).filter_map(|name| name.strip_prefix('@'));
    let mut all: Vec<String> = names.filter(|name| is_name(name)).map(str::to_owned).collect();
    all.sort();
    all.dedup();
    all
}

/// What GitHub takes as the name of a user or team.
fn is_name(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.len() <= 100 && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    name.split('/').count() <= 2 && name.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

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
