//! stub
mod period;
#[cfg(test)]
pub(crate) mod sample;
pub use period::Period;
/// rank
pub fn rank(a: &crate::advice::Advice, b: &crate::advice::Advice) -> std::cmp::Ordering {
    a.id.cmp(&b.id)
}
