//! Credentials fetched once and shared by the SDK's clients and our own signed calls, until shortly before they expire.

use super::signed::now;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, Result, SharedCredentialsProvider, future};
use std::time::Duration;
use tokio::sync::Mutex;

/// Credentials are fetched anew so long before they expire.
const EARLY: Duration = Duration::from_secs(300);

/// Keeps what another provider gave.
#[derive(Debug)]
pub(super) struct Kept {
    inner: SharedCredentialsProvider,
    kept: Mutex<Option<Credentials>>,
}

impl Kept {
    /// Over `inner`; nothing is fetched yet.
    pub(super) fn new(inner: SharedCredentialsProvider) -> Self {
        Self { inner, kept: Mutex::default() }
    }

    async fn get(&self) -> Result {
        let mut kept = self.kept.lock().await;
        let soon = now() + EARLY;
        if let Some(good) = kept.as_ref().filter(|kept| kept.expiry().is_none_or(|expiry| expiry > soon)) {
            return Ok(good.clone());
        }
        let fresh = self.inner.provide_credentials().await?;
        *kept = Some(fresh.clone());
        Ok(fresh)
    }
}

impl ProvideCredentials for Kept {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Debug)]
    struct Counting(Arc<AtomicUsize>, Duration);

    impl ProvideCredentials for Counting {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            self.0.fetch_add(1, Ordering::SeqCst);
            let expiry = Some(now() + self.1);
            future::ProvideCredentials::ready(Ok(Credentials::new("AKIAIOSFODNN7EXAMPLE", "s", None, expiry, "test")))
        }
    }

    async fn fetches(life: Duration) -> usize {
        let count = Arc::<AtomicUsize>::default();
        let kept = Kept::new(SharedCredentialsProvider::new(Counting(Arc::clone(&count), life)));
        for _ in 0..3 {
            kept.provide_credentials().await.unwrap();
        }
        count.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn fetched_once_until_they_run_out() {
        assert_eq!(fetches(Duration::from_secs(3_600)).await, 1);
        assert_eq!(fetches(Duration::from_secs(60)).await, 3);
    }
}
