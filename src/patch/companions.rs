//! Permissions that the same work is likely to be refused next: told beside the patch, never mixed into it.
