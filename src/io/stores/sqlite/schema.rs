//! The tables, and how an older file becomes a new one.

use super::older;
use rusqlite::{Connection, Transaction, TransactionBehavior};

/// Marks the file as a ledger: "DENY" (`PRAGMA application_id`).
pub(super) const APPLICATION: i64 = 0x4445_4e59;

/// One entry a schema version, the first leads to version 1. An entry that was released is never changed: add one.
pub(super) const MIGRATIONS: [&str; 6] = [
    "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    -- kind: 0 eventID, 1 sharedEventID
    CREATE TABLE event (kind INTEGER NOT NULL, id TEXT NOT NULL, at INTEGER, PRIMARY KEY (kind, id)) WITHOUT ROWID;
    CREATE TABLE finding (id TEXT PRIMARY KEY, account TEXT, arn TEXT, name TEXT, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE run (input TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE alert (finding TEXT NOT NULL, fingerprint TEXT NOT NULL, at INTEGER NOT NULL,
                        PRIMARY KEY (finding, fingerprint)) WITHOUT ROWID;
    CREATE TABLE quarantine (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL);
",
    // What was an alert's claim becomes what its receiver was told: the latest of `RECEIVER FINGERPRINT`, or
    // `RECEIVER ` for a report. The same poison is kept once.
    "
    CREATE TABLE delivery (id TEXT NOT NULL, destination TEXT NOT NULL, version INTEGER NOT NULL, open INTEGER NOT NULL,
                           body TEXT NOT NULL, PRIMARY KEY (id, destination)) WITHOUT ROWID;
    CREATE INDEX delivery_open ON delivery (id) WHERE open;
    INSERT INTO delivery
        SELECT finding, receiver, 1, 0, json_object('version', 1, 'told', json_object(
            'fingerprint', fingerprint, 'posted', time, 'sent', time, 'last_denial', time, 'count', count))
        FROM (SELECT alert.finding, substr(fingerprint, 1, instr(fingerprint, ' ') - 1) AS receiver, max(alert.at),
                     substr(fingerprint, instr(fingerprint, ' ') + 1) AS fingerprint,
                     strftime('%Y-%m-%dT%H:%M:%SZ', alert.at, 'unixepoch') AS time,
                     coalesce(json_extract(finding.body, '$.count'), 0) AS count
              FROM alert LEFT JOIN finding ON finding.id = alert.finding
              WHERE instr(fingerprint, ' ') > 1 GROUP BY alert.finding, receiver);
    DROP TABLE alert;
    DELETE FROM quarantine WHERE id NOT IN (SELECT min(id) FROM quarantine GROUP BY reason, body);
    CREATE UNIQUE INDEX quarantine_once ON quarantine (reason, body);
    CREATE INDEX event_at ON event (at);
",
    // Objects that were read to their end; id: 16 bytes of a hash of their key.
    "
    CREATE TABLE object (id BLOB PRIMARY KEY, mark TEXT NOT NULL, at INTEGER NOT NULL, bytes_read INTEGER NOT NULL,
                         bytes INTEGER NOT NULL, records INTEGER NOT NULL, denied INTEGER NOT NULL,
                         unreadable INTEGER NOT NULL) WITHOUT ROWID;
",
    // One row a target: its latest changes. What tasks leave for their next run.
    "
    CREATE TABLE change (target TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE state (task TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
",
    // An event's id that is written as CloudTrail writes them is kept as the 16 bytes that it stands for (see `EventId`);
    // SQLite's own functions see a text up to its first NUL. There is no index by time: it cost each event as much as the table,
    // and served nothing but the rare removal of old ones. Objects that were read lie packed (see `packed.rs`); what was before is
    // packed by [`older::pack`]. The tables have other names, so that a program of before that has the file open fails, instead of
    // counting once more what it does not find.
    "
    CREATE TABLE counted (kind INTEGER NOT NULL, id NOT NULL, at INTEGER, PRIMARY KEY (kind, id)) WITHOUT ROWID;
    INSERT INTO counted SELECT kind,
        CASE WHEN id GLOB '????????-????-????-????-????????????' AND id NOT GLOB '*[^0-9a-f-]*'
                  AND length(CAST(id AS BLOB)) = 36 AND length(unhex(id, '-')) = 16
             THEN unhex(id, '-') ELSE id END, at FROM event;
    DROP TABLE event;
    CREATE TABLE object_named (id INTEGER PRIMARY KEY, first BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
    CREATE TABLE object_hashed (id INTEGER PRIMARY KEY, first BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
    -- Without a rowid a key that is compared brings its whole row with it, and these rows are long.
    ALTER TABLE finding RENAME TO old;
    CREATE TABLE finding (id TEXT PRIMARY KEY, account TEXT, arn TEXT, name TEXT, body TEXT NOT NULL);
    INSERT INTO finding SELECT * FROM old ORDER BY id;
    DROP TABLE old;
    ALTER TABLE change RENAME TO old;
    CREATE TABLE change (target TEXT PRIMARY KEY, body TEXT NOT NULL);
    INSERT INTO change SELECT * FROM old ORDER BY target;
    DROP TABLE old;
    ALTER TABLE state RENAME TO old;
    CREATE TABLE state (task TEXT PRIMARY KEY, body TEXT NOT NULL);
    INSERT INTO state SELECT * FROM old ORDER BY task;
    DROP TABLE old;
",
    // A run's places are rows of their own, by account and Region, 0 where none is told; `part` counts those of one account and
    // Region. What was in the body of each run is put there by [`older::spread`]. A program of before that has the file open
    // finds its table gone, instead of a run without places.
    "
    CREATE TABLE run_sum (id INTEGER PRIMARY KEY, input TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
    CREATE TABLE run_place (run INTEGER NOT NULL, account NOT NULL, region NOT NULL, part INTEGER NOT NULL, first TEXT, last TEXT,
                            records INTEGER NOT NULL, PRIMARY KEY (run, account, region, part)) WITHOUT ROWID;
",
];

/// The version that packs objects.
const PACKED: i64 = 5;

/// The version that keeps a run's places in rows of their own.
const SPREAD: i64 = 6;

/// The newest schema known here.
pub(super) const KNOWN: i64 = MIGRATIONS.len() as i64;

/// What a file is.
pub(super) enum State {
    /// Up to date now.
    Ready,
    /// Written by a newer program.
    Newer(i64),
    /// Another program's.
    Foreign,
}

/// Brings a file to the newest schema, in one transaction: two programs that start at once do it once.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<State> {
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = change.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let application: i64 = change.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = change.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION && (tables > 0 || found != 0) {
        return Ok(State::Foreign);
    }
    if found > KNOWN {
        return Ok(State::Newer(found));
    }
    if found < KNOWN {
        step_up(&change, found)?;
        change.commit()?;
    }
    Ok(State::Ready)
}

fn step_up(change: &Transaction, found: i64) -> rusqlite::Result<()> {
    let done = usize::try_from(found).unwrap_or(0);
    for (migration, version) in MIGRATIONS.iter().zip(1..).skip(done) {
        change.execute_batch(migration)?;
        if version == PACKED {
            older::pack(change)?;
            change.execute_batch("DROP TABLE object")?;
        }
        if version == SPREAD {
            older::spread(change)?;
            change.execute_batch("DROP TABLE run")?;
        }
    }
    change.execute_batch(&format!("PRAGMA user_version = {KNOWN}; PRAGMA application_id = {APPLICATION};"))?;
    change.execute("INSERT OR REPLACE INTO meta VALUES ('schema_version', ?1)", [KNOWN.to_string()])?;
    Ok(())
}
