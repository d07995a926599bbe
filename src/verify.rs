//! Patch → Applicability: replays the denials before and after.
