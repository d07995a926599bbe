//! The repository that a folder of the user's own code lies in.

use std::fs;
use std::path::{Path, PathBuf};

/// The repository that a folder lies in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The folder's path in it, with `/`; empty for its root.
    pub inside: String,
    /// The address of its remote `origin`; `None` where none is configured.
    pub origin: Option<String>,
    /// Its CODEOWNERS; `None` where there is none.
    pub codeowners: Option<String>,
}

/// Looks upwards for the repository; `None` where there is none.
pub fn checkout(folder: &Path) -> Option<Checkout> {
    let folder = fs::canonicalize(folder).ok()?;
    let root = folder.ancestors().find(|path| path.join(".git").exists())?;
    let inside = folder.strip_prefix(root).ok()?;
    let inside: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let owners = crate::edit::CODEOWNERS.iter().find_map(|place| read(&root.join(place)));
    let origin = read(&git_folder(root).join("config")).and_then(|text| origin(&text));
    Some(Checkout { inside: inside.join("/"), origin, codeowners: owners })
}

/// `.git` is a folder, or in a worktree a file that names one whose `commondir` leads to the shared one.
fn git_folder(root: &Path) -> PathBuf {
    let git = root.join(".git");
    let Some(text) = read(&git) else { return git };
    let Some(named) = text.trim().strip_prefix("gitdir: ") else { return git };
    let own = root.join(named);
    read(&own.join("commondir")).map_or_else(|| own.clone(), |common| own.join(common.trim()))
}

#[allow(clippy::disallowed_methods)] // io reads files
fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// `url` of `[remote "origin"]` in git's configuration.
fn origin(config: &str) -> Option<String> {
    let mut inside = false;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[remote \"origin\"]";
        } else if let (true, Some((key, value))) = (inside, line.split_once('='))
            && key.trim() == "url"
        {
            return Some(value.trim().trim_matches('"').to_owned());
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // tests make files
mod tests {
    use super::*;

    fn put(folder: &Path, path: &str, text: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_repository_is_found_from_inside() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "infra/x/main.tf", "");
        put(folder.path(), ".github/CODEOWNERS", "* @all\n");
        let config = "[core]\n\tbare = false\n[remote \"other\"]\n\turl = no\n[remote \"origin\"]\n\turl = git@github.com:a/b.git\n";
        put(folder.path(), ".git/config", config);
        let found = checkout(&folder.path().join("infra/x")).unwrap();
        assert_eq!(found.inside, "infra/x");
        assert_eq!(found.origin.as_deref(), Some("git@github.com:a/b.git"));
        assert_eq!(found.codeowners.as_deref(), Some("* @all\n"));
        put(folder.path(), "w/.git", "gitdir: ../.git/worktrees/w\n");
        put(folder.path(), ".git/worktrees/w/commondir", "../..\n");
        assert_eq!(checkout(&folder.path().join("w")).unwrap().origin, found.origin);
    }
}
