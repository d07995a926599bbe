//! Finding → Patch: where, what, how narrow.
