//! Time, as far as pacing needs it; a double makes tests instant.

use std::future::Future;
use std::time::Duration;

/// A clock that only goes on, and waiting.
pub trait Pace {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;
    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;
}

/// Real time.
#[derive(Debug, Clone, Copy)]
pub struct RealPace(tokio::time::Instant);

impl RealPace {
    /// Starts counting now.
    pub fn start() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Pace for RealPace {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
