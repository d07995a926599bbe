//! The ledger: whether it can be read, and what lies in it too long.

use super::{Health, State};
use crate::io::clock;
use crate::io::settings::Settings;
use crate::io::stores::{self, Keep, LedgerError, StoreUri};
use jiff::SignedDuration;

const AREA: &str = "ledger";
/// What is due for longer has no outbox that makes it good.
const STUCK: SignedDuration = SignedDuration::from_hours(1);

/// On a thread of its own: a ledger waits by itself, and cannot end inside somebody else's waiting.
pub(super) fn look(store: Option<&str>, settings: Option<&Settings>, health: &mut Health) {
    let done = std::thread::scope(|scope| scope.spawn(|| look_here(store, settings, health)).join().is_ok());
    if !done {
        health.add(AREA, store.unwrap_or("the ledger"), State::Unknown, "could not be checked", None);
    }
}

fn look_here(store: Option<&str>, settings: Option<&Settings>, health: &mut Health) {
    let Some(store) = store else {
        return health.add(
            AREA,
            "the ledger",
            State::Unknown,
            "could not be checked: nobody names it",
            Some("name it with --store"),
        );
    };
    let Ok(uri) = store.parse::<StoreUri>() else {
        return health.fault(AREA, store, "it is no ledger", "write `dynamodb:TABLE` or `sqlite:PATH`");
    };
    let keep = settings.map_or_else(Keep::default, |settings| settings.keep.clone());
    let ledger = match stores::open_existing(&uri, &keep) {
        Ok(ledger) => ledger,
        Err(error) => return broken(store, &error, health),
    };
    let now = clock::now();
    let before = now.checked_sub(STUCK).unwrap_or(now);
    match ledger.open_deliveries(Some(before)) {
        Err(error) => return broken(store, &error, health),
        Ok(stuck) if stuck.is_empty() => health.ok(AREA, store, "it is read; nothing is due for longer than an hour"),
        Ok(stuck) => {
            let says = format!("{} messages are due for longer than an hour", stuck.len());
            health.fault(AREA, store, says, "see why they are not sent: infra/RUNBOOK.md, the outbox is stuck");
        }
    }
    match ledger.quarantined() {
        Ok(kept) if kept.is_empty() => {}
        Ok(kept) => {
            let says = format!("{} inputs lie in quarantine", kept.len());
            health.note(AREA, store, says, "look at them: infra/RUNBOOK.md, poison");
        }
        Err(error) => broken(store, &error, health),
    }
}

fn broken(store: &str, error: &LedgerError, health: &mut Health) {
    let cannot = |health: &mut Health, remedy| {
        health.add(AREA, store, State::Unknown, format!("could not be checked: {error}"), Some(remedy));
    };
    match error {
        LedgerError::Busy(_) => cannot(health, "try again"),
        LedgerError::NotBuilt => cannot(health, "use a build with the feature `dynamodb`"),
        LedgerError::Table { why, .. } if why.contains("AccessDenied") || why.contains("credentials") => {
            cannot(
                health,
                "let these credentials read the table: dynamodb:GetItem, dynamodb:Query, dynamodb:BatchGetItem",
            );
        }
        _ => health.fault(
            AREA,
            store,
            error.to_string(),
            "name the right one, or restore it: infra/RUNBOOK.md, the ledger is lost",
        ),
    }
}
