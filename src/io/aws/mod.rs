//! AWS: configuration loaded once, every call through the [`guard`].

pub mod allow;
#[cfg(feature = "live")]
pub mod ask;
#[cfg(feature = "s3")]
pub mod bucket;
mod credentials;
pub mod failure;
pub mod guard;
#[cfg(feature = "live")]
pub mod judges;
#[cfg(feature = "s3")]
pub mod listing;
#[cfg(feature = "live")]
pub mod object;
#[cfg(feature = "live")]
pub mod publish;
#[cfg(feature = "live")]
pub mod queue;
pub mod secret;
pub mod signed;
#[cfg(feature = "notify")]
pub mod start;
#[cfg(feature = "live")]
pub mod xml;

use crate::io::http;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use credentials::Kept;
use guard::{GuardedClient, GuardedConnector};
use signed::Signed;
use std::sync::OnceLock;

/// What the user says about the account to talk to; what is `None` the SDK finds by its own rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `--profile`.
    pub profile: Option<String>,
    /// `--region`.
    pub region: Option<String>,
}

/// What holds where a caller names nothing: `--profile` and `--region`.
static OPTIONS: OnceLock<Options> = OnceLock::new();

/// Says once, before anything is loaded, what [`Aws::load`] takes where its caller names nothing.
pub fn set_options(options: Options) {
    // Said twice, the first word holds.
    drop(OPTIONS.set(options));
}

/// The configuration every client is built from. Build it once; clones are cheap.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    signed: Signed,
}

impl Aws {
    /// Loads configuration by the SDK's rules: environment, profile, instance. `AWS_ENDPOINT_URL` and
    /// `AWS_ENDPOINT_URL_<SERVICE>` hold. Credentials are not fetched yet.
    pub async fn load(options: &Options) -> Self {
        let usual = OPTIONS.get();
        let (profile, region) = (
            options.profile.as_ref().or(usual.and_then(|usual| usual.profile.as_ref())),
            options.region.as_ref().or(usual.and_then(|usual| usual.region.as_ref())),
        );
        let guarded = GuardedClient::new(http::client());
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(guarded);
        // Who gives out credentials may be silent, too.
        loader = loader.timeout_config(http::patience());
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = region {
            loader = loader.region(Region::new(region.clone()));
        }
        Self::around(loader.load().await)
    }

    /// Wraps a configuration; its HTTP client is replaced by the guarded one.
    pub fn from_config(config: SdkConfig) -> Self {
        Self::around(config.into_builder().http_client(GuardedClient::new(http::client())).build())
    }

    fn around(config: SdkConfig) -> Self {
        // The SDK waits for ever of itself.
        let mut patience = config.timeout_config().cloned().unwrap_or_else(http::patience);
        patience.take_defaults_from(&http::patience());
        let sleep = config.sleep_impl().unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new()));
        let kept = config.credentials_provider().map(|inner| SharedCredentialsProvider::new(Kept::new(inner)));
        let mut config = config.into_builder();
        config.set_credentials_provider(kept);
        let config = config.timeout_config(patience).sleep_impl(sleep).build();
        let signed = Signed::new(config.clone(), SharedHttpConnector::new(GuardedConnector::new(http::connector())));
        Self { config, signed }
    }

    /// For the SDK's clients.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The same account in another Region.
    pub fn in_region(&self, region: &str) -> SdkConfig {
        self.config.to_builder().region(Region::new(region.to_owned())).build()
    }

    /// For single calls without an SDK.
    pub fn signed(&self) -> &Signed {
        &self.signed
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use aws_credential_types::Credentials;

    /// A configuration that talks to `url` with AWS's documentation credentials.
    pub(crate) fn config(url: &str) -> SdkConfig {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(url)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .build()
    }

    #[tokio::test]
    async fn no_answer_is_waited_for_without_end() {
        use aws_smithy_types::timeout::TimeoutConfig;
        use std::time::Duration;
        let patience = |aws: &Aws| {
            let set = aws.config().timeout_config().unwrap();
            (set.connect_timeout().is_some(), set.read_timeout(), set.operation_attempt_timeout())
        };
        let ours = (true, Some(Duration::from_secs(20)), Some(Duration::from_secs(60)));
        let loaded = Aws::load(&Options { profile: None, region: Some("eu-west-1".into()) }).await;
        assert_eq!(patience(&loaded), ours);
        assert_eq!(patience(&Aws::from_config(config("http://127.0.0.1:1"))), ours);
        // What is set already stays.
        let set = TimeoutConfig::builder().read_timeout(Duration::from_secs(1)).build();
        let aws = Aws::from_config(config("http://127.0.0.1:1").into_builder().timeout_config(set).build());
        assert_eq!(patience(&aws), (true, Some(Duration::from_secs(1)), ours.2));
    }

    #[tokio::test]
    async fn the_loaded_client_is_guarded() {
        let aws = Aws::load(&Options { profile: None, region: Some("eu-west-1".into()) }).await;
        let client = format!("{:?}", aws.config().http_client().unwrap());
        assert!(client.contains("GuardedClient"), "{client}");
        assert_eq!(aws.config().region().unwrap().as_ref(), "eu-west-1");
    }
}
