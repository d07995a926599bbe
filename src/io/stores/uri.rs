//! `sqlite:PATH`, `dynamodb:TABLE` → a place of the ledger.

use std::path::PathBuf;
use std::str::FromStr;

/// Where the ledger lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUri {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// A table of DynamoDB: its name, or its ARN.
    Dynamo(String),
}

/// A store that this program does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown store `{0}`: write `sqlite:PATH` or `dynamodb:TABLE`")]
pub struct UnknownStore(String);

impl FromStr for StoreUri {
    type Err = UnknownStore;

    /// ```
    /// use denywatch::io::stores::StoreUri;
    /// assert_eq!("sqlite:/var/lib/d.db".parse(), Ok(StoreUri::Sqlite("/var/lib/d.db".into())));
    /// assert_eq!("dynamodb:denywatch".parse(), Ok(StoreUri::Dynamo("denywatch".into())));
    /// let fault = "d.db".parse::<StoreUri>().unwrap_err().to_string();
    /// assert_eq!(fault, "unknown store `d.db`: write `sqlite:PATH` or `dynamodb:TABLE`");
    /// ```
    fn from_str(text: &str) -> Result<Self, UnknownStore> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("dynamodb", table)) if is_table(table) => Ok(Self::Dynamo(table.to_owned())),
            _ => Err(UnknownStore(text.to_owned())),
        }
    }
}

/// A name by AWS's rule, or an ARN of a table.
/// See <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>.
fn is_table(text: &str) -> bool {
    let name = match text.strip_prefix("arn:") {
        Some(arn) => arn.split_once(":table/").map_or("", |(_, name)| name),
        None => text,
    };
    (3..=255).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}
