//! `userIdentity` or an ARN → `Principal`: who holds the policies behind a call.
