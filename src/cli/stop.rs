//! Ctrl-C: the work ends where it leaves nothing half done; a second one ends it at once.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long nothing is said.
const PATIENCE: Duration = Duration::from_secs(1);

static STOP: AtomicBool = AtomicBool::new(false);
static WATCHED: Once = Once::new();

/// What becomes true at Ctrl-C, from now on.
pub(super) fn flag() -> anyhow::Result<&'static AtomicBool> {
    let mut set = Ok(());
    WATCHED.call_once(|| {
        set = ctrlc::set_handler(|| {
            if STOP.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(super::scan::INTERRUPTED));
            }
            // Mostly it has ended before; a large file, or a pipe that gives nothing, may take long.
            std::thread::spawn(|| {
                std::thread::sleep(PATIENCE);
                anstream::eprintln!("denywatch ends behind what it reads now; Ctrl-C again ends it at once");
            });
        });
    });
    set?;
    Ok(&STOP)
}
