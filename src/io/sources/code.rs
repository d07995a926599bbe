//! A folder of infrastructure code → its files, as text.

use super::walk::problem;
use crate::edit::SourceFile;
use crate::record::Problem;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A file of code is smaller than this; larger ones are state, data or made by programs.
const FILE: u64 = 4 << 20;
/// All files together; what lies behind is left out and told.
const ALL: usize = 256 << 20;
/// Folders lie in each other no deeper than this.
const DEPTH: usize = 40;

/// Endings of the files that the editors know, and of those that they point to.
const ENDINGS: [&str; 13] = [
    ".tf",
    ".tofu",
    ".tfvars",
    ".json",
    ".yaml",
    ".yml",
    ".template",
    ".cfn",
    ".cform",
    ".tpl",
    ".tftpl",
    ".tmpl",
    ".j2",
];
/// Folders of what was fetched or made: nobody's source. Of the CDK's output a person is told that its code is the place.
const NO_SOURCE: [&str; 3] = ["node_modules", "target", "venv"];

/// Reads the files below a folder, by path. Hidden folders (`.git`, `.terraform`) and those of fetched packages are left
/// out, and symbolic links are not followed: what they point to may lie outside. A file that cannot be read is named,
/// and the rest is used.
///
/// # Errors
/// The folder itself cannot be read.
pub fn read(folder: &Path) -> std::io::Result<(Vec<SourceFile>, Vec<Problem>)> {
    let mut reader = Reader { root: folder, files: Vec::new(), problems: Vec::new(), bytes: 0 };
    let entries = entries(folder)?;
    entries.into_iter().for_each(|entry| reader.visit(entry, 0));
    reader.files.sort();
    Ok((reader.files, reader.problems))
}

fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    found.sort();
    Ok(found)
}

struct Reader<'r> {
    root: &'r Path,
    files: Vec<SourceFile>,
    problems: Vec<Problem>,
    bytes: usize,
}

impl Reader<'_> {
    fn visit(&mut self, path: PathBuf, depth: usize) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let kind = match std::fs::symlink_metadata(&path) {
            Ok(kind) => kind,
            Err(fault) => return self.problems.push(problem(&path, &fault)),
        };
        if kind.is_dir() {
            if !name.starts_with('.') && !NO_SOURCE.contains(&name.as_str()) {
                self.enter(&path, depth);
            }
        } else if kind.is_file() && is_wanted(&name) {
            self.file(&path, kind.len());
        } else if kind.is_symlink() && is_configuration(&name) {
            self.fault(&path, "a symbolic link is not followed: name the folder that it points to".to_owned());
        }
    }

    fn enter(&mut self, folder: &Path, depth: usize) {
        if depth >= DEPTH {
            return self.fault(folder, format!("folders deeper than {DEPTH} are not looked into"));
        }
        match entries(folder) {
            Ok(entries) => entries.into_iter().for_each(|entry| self.visit(entry, depth + 1)),
            Err(fault) => self.problems.push(problem(folder, &fault)),
        }
    }

    fn file(&mut self, path: &Path, length: u64) {
        let name = path.to_string_lossy().into_owned();
        // Data that only looks like code is nobody's loss.
        let tell = is_configuration(&name);
        if length > FILE {
            if tell {
                self.fault(path, format!("it is larger than {FILE} bytes"));
            }
            return;
        }
        if self.bytes > ALL {
            if tell {
                self.fault(path, "more than 256 MiB of code lie before it: name a folder further down".to_owned());
            }
            return;
        }
        let Some(relative) = self.relative(path) else { return };
        match text(path) {
            Ok(Some(text)) => {
                self.bytes += text.len();
                self.files.push(SourceFile { path: relative, text });
            }
            Ok(None) if tell => self.fault(path, "it is no UTF-8 text".to_owned()),
            Ok(None) => {}
            Err(fault) => self.problems.push(problem(path, &fault)),
        }
    }

    /// The path below the root; `None`, and told, where a diff could not name it.
    fn relative(&mut self, path: &Path) -> Option<String> {
        let below = path.strip_prefix(self.root).unwrap_or(path);
        let parts: Option<Vec<&str>> = below.components().map(|part| part.as_os_str().to_str()).collect();
        let named = parts
            .map(|parts| parts.join("/"))
            .filter(|name| !name.chars().any(|c| c.is_control() || c == '"' || c == '\\'));
        if named.is_none() {
            self.fault(path, "its name holds letters that a diff cannot name".to_owned());
        }
        named
    }

    fn fault(&mut self, path: &Path, error: String) {
        self.problems.push(Problem { input: path.to_string_lossy().into_owned(), error });
    }
}

fn is_wanted(name: &str) -> bool {
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn is_configuration(name: &str) -> bool {
    [".tf", ".tofu", ".tfvars", ".template", ".cfn", ".cform"].iter().any(|ending| name.ends_with(ending))
}

/// The text of a file; `None` for one that is no text.
fn text(path: &Path) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    #[allow(clippy::disallowed_methods)] // this is a source
    std::fs::File::open(path)?.take(FILE + 1).read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')))
}

/// Reads one file that was named, such as a state or a plan.
///
/// # Errors
/// It cannot be read, or is no text.
pub fn named(path: &Path) -> std::io::Result<SourceFile> {
    #[allow(clippy::disallowed_methods)] // this is a source
    let text = std::fs::read_to_string(path)?;
    Ok(SourceFile { path: path.to_string_lossy().into_owned(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods)] // a test makes what it reads
    fn only_source_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, bytes: &[u8]| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        put("main.tf", b"a = 1\r\n");
        put("b/vars.tfvars", b"b = 1\n");
        put(".terraform/modules/x.tf", b"");
        put("node_modules/x/template.yaml", b"");
        put("logo.png", b"\x89PNG");
        put("broken.tf", b"\xff\xfe");
        put("data.json", b"\xff\xfe");
        put("large.tf", &vec![b' '; FILE as usize + 1]);
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.tf")).unwrap();
        let (files, problems) = read(folder.path()).unwrap();
        let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(names, ["b/vars.tfvars", "main.tf"]);
        assert_eq!(files[1].text, "a = 1\r\n");
        let told: Vec<&str> = problems.iter().map(|one| one.input.rsplit('/').next().unwrap()).collect();
        let expect: &[&str] =
            if cfg!(unix) { &["broken.tf", "large.tf", "link.tf"] } else { &["broken.tf", "large.tf"] };
        assert_eq!(told, expect);
    }
}
