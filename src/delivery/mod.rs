//! Who is told of a finding, and when: routes, owners, the first message, its edits, the digest. Pure: time and state
//! are handed in.
//!
//! [`Routes::route`] says who hears of it now and who with the digest; for each of the former [`Policy::decide`] says,
//! from what the receiver knows ([`Told`], kept in the ledger), whether a message goes out, an edit, or nothing yet.

mod codeowners;
mod destination;
pub mod group;
mod owner;
mod pace;
mod route;
mod seen;

pub use codeowners::Codeowners;
pub use destination::{Destination, NoDestination};
pub use group::{Action, Decision, Pacing, Stage, Told, decide};
pub use owner::{Account, Found, Owners, Source, Tags};
pub use pace::{Bucket, Policy, Quiet, Rate};
pub use route::{Asks, CodePlace, Floor, Receiver, Route, Routed, Routes};
pub use seen::{Seen, Standing, fingerprint};
