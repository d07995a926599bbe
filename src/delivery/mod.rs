//! Who is told of a finding, and when: the first message, its edits, the digest. Pure: time and state are handed in.

mod destination;
pub mod group;
mod seen;

pub use destination::{Destination, NoDestination};
pub use group::{Action, Decision, Pacing, Stage, Told, decide};
pub use seen::{Seen, Standing, fingerprint};
