//! What the function needs before its first event: settings from the environment's text, receivers from settings.

use super::secret::{SecretError, Secrets, fetch};
use super::signed::CallError;
use super::{Aws, object};
use crate::delivery::Destination;
use crate::io::config;
use crate::io::secret::SecretRef;
use crate::io::settings::{CodeownersFile, Settings, SettingsError};
use crate::io::sinks::pagerduty::{self, PagerDutySink};
use crate::io::sinks::slack_app::{self, SlackAppSink};
use crate::io::sinks::{
    Sink, slack::SlackSink, sns::SnsSink, stdout::StreamSink, teams::TeamsSink, webhook::WebhookSink,
};
use std::path::Path;
use std::sync::Arc;

/// Why the function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `DENYWATCH_CONFIG` is absent or empty.
    #[error(
        "`DENYWATCH_CONFIG` is not set: give it the configuration, or where it is: `s3://BUCKET/KEY`, `ssm:NAME`, the path of a file"
    )]
    NoConfig,
    /// It names a place that cannot be one.
    #[error("`{0}` is no object of S3: write `s3://BUCKET/KEY`")]
    NoObject(String),
    /// An object that cannot be read.
    #[error("cannot read `{place}`: {source}")]
    Object {
        /// Which one.
        place: String,
        /// What went wrong.
        source: CallError,
    },
    /// A parameter that cannot be read.
    #[error("the configuration: {0}")]
    Parameter(#[from] SecretError),
    /// A file that cannot be read.
    #[error("cannot read `{path}`: {source}")]
    File {
        /// Which one.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The settings themselves.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// Settings from the text of `DENYWATCH_CONFIG`: inline TOML or JSON, or the place of it; `store`, from
/// `DENYWATCH_STORE`, goes before `store.uri`.
///
/// # Errors
/// [`StartError`].
pub async fn settings(aws: &Aws, config: Option<&str>, store: Option<&str>) -> Result<Settings, StartError> {
    let text = config.map(str::trim).filter(|text| !text.is_empty()).ok_or(StartError::NoConfig)?;
    let mut settings = match is_place(text) {
        true => Settings::parse(&text_at(aws, text).await?)?,
        false => Settings::parse(text)?,
    };
    if let Some(CodeownersFile(place)) = settings.codeowners.clone() {
        settings = settings.with_codeowners(&text_at(aws, &place).await?);
    }
    if let Some(store) = store.filter(|store| !store.is_empty()) {
        settings.store = Some(store.to_owned());
    }
    Ok(settings)
}

/// No TOML and no JSON begins so.
fn is_place(text: &str) -> bool {
    !text.contains('\n') && ["s3://", "ssm:", "/", "./"].iter().any(|start| text.starts_with(start))
}

/// The text at `s3://BUCKET/KEY`, `ssm:NAME` or a path.
async fn text_at(aws: &Aws, place: &str) -> Result<String, StartError> {
    if place.starts_with("s3://") {
        let (bucket, key) = object::place(place).ok_or_else(|| StartError::NoObject(place.to_owned()))?;
        let read = aws.signed().object(bucket, key).await;
        return read.map_err(|source| StartError::Object { place: place.to_owned(), source });
    }
    if place.starts_with("ssm:") {
        let name = SecretRef::parse("DENYWATCH_CONFIG", place).map_err(SettingsError::from)?;
        return Ok(fetch(aws.signed(), &name).await?);
    }
    config::read(Path::new(place)).map_err(|source| StartError::File { path: place.to_owned(), source })
}

/// Whether a switch in the environment is on: anything but `0`, `false`, `no`, `off` and nothing, since who sets it in
/// haste means it.
pub fn is_on(text: Option<&str>) -> bool {
    let text = text.map(|text| text.trim().to_ascii_lowercase());
    text.is_some_and(|text| !matches!(text.as_str(), "" | "0" | "false" | "no" | "off"))
}

/// The receivers of the settings, each with its client, sorted.
pub fn sinks(aws: &Aws, settings: &Settings) -> Vec<Box<dyn Sink>> {
    let secrets = Arc::new(Secrets::new(aws.signed().clone()));
    let all = settings.routes.destinations();
    all.iter().filter_map(|destination| sink(aws, &secrets, settings, destination)).collect()
}

/// `None` never happens: [`Settings::parse`] refuses a receiver without what it needs.
fn sink(aws: &Aws, secrets: &Arc<Secrets>, settings: &Settings, to: &Destination) -> Option<Box<dyn Sink>> {
    let secrets = Arc::clone(secrets);
    Some(match to {
        Destination::SlackWebhook => Box::new(SlackSink::new(secrets, settings.slack.as_ref()?.secret.clone())),
        Destination::SlackChannel(channel) => {
            let slack = settings.slack.as_ref()?;
            let api = slack.api.as_deref().unwrap_or(slack_app::API);
            Box::new(SlackAppSink::new(secrets, slack.secret.clone(), api, channel))
        }
        Destination::Sns(topic) => Box::new(SnsSink::new(aws, topic)),
        Destination::Q(topic) => Box::new(SnsSink::q(aws, topic)),
        Destination::PagerDuty(name) => {
            let service = settings.pagerduty.get(name)?;
            let api = service.api.as_deref().unwrap_or(pagerduty::API);
            Box::new(PagerDutySink::new(secrets, service.secret.clone(), api, name))
        }
        Destination::Teams(name) => Box::new(TeamsSink::new(secrets, settings.teams.get(name)?.clone(), name)),
        Destination::Webhook(name) => {
            let program = settings.webhooks.get(name)?;
            Box::new(WebhookSink::new(secrets, program.secret.clone(), &program.url, name))
        }
        Destination::Stdout => Box::new(StreamSink::stdout()),
    })
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
        assert_eq!(names, ["slack", "sns:arn:aws:sns:us-east-2:111122223333:iam-denials"]);
    }

    #[tokio::test]
    async fn from_a_bucket_and_from_a_file_with_the_codeowners_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let (file, owners) = (dir.path().join("denywatch.toml"), dir.path().join("CODEOWNERS"));
        let text = format!("version = 1\n[owner.codeowners]\nfile = '{}'\n[[route]]\nto = 'stdout'", owners.display());
        crate::io::sinks::file::write(&file, &text).unwrap();
        crate::io::sinks::file::write(&owners, "* @org/all").unwrap();
        let body = text.clone();
        let s3 = Server::start(move |_, _| Reply::new(200, body.clone()));
        let aws = Aws::from_config(crate::io::aws::tests::config(&s3.url()));
        let of_file = settings(&aws, file.to_str(), None).await.unwrap();
        assert_eq!(of_file.routes.owners.codeowners.of("a"), ["@org/all"]);
        assert_eq!(settings(&aws, Some("s3://acme/denywatch/config.toml"), None).await.unwrap(), of_file);
        assert_eq!(s3.seen()[0].target, "/acme/denywatch/config.toml");
    }

    #[test]
    fn a_switch_is_on_unless_it_says_off() {
        let off = [None, Some(""), Some(" "), Some("0"), Some("False"), Some("no"), Some("OFF")];
        assert!(off.iter().all(|text| !is_on(*text)));
        assert!(["1", "true", "yes", "please"].iter().all(|text| is_on(Some(text))));
    }

    #[tokio::test]
    async fn what_is_not_read_says_so() {
        let error = async |config| read(config, None).await.unwrap_err().to_string();
        assert!(error(None).await.starts_with("`DENYWATCH_CONFIG` is not set"));
        assert!(error(Some(" ")).await.starts_with("`DENYWATCH_CONFIG` is not set"));
        assert_eq!(error(Some("s3://acme")).await, "`s3://acme` is no object of S3: write `s3://BUCKET/KEY`");
        assert!(error(Some("/no/such/denywatch.toml")).await.starts_with("cannot read `/no/such/denywatch.toml`"));
        assert!(error(Some("ssm:a b")).await.starts_with("`DENYWATCH_CONFIG` must name a secret"));
        assert!(error(Some("version = 1")).await.starts_with("configuration: alerts have nowhere to go"));
    }
}
