//! Several queries, one look at the ledger.

use rusqlite::Connection;

/// Reads in one transaction, that of the caller where there is one: each query by itself would take locks of the file and give
/// them back. `failed` makes the reader's own error of SQLite's.
pub(super) fn at_once<T, E>(
    connection: &Connection,
    failed: impl Fn(rusqlite::Error) -> E,
    read: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    if !connection.is_autocommit() {
        return read();
    }
    let run = |sql| connection.prepare_cached(sql).and_then(|mut run| run.execute([])).map(drop);
    run("BEGIN").map_err(&failed)?;
    let read = read().and_then(|read| run("COMMIT").map(|()| read).map_err(&failed));
    if read.is_err() && !connection.is_autocommit() {
        // What failed first is what there is to tell.
        let _ = run("ROLLBACK");
    }
    read
}

#[cfg(test)]
mod tests {
    use super::super::packed::broken;
    use super::*;

    fn read<T>(connection: &Connection, read: impl FnOnce() -> rusqlite::Result<T>) -> Result<T, String> {
        at_once(connection, |error| error.to_string(), || read().map_err(|error| error.to_string()))
    }

    #[test]
    fn what_failed_first_is_told_and_no_transaction_stays_open() {
        let connection = Connection::open_in_memory().unwrap();
        let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, x REFERENCES t DEFERRABLE INITIALLY DEFERRED)";
        connection.execute_batch(&format!("PRAGMA foreign_keys = ON; {table}")).unwrap();
        let told = read(&connection, || connection.execute_batch("ROLLBACK").and_then(|()| Err::<(), _>(broken())));
        assert_eq!(told.unwrap_err(), broken().to_string());
        let told = read(&connection, || connection.execute("INSERT INTO t VALUES (1, 2)", []));
        assert!(told.unwrap_err().contains("FOREIGN KEY"), "what ends it fails");
        assert!(connection.is_autocommit());
        let told = read(&connection, || Err::<(), _>(broken()));
        assert_eq!((told.unwrap_err(), connection.is_autocommit()), (broken().to_string(), true));
        assert_eq!(read(&connection, || Ok(5)).unwrap(), 5);
    }

    #[test]
    fn a_transaction_that_is_open_stays_the_callers() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("BEGIN").unwrap();
        assert_eq!(read(&connection, || Ok(5)), Ok(5));
        assert_eq!(read(&connection, || Err::<(), _>(broken())), Err(broken().to_string()));
        assert!(!connection.is_autocommit());
    }

    #[test]
    fn all_queries_see_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Connection::open(folder.path().join("ledger.db")).unwrap();
        let (connection, other) = (open(), open());
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)").unwrap();
        let count = || connection.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
        let seen = read(&connection, || {
            let before = count()?;
            other.execute("INSERT INTO t VALUES (1)", [])?;
            Ok((before, count()?))
        });
        assert_eq!((seen, count().unwrap()), (Ok((0, 0)), 1));
    }
}
