//! Record or text → `Denial`: what AWS said, nothing concluded.
