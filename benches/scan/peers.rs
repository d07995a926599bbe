//! What others take for the same.

use std::path::Path;
use std::process::Command;

/// Another program that finds denied events in an archive.
pub struct Peer {
    pub name: &'static str,
    /// `FOLDER` in it is the archive.
    shell: &'static str,
}

/// Taken where they are installed; the Python ones may be in a place of their own:
/// `python3 -m venv target/venv-peers && target/venv-peers/bin/pip install duckdb trailscraper`.
pub const PEERS: [Peer; 3] = [
    Peer {
        name: "zcat and jq",
        shell: "command -v jq >/dev/null && find FOLDER -name '*.gz' | xargs zcat | \
                jq -c '.Records[] | select(.errorCode == \"AccessDenied\") | .eventID' >/dev/null",
    },
    Peer {
        name: "DuckDB (Python)",
        shell: "python3 -c 'import duckdb' 2>/dev/null && python3 -c \"import duckdb; duckdb.sql('set threads=1'); \
                print(duckdb.sql(\\\"select count(*) from (select unnest(Records) as r from \
                read_json('FOLDER/**/*.gz', columns={'Records': 'STRUCT(errorCode VARCHAR, eventID VARCHAR)[]'}, \
                maximum_object_size=100000000)) where r.errorCode = 'AccessDenied'\\\").fetchall())\" >/dev/null",
    },
    Peer {
        name: "trailscraper select",
        shell: "command -v trailscraper >/dev/null && trailscraper select --log-dir FOLDER >/dev/null 2>&1",
    },
];

impl Peer {
    /// CPU seconds, of all its processes; `None` where it is not installed.
    pub fn run(&self, folder: &Path) -> Option<f64> {
        let before = of_children();
        let shell = format!("PATH=\"target/venv-peers/bin:$PATH\"; {}", self.shell);
        let shell = shell.replace("FOLDER", &folder.display().to_string());
        let done = Command::new("sh").arg("-c").arg(shell).output().ok()?;
        done.status.success().then(|| of_children() - before)
    }
}

/// CPU seconds of processes that were waited for.
fn of_children() -> f64 {
    let told = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = told.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|one| one.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(13) + ticks(14)) / 100.0
}
