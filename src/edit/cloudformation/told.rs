//! What a deployed stack says of itself: `aws cloudformation describe-stack-resources` or `list-stack-resources`.

use super::value::Stage;
use crate::arn::Arn;
use crate::edit::SourceFile;
use serde_json::Value;

/// One resource of a deployed stack.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Deployed {
    logical: String,
    /// A name, a URL or an ARN.
    physical: String,
    stack: Option<String>,
    region: Option<String>,
}

/// All that the listings tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told(Vec<Deployed>);

impl Told {
    /// Reads every file that is such a listing; others are passed over.
    pub(super) fn read<'f>(files: impl Iterator<Item = &'f SourceFile>) -> Self {
        let listings = files.filter(|file| file.text.contains("LogicalResourceId"));
        Self(listings.flat_map(|file| listing(&file.text)).collect())
    }

    /// The stage of the stack in which this logical id bears the name; `None` where no listing says so.
    pub(super) fn stage(&self, logical: &str, name: &str, before: &Stage) -> Option<Stage> {
        let is_it = |one: &&Deployed| one.logical == logical && (one.physical == name || last(&one.physical) == name);
        let own = self.0.iter().find(is_it)?;
        let mut stage = before.clone();
        let known = [("AWS::StackName", &own.stack), ("AWS::Region", &own.region)];
        for (key, value) in known {
            value.iter().for_each(|value| drop(stage.known.insert(key.to_owned(), (*value).clone())));
        }
        for one in self.0.iter().filter(|one| one.stack == own.stack) {
            stage.physical.insert(one.logical.clone(), last(&one.physical).to_owned());
        }
        Some(stage)
    }
}

/// The name in a URL or ARN.
fn last(physical: &str) -> &str {
    let is_url = physical.starts_with("https://");
    let is_arn = physical.parse::<Arn>().is_ok();
    if is_url || is_arn { physical.rsplit(['/', ':']).next().unwrap_or(physical) } else { physical }
}

fn listing(text: &str) -> Vec<Deployed> {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let list = value.get("StackResources").or_else(|| value.get("StackResourceSummaries"));
    let one = |resource: &Value| {
        let text = |key: &str| resource.get(key).and_then(Value::as_str).map(str::to_owned);
        let id: Option<Arn> = text("StackId").and_then(|id| id.parse().ok());
        Some(Deployed {
            logical: text("LogicalResourceId")?,
            physical: text("PhysicalResourceId")?,
            stack: text("StackName"),
            region: id.map(|id| id.region),
        })
    };
    list.and_then(Value::as_array).into_iter().flatten().filter_map(one).collect()
}
