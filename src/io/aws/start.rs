//! What the function needs before its first event: settings from the environment's text, receivers from settings.

use super::Aws;
use super::secret::{SecretError, Secrets, fetch};
use crate::delivery::Destination;
use crate::io::secret::SecretRef;
use crate::io::settings::{Settings, SettingsError};
use crate::io::sinks::{Sink, slack::SlackSink, sns::SnsSink};
use std::sync::Arc;

/// Why the function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `DENYWATCH_CONFIG` is absent or empty.
    #[error("`DENYWATCH_CONFIG` is not set: give it the configuration, or `ssm:NAME` of a parameter that holds it")]
    NoConfig,
    /// It names a place that is not read.
    #[error("`DENYWATCH_CONFIG` names an `s3://` object: this version reads it inline or from `ssm:NAME`")]
    NotRead,
    /// It names a parameter that cannot be read.
    #[error("`DENYWATCH_CONFIG`: {0}")]
    Parameter(#[from] SecretError),
    /// The settings themselves.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// Settings from the text of `DENYWATCH_CONFIG` (inline TOML or JSON, or `ssm:NAME`); `store`, from
/// `DENYWATCH_STORE`, goes before `store.uri`.
///
/// # Errors
/// [`StartError`].
pub async fn settings(aws: &Aws, config: Option<&str>, store: Option<&str>) -> Result<Settings, StartError> {
    let text = config.map(str::trim).filter(|text| !text.is_empty()).ok_or(StartError::NoConfig)?;
    let mut settings = if text.starts_with("s3://") {
        return Err(StartError::NotRead);
    } else if text.starts_with("ssm:") {
        let name = SecretRef::parse("DENYWATCH_CONFIG", text).map_err(SettingsError::from)?;
        Settings::parse(&fetch(aws.signed(), &name).await?)?
    } else {
        Settings::parse(text)?
    };
    if let Some(store) = store.filter(|store| !store.is_empty()) {
        settings.store = Some(store.to_owned());
    }
    Ok(settings)
}

/// The receivers of the settings, each with its client.
pub fn sinks(aws: &Aws, settings: &Settings) -> Vec<Box<dyn Sink>> {
    let secrets = Arc::new(Secrets::new(aws.signed().clone()));
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    for destination in settings.routes.destinations() {
        match (destination, &settings.slack) {
            (Destination::Sns(topic), _) => sinks.push(Box::new(SnsSink::new(aws, &topic))),
            (Destination::SlackWebhook, Some(slack)) => {
                sinks.push(Box::new(SlackSink::new(Arc::clone(&secrets), slack.secret.clone())));
            }
            _ => {}
        }
    }
    sinks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::doubles::{Reply, Server};
    use serde_json::json;

    const CONFIG: &str = "version = 1\n[slack]\nsecret = 'ssm:/denywatch/slack'\n\
                          [[route]]\nto = ['slack', 'sns:arn:aws:sns:us-east-2:111122223333:iam-denials']";

    async fn read(config: Option<&str>, store: Option<&str>) -> Result<Settings, StartError> {
        let body = json!({ "Parameter": { "Value": CONFIG } }).to_string();
        let ssm = Server::start(move |_, _| Reply::new(200, body.clone()));
        settings(&Aws::from_config(crate::io::aws::tests::config(&ssm.url())), config, store).await
    }

    #[tokio::test]
    async fn inline_and_from_a_parameter() {
        let inline = read(Some(CONFIG), None).await.unwrap();
        assert_eq!(inline, read(Some("ssm:/denywatch/config"), None).await.unwrap());
        assert_eq!(inline.store, None);
        assert_eq!(read(Some(CONFIG), Some("sqlite:/tmp/d")).await.unwrap().store.as_deref(), Some("sqlite:/tmp/d"));
        let aws = Aws::from_config(crate::io::aws::tests::config("http://127.0.0.1:1"));
        let sinks = sinks(&aws, &inline);
        let names: Vec<&str> = sinks.iter().map(|sink| sink.name()).collect();
        assert_eq!(names, ["slack", "arn:aws:sns:us-east-2:111122223333:iam-denials"]);
    }

    #[tokio::test]
    async fn what_is_not_read_says_so() {
        let error = async |config| read(config, None).await.unwrap_err().to_string();
        assert!(error(None).await.starts_with("`DENYWATCH_CONFIG` is not set"));
        assert!(error(Some(" ")).await.starts_with("`DENYWATCH_CONFIG` is not set"));
        let s3 = error(Some("s3://acme/denywatch.toml")).await;
        assert_eq!(s3, "`DENYWATCH_CONFIG` names an `s3://` object: this version reads it inline or from `ssm:NAME`");
        assert!(error(Some("ssm:a b")).await.starts_with("`DENYWATCH_CONFIG` must name a secret"));
        assert!(error(Some("version = 1")).await.starts_with("configuration: alerts have nowhere to go"));
    }
}
