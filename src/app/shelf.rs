//! Report → the bucket of reports, in every form under the name of its week; and the link that messages bear.

use crate::io::aws::Aws;
use crate::io::aws::publish::Object;
use crate::io::aws::signed::CallError;
use crate::io::settings::{ReportPlace, Settings};
use crate::render::report_files::ReportFormat;
use crate::render::report_note::{Dies, Link};
use crate::report::Report;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tracing::warn;

/// A presigned link lives no longer than this.
/// See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html>.
const LIVES: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Where reports are kept.
#[derive(Debug, Clone)]
pub struct Shelf {
    aws: Aws,
    place: ReportPlace,
    base_url: Option<String>,
}

impl Shelf {
    /// Of these settings; `None` where they name no bucket.
    pub fn of(aws: &Aws, settings: &Settings) -> Option<Self> {
        let place = settings.report.place.clone()?;
        Some(Self { aws: aws.clone(), place, base_url: settings.base_url.clone() })
    }

    /// Puts the report there, in the place of the same week's, and as the latest one. What besides the page is not put is
    /// told in the log.
    ///
    /// # Errors
    /// The page could not be put, or no link could be made.
    pub async fn keep(&self, report: &Report, now: Timestamp) -> Result<Link, CallError> {
        let mut page = None;
        for format in ReportFormat::ALL {
            let name = format.file_name(report);
            let put = match format.render(report) {
                Ok(text) => self.put(&name, format, text).await,
                Err(error) => Err(CallError::Request(error.to_string())),
            };
            match (format, put) {
                (ReportFormat::Html, Ok(region)) => page = Some((name, region)),
                (ReportFormat::Html, Err(error)) => return Err(error),
                (_, Ok(_)) => {}
                (_, Err(error)) => warn!(%error, name, "a form of the report was not kept"),
            }
        }
        if let Ok(text) = ReportFormat::Html.render(report)
            && let Err(error) = self.put("latest.html", ReportFormat::Html, text).await
        {
            warn!(%error, "the latest report is not the latest");
        }
        let (name, region) = page.ok_or_else(|| CallError::Request("there is no page".into()))?;
        self.link(&name, region.as_deref(), now).await
    }

    async fn put(&self, name: &str, format: ReportFormat, text: String) -> Result<Option<String>, CallError> {
        let key = format!("{}{name}", self.place.prefix);
        let object = Object { bucket: &self.place.bucket, key: &key, content_type: format.content_type(), text };
        self.aws.signed().put(&object).await
    }

    async fn link(&self, name: &str, region: Option<&str>, now: Timestamp) -> Result<Link, CallError> {
        if let Some(base) = &self.base_url {
            return Ok(Link { url: format!("{}/{name}", base.trim_end_matches('/')), dies: None });
        }
        let key = format!("{}{name}", self.place.prefix);
        let signed = self.aws.signed().presigned(region, (&self.place.bucket, &key), LIVES).await?;
        let latest = now.checked_add(SignedDuration::try_from(LIVES).unwrap_or_default()).unwrap_or(now);
        let session = signed.session_ends.and_then(|end| Timestamp::try_from(end).ok());
        let dies = match (session, signed.of_session) {
            (Some(end), _) => Dies::At(end.min(latest)),
            (None, true) => Dies::WithSession(latest),
            (None, false) => Dies::At(latest),
        };
        Ok(Link { url: signed.url, dies: Some(dies) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::doubles::{Reply, Server};
    use crate::report::{Facts, Period, Scope, sample};

    fn shelf(server: &Server, more: &str) -> Shelf {
        let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
        let config =
            format!("version = 1\n[report]\nbucket = 's3://acme-reports/weekly'\n{more}\n[[route]]\nto = 'stdout'");
        Shelf::of(&aws, &Settings::parse(&config).unwrap()).unwrap()
    }

    fn report() -> Report {
        let all = [sample::pipeline()];
        Report::build(&Facts::of(&all), Period::week_of(jiff::civil::date(2026, 11, 11)), &Scope::default())
    }

    fn now() -> Timestamp {
        "2026-11-16T07:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn each_form_has_the_weeks_name_and_a_second_run_replaces_it() {
        let server = Server::start(|_, _| Reply::new(200, ""));
        let shelf = shelf(&server, "base_url = 'https://reports.example.com/x/'");
        let link = shelf.keep(&report(), now()).await.unwrap();
        assert_eq!(link, Link { url: "https://reports.example.com/x/2026-W46.html".into(), dies: None });
        shelf.keep(&report(), now()).await.unwrap();
        let put: Vec<String> = server.seen().iter().map(|one| one.target.clone()).collect();
        let names = ["2026-W46.html", "2026-W46.json", "2026-W46.csv", "2026-W46.md", "latest.html"];
        let expect: Vec<String> = names.iter().map(|name| format!("/acme-reports/weekly/{name}")).collect();
        assert_eq!(put, [expect.clone(), expect].concat());
        let seen = server.seen();
        assert_eq!(
            (seen[0].body.as_str(), &seen[0].body),
            (ReportFormat::Html.render(&report()).unwrap().as_str(), &seen[5].body)
        );
    }

    #[tokio::test]
    async fn a_presigned_link_says_when_it_dies() {
        let server = Server::start(|_, _| Reply::new(200, ""));
        let link = shelf(&server, "").keep(&report(), now()).await.unwrap();
        assert!(link.url.contains("/acme-reports/weekly/2026-W46.html?X-Amz-"), "{}", link.url);
        assert_eq!(link.dies, Some(Dies::At("2026-11-23T07:00:00Z".parse().unwrap())));
    }

    #[tokio::test]
    async fn what_is_refused_is_told() {
        let server = Server::start(|_, _| Reply::new(403, "<Error><Code>AccessDenied</Code></Error>"));
        let error = shelf(&server, "").keep(&report(), now()).await.unwrap_err();
        assert_eq!(error.to_string(), "`PutObject`: AccessDenied: ");
        let json_refused = Server::start(|request, _| {
            Reply::new(
                if request.target.ends_with(".json") { 403 } else { 200 },
                "<Error><Code>AccessDenied</Code></Error>",
            )
        });
        assert!(shelf(&json_refused, "").keep(&report(), now()).await.is_ok(), "the page is what counts");
    }
}
