//! AWS: configuration loaded once, every call through the [`guard`].

pub mod allow;
#[cfg(feature = "live")]
pub mod ask;
#[cfg(feature = "s3")]
pub mod bucket;
mod credentials;
pub mod guard;
#[cfg(feature = "live")]
pub mod judges;
#[cfg(feature = "s3")]
pub mod listing;
#[cfg(feature = "live")]
pub mod object;
#[cfg(feature = "live")]
pub mod publish;
pub mod secret;
pub mod signed;
#[cfg(feature = "notify")]
pub mod start;
#[cfg(feature = "live")]
pub mod xml;

use crate::io::http;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use credentials::Kept;
use guard::{GuardedClient, GuardedConnector};
use signed::Signed;

/// What the user says about the account to talk to; what is `None` the SDK finds by its own rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `--profile`.
    pub profile: Option<String>,
    /// `--region`.
    pub region: Option<String>,
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
        let guarded = GuardedClient::new(http::client());
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(guarded);
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        Self::around(loader.load().await)
    }

    /// Wraps a configuration; its HTTP client is replaced by the guarded one.
    pub fn from_config(config: SdkConfig) -> Self {
        Self::around(config.into_builder().http_client(GuardedClient::new(http::client())).build())
    }

    fn around(config: SdkConfig) -> Self {
        let kept = config.credentials_provider().map(|inner| SharedCredentialsProvider::new(Kept::new(inner)));
        let mut config = config.into_builder();
        config.set_credentials_provider(kept);
        let config = config.build();
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
    use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};

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
    async fn the_loaded_client_is_guarded() {
        let aws = Aws::load(&Options { profile: None, region: Some("eu-west-1".into()) }).await;
        let client = format!("{:?}", aws.config().http_client().unwrap());
        assert!(client.contains("GuardedClient"), "{client}");
        assert_eq!(aws.config().region().unwrap().as_ref(), "eu-west-1");
    }
}
