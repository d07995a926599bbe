//! Finding → Verdict; one file a rule family.
