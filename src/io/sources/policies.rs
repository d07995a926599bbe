//! The policies in force, from disk: authorization details of an account, or folders of documents.

use crate::diagnosis::InForce;
use crate::record::Problem;
use std::path::{Path, PathBuf};

/// A path that was named and cannot be read at all: without it every proof would rest on less than was asked for.
#[derive(Debug, thiserror::Error)]
#[error("no policies can be read from `{path}`")]
pub struct PoliciesError {
    path: PathBuf,
    source: std::io::Error,
}

/// Reads each path: a file of `aws iam get-account-authorization-details`, or a folder with such files and with the
/// sub-folders `identity/`, `boundary/`, `session/`, `scp/`, `rcp/`, `resource/`, `trust/`, `vpc_endpoint/` of single
/// documents; folders in `scp/` and `rcp/` are levels, root first by name.
///
/// A document that cannot be read is a problem; the rest is used.
///
/// # Errors
/// A path itself is missing or cannot be opened.
pub fn read(paths: &[PathBuf]) -> Result<(InForce, Vec<Problem>), PoliciesError> {
    let mut reader = Reader { in_force: InForce::default(), problems: Vec::new() };
    for path in paths {
        is_there(path).map_err(|source| PoliciesError { path: path.clone(), source })?;
        if path.is_dir() { reader.folder(path) } else { reader.details(path) }
    }
    Ok((reader.in_force, reader.problems))
}

fn is_there(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return std::fs::read_dir(path).map(drop);
    }
    // A pipe can be opened but once: `--policies <(aws iam …)`.
    if !std::fs::metadata(path)?.is_file() {
        return Ok(());
    }
    #[allow(clippy::disallowed_methods)] // this is a source
    std::fs::File::open(path).map(drop)
}

struct Reader {
    in_force: InForce,
    problems: Vec<Problem>,
}

impl Reader {
    fn folder(&mut self, folder: &Path) {
        let entries = self.entries(folder);
        if entries.is_empty() {
            self.fault(
                folder,
                "no policies in this folder: expected `identity/`, `boundary/`, … or authorization details",
            );
        }
        for entry in entries {
            if entry.is_dir() {
                let kind = name(&entry);
                self.documents(&kind, &entry);
            } else if entry.extension().is_some_and(|extension| extension == "json") {
                self.details(&entry);
            }
        }
    }

    /// The documents of one kind; in `scp/` and `rcp/` a folder is a level, root first by name.
    fn documents(&mut self, kind: &str, folder: &Path) {
        for entry in self.entries(folder) {
            match entry.is_dir() {
                true if matches!(kind, "scp" | "rcp") => self.documents(&format!("{kind}/{}", name(&entry)), &entry),
                true => {}
                false => self.document(kind, &entry),
            }
        }
    }

    /// Sorted, so that the same folder reads the same everywhere.
    fn entries(&mut self, folder: &Path) -> Vec<PathBuf> {
        let listed = std::fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
        match listed {
            Ok(entries) => {
                let mut entries: Vec<PathBuf> = entries;
                entries.retain(|entry| !name(entry).starts_with('.'));
                entries.sort();
                entries
            }
            Err(fault) => {
                self.fault(folder, &fault.to_string());
                Vec::new()
            }
        }
    }

    fn document(&mut self, kind: &str, file: &Path) {
        if let Some(text) = self.text(file) {
            let added = self.in_force.add_document(kind, &name(file), &text);
            self.problems.extend(added.err());
        }
    }

    fn details(&mut self, file: &Path) {
        let Some(text) = self.text(file) else { return };
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(details) if details.get("RoleDetailList").is_some() || details.get("UserDetailList").is_some() => {
                let problems = self.in_force.add_authorization_details(&file.display().to_string(), &details);
                self.problems.extend(problems);
            }
            Ok(_) => self.fault(file, "not the output of `aws iam get-account-authorization-details`"),
            Err(fault) => self.fault(file, &format!("no JSON: {fault}")),
        }
    }

    fn text(&mut self, file: &Path) -> Option<String> {
        #[allow(clippy::disallowed_methods)] // this is a source
        let read = std::fs::read_to_string(file);
        read.map_err(|fault| self.fault(file, &fault.to_string())).ok()
    }

    fn fault(&mut self, path: &Path, error: &str) {
        self.problems.push(Problem { input: path.display().to_string(), error: error.to_owned() });
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_in_scp_are_levels() {
        let folder = tempfile::tempdir().unwrap();
        let document = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        for file in ["scp/1-unit/b.json", "scp/0-root/a.json", "scp/1-unit/c.json", "identity/d.json", "other/e.json"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            #[allow(clippy::disallowed_methods)] // a test makes what it reads
            std::fs::write(path, document).unwrap();
        }
        let (in_force, problems) = read(&[folder.path().to_owned()]).unwrap();
        assert_eq!(problems.len(), 1, "{problems:?}");
        let held = in_force.of(&crate::principal::Principal::unknown()).unwrap();
        let names: Vec<Vec<&str>> =
            held.scp.iter().map(|level| level.iter().map(|named| named.name.as_str()).collect()).collect();
        assert_eq!(names, [vec!["0-root/a"], vec!["1-unit/b", "1-unit/c"]]);
    }
}
