//! A folder of the user's own code: its files of policies, and the repository that it lies in.

use super::walk::problem;
use crate::edit::SourceFile;
use crate::record::Problem;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold copies and no source.
const NO_SOURCE: [&str; 6] = [".git", ".terraform", "node_modules", "target", ".aws-sam", "cdk.out"];
/// Endings of Terraform's and CloudFormation's files.
const ENDINGS: [&str; 6] = [".tf", ".tf.json", ".yaml", ".yml", ".json", ".template"];
/// No template is longer: CloudFormation takes 1 MB.
const SIZE_MAX: u64 = 2 * 1024 * 1024;

/// The files below a folder that may hold policies, by path; what cannot be read is told.
pub fn files(folder: &Path) -> (Vec<SourceFile>, Vec<Problem>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    let mut ahead = vec![folder.to_path_buf()];
    while let Some(at) = ahead.pop() {
        let members = fs::read_dir(&at).and_then(|all| all.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>());
        let mut members = match members {
            Ok(members) => members,
            Err(error) => {
                problems.push(problem(&at, &error));
                continue;
            }
        };
        members.sort();
        for path in members {
            match step(folder, &path) {
                Ok(Step::Into) => ahead.push(path),
                Ok(Step::File(file)) => found.push(file),
                Ok(Step::Pass) => {}
                Err(fault) => problems.push(fault),
            }
        }
    }
    found.sort();
    (found, problems)
}

enum Step {
    Into,
    File(SourceFile),
    Pass,
}

/// Links are not followed: they may lead out of the folder.
fn step(folder: &Path, path: &Path) -> Result<Step, Problem> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let kind = fs::symlink_metadata(path).map_err(|error| problem(path, &error))?;
    if kind.is_dir() {
        return Ok(if NO_SOURCE.contains(&name.as_str()) { Step::Pass } else { Step::Into });
    }
    if !kind.is_file() || !ENDINGS.iter().any(|ending| name.ends_with(ending)) || kind.len() > SIZE_MAX {
        return Ok(Step::Pass);
    }
    #[allow(clippy::disallowed_methods)] // io reads files
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Err(problem(path, &error)),
    };
    let inside = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    Ok(Step::File(SourceFile { path: parts.join("/"), text }))
}

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
        } else if let (true, Some((key, value))) = (inside, line.split_once('=')) {
            if key.trim() == "url" {
                return Some(value.trim().trim_matches('"').to_owned());
            }
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
    fn sources_are_found_and_copies_are_not() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b/main.tf", "a.yaml", "notes.md", ".terraform/x.tf", "b/node_modules/c.json", ".git/config"] {
            put(folder.path(), path, "x");
        }
        fs::write(folder.path().join("bad.tf"), [0xff]).unwrap();
        let (found, problems) = files(folder.path());
        assert_eq!(found.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["a.yaml", "b/main.tf"]);
        assert!(problems.len() == 1 && problems[0].input.ends_with("bad.tf"), "{problems:?}");
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
