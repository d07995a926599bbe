//! Where things lie when nobody says so.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The ledger's place: `$XDG_DATA_HOME/denywatch/ledger.db`, else `~/.local/share/denywatch/ledger.db`; `None` when the
/// environment names no home. See <https://specifications.freedesktop.org/basedir-spec/latest/>.
pub fn default_ledger() -> Option<PathBuf> {
    ledger_in(std::env::var_os("XDG_DATA_HOME"), std::env::var_os("HOME"))
}

/// The configuration's place when nobody names one: `./denywatch.toml`, else `denywatch/denywatch.toml` in
/// `$XDG_CONFIG_HOME` or `~/.config`; `None` when neither is there.
pub fn default_config() -> Option<PathBuf> {
    let here = PathBuf::from("denywatch.toml");
    let home = config_in(std::env::var_os("XDG_CONFIG_HOME"), std::env::var_os("HOME"));
    Some(here).into_iter().chain(home).find(|path| path.is_file())
}

fn config_in(config: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    Some(given(config).or_else(|| given(home).map(|home| home.join(".config")))?.join("denywatch/denywatch.toml"))
}

/// The user's name, for what says who wrote it; `None` when the environment does not tell.
pub fn user() -> Option<String> {
    ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var_os(name)?.into_string().ok())
}

/// The text of a file.
///
/// # Errors
/// What the system says.
#[allow(clippy::disallowed_methods)] // the one place that reads configuration
pub fn read(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

/// A relative path in these variables is ignored, as the specification asks.
fn given(path: Option<OsString>) -> Option<PathBuf> {
    path.map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Variables that hold a GitHub token, in the order in which they are looked for: ours, then those of GitHub's own
/// command line and runners.
pub const GITHUB_TOKEN: [&str; 3] = ["DENYWATCH_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"];

/// The GitHub token in the environment; `None` where no variable of [`GITHUB_TOKEN`] holds one.
#[allow(clippy::disallowed_methods)] // this is the place that reads the environment
pub fn github_token() -> Option<super::secret::Secret> {
    let found = GITHUB_TOKEN.iter().filter_map(|name| std::env::var(name).ok()).find(|token| !token.trim().is_empty());
    found.map(|token| super::secret::Secret::new(&token))
}

fn ledger_in(data: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let data = given(data).or_else(|| given(home).map(|home| home.join(Path::new(".local/share"))))?;
    Some(data.join("denywatch/ledger.db"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(data: Option<&str>, home: Option<&str>, expect: Option<&str>) {
        assert_eq!(ledger_in(data.map(Into::into), home.map(Into::into)), expect.map(PathBuf::from));
    }

    #[test]
    fn the_configuration_lies_under_the_config_home() {
        let check = |config: Option<&str>, home: Option<&str>, expect: Option<&str>| {
            assert_eq!(config_in(config.map(Into::into), home.map(Into::into)), expect.map(PathBuf::from));
        };
        check(Some("/c"), Some("/h"), Some("/c/denywatch/denywatch.toml"));
        check(Some("c"), Some("/h"), Some("/h/.config/denywatch/denywatch.toml"));
        check(None, None, None);
    }

    #[test]
    fn the_ledger_lies_under_the_data_home() {
        check(Some("/d"), Some("/h"), Some("/d/denywatch/ledger.db"));
        check(None, Some("/h"), Some("/h/.local/share/denywatch/ledger.db"));
        check(Some("d"), Some("/h"), Some("/h/.local/share/denywatch/ledger.db"));
        check(Some(""), Some("/h"), Some("/h/.local/share/denywatch/ledger.db"));
        check(None, Some(""), None);
        check(None, None, None);
    }
}
