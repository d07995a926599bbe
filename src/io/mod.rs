//! All that can fail for outside reasons: the only async, SDK, file, environment and clock.
