//! SQL that yields the denied records of a period, for engines that read an archive where it lies: Amazon Athena over the
//! log files, CloudTrail Lake over an event data store.
//!
//! The conditions take in every denial and a few other errors; what a record means is decided by whoever reads the rows.
//! See <https://docs.aws.amazon.com/athena/latest/ug/create-cloudtrail-table-partition-projection.html>,
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/query-lake-cli.html>.

use crate::denial::code::{self, Codes};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeSet;

/// Which denials are asked for; an empty question takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// From here on.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
    /// Accounts whose trail recorded them.
    pub accounts: BTreeSet<String>,
    /// Regions in which they happened.
    pub regions: BTreeSet<String>,
    /// Error codes that are denials besides the built-in ones.
    pub codes: Codes,
}

/// A name that could not be what it should be: it is never put into a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// A table of Athena.
    #[error("`{0}` is no table: write `TABLE` or `DATABASE.TABLE`, of letters, digits and underscores")]
    Table(String),
    /// An event data store of CloudTrail Lake.
    #[error("`{0}` is no event data store: give its ARN, or the id at the ARN's end")]
    Store(String),
    /// The place of the log files.
    #[error("`{0}` is no archive: write `s3://BUCKET/[PREFIX/]AWSLogs/` or `…/AWSLogs/o-ID/`")]
    Location(String),
    /// An account.
    #[error("`{0}` is no account: twelve digits")]
    Account(String),
    /// A Region.
    #[error("`{0}` is no Region")]
    Region(String),
    /// A table over log files has to know its accounts.
    #[error("name the accounts that the table is to cover: --only-account 111122223333,…")]
    NoAccount,
}

/// The first day of a table whose question has none: CloudTrail began that year.
const FIRST_DAY: &str = "2013/01/01";
/// An event is in the folder of its delivery, which may be the next day's.
const LATE_DAYS: i64 = 1;

/// Columns of an Athena table over log files, with their types.
const COLUMNS: [(&str, &str); 23] = [
    ("eventversion", "string"),
    ("useridentity", USER_IDENTITY),
    ("eventtime", "string"),
    ("eventsource", "string"),
    ("eventname", "string"),
    ("awsregion", "string"),
    ("sourceipaddress", "string"),
    ("useragent", "string"),
    ("errorcode", "string"),
    ("errormessage", "string"),
    ("requestparameters", "string"),
    ("responseelements", "string"),
    ("additionaleventdata", "string"),
    ("requestid", "string"),
    ("eventid", "string"),
    ("readonly", "string"),
    ("resources", "array<struct<arn:string,accountid:string,type:string>>"),
    ("eventtype", "string"),
    ("apiversion", "string"),
    ("recipientaccountid", "string"),
    ("sharedeventid", "string"),
    ("vpcendpointid", "string"),
    ("eventcategory", "string"),
];

const USER_IDENTITY: &str = "struct<type:string,principalid:string,arn:string,accountid:string,invokedby:string,accesskeyid:string,\
    username:string,sessioncontext:struct<attributes:struct<mfaauthenticated:string,creationdate:string>,\
    sessionissuer:struct<type:string,principalid:string,arn:string,accountid:string,username:string>,ec2roledelivery:string,\
    webidfederationdata:struct<federatedprovider:string,attributes:map<string,string>>>,\
    onbehalfof:struct<userid:string,identitystorearn:string>>";

/// What is read of a record, in Athena's letter case. Structs are made JSON: Athena's own text for them quotes nothing, so
/// that an object's key could pose as another resource.
const READ: [&str; 20] = [
    "eventversion",
    "json_format(CAST(useridentity AS JSON)) AS useridentity",
    "eventtime",
    "eventsource",
    "eventname",
    "awsregion",
    "sourceipaddress",
    "useragent",
    "errorcode",
    "errormessage",
    "requestparameters",
    "additionaleventdata",
    "eventid",
    "readonly",
    "json_format(CAST(resources AS JSON)) AS resources",
    "eventtype",
    "recipientaccountid",
    "sharedeventid",
    "vpcendpointid",
    "eventcategory",
];

/// What is read of a record in Lake: the same, where maps of texts are made JSON, too.
const READ_LAKE: [&str; 20] = [
    "eventVersion",
    "json_format(CAST(userIdentity AS JSON)) AS userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "json_format(CAST(requestParameters AS JSON)) AS requestParameters",
    "json_format(CAST(additionalEventData AS JSON)) AS additionalEventData",
    "eventID",
    "readOnly",
    "json_format(CAST(resources AS JSON)) AS resources",
    "eventType",
    "recipientAccountId",
    "sharedEventID",
    "vpcEndpointId",
    "eventCategory",
];

/// A table of Athena, whole names only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    parts: Vec<String>,
    /// It has our partitions: account, folder, region, day.
    pub is_ours: bool,
}

impl Table {
    /// Reads `TABLE` or `DATABASE.TABLE`.
    ///
    /// # Errors
    /// [`SqlError::Table`].
    pub fn parse(text: &str, is_ours: bool) -> Result<Self, SqlError> {
        let parts: Vec<String> = text.split('.').map(str::to_owned).collect();
        let plain = |part: &String| {
            let mut chars = part.chars();
            chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
                && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        match parts.len() <= 2 && parts.iter().all(plain) {
            true => Ok(Self { parts, is_ours }),
            false => Err(SqlError::Table(text.to_owned())),
        }
    }

    fn quoted(&self, mark: char) -> String {
        self.parts.iter().map(|part| format!("{mark}{part}{mark}")).collect::<Vec<_>>().join(".")
    }
}

/// The SELECT for Athena.
///
/// ```
/// use denywatch::render::sql::{Asked, Table, athena};
/// let asked = Asked { since: "2026-11-01T00:00:00Z".parse().ok(), ..Asked::default() };
/// let sql = athena(&asked, &Table::parse("logs.cloudtrail", false)?)?;
/// assert!(sql.contains(r#"FROM "logs"."cloudtrail""#) && sql.contains("eventtime >= '2026-11-01T00:00:00Z'"));
/// # Ok::<(), denywatch::render::sql::SqlError>(())
/// ```
///
/// # Errors
/// [`SqlError`], where an account or Region cannot be one.
pub fn athena(asked: &Asked, table: &Table) -> Result<String, SqlError> {
    checked(asked)?;
    let mut conditions = vec![denied(asked, "errorcode", "errormessage")];
    conditions.extend(asked.since.map(|at| format!("eventtime >= {}", literal(&at.to_string()))));
    conditions.extend(asked.until.map(|at| format!("eventtime < {}", literal(&at.to_string()))));
    conditions.extend(among("recipientaccountid", &asked.accounts));
    conditions.extend(among("awsregion", &asked.regions));
    if table.is_ours {
        // The partitions alone keep Athena from reading the whole archive.
        conditions.extend(asked.since.map(|at| format!("\"day\" >= {}", literal(&day(at, 0)))));
        conditions.extend(asked.until.map(|at| format!("\"day\" <= {}", literal(&day(at, LATE_DAYS)))));
        conditions.extend(among("\"account\"", &asked.accounts));
        conditions.extend(among("\"region\"", &asked.regions));
    }
    Ok(select(&READ, &table.quoted('"'), &conditions))
}

/// The SELECT for CloudTrail Lake; `store` is an event data store's ARN or id.
///
/// # Errors
/// [`SqlError`].
pub fn lake(asked: &Asked, store: &str) -> Result<String, SqlError> {
    checked(asked)?;
    let id = store.rsplit('/').next().unwrap_or(store);
    let plain = id.len() == 36 && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if !plain || store != id && !store.starts_with("arn:") {
        return Err(SqlError::Store(store.to_owned()));
    }
    let time = |at: Timestamp| literal(&at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string());
    let mut conditions = vec![denied(asked, "errorCode", "errorMessage")];
    conditions.extend(asked.since.map(|at| format!("eventTime >= {}", time(at))));
    conditions.extend(asked.until.map(|at| format!("eventTime < {}", time(at))));
    conditions.extend(among("recipientAccountId", &asked.accounts));
    conditions.extend(among("awsRegion", &asked.regions));
    Ok(select(&READ_LAKE, id, &conditions))
}

/// Folders of an account that hold events: what a VPC endpoint's policy refused is in the second.
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>.
const FOLDERS: &str = "CloudTrail,CloudTrail-NetworkActivity";

/// The CREATE TABLE for Athena over an archive, with partitions by account, folder, Region and day that Athena works out
/// itself. It covers the Regions that are asked for, else `regions`.
///
/// # Errors
/// [`SqlError`]; the accounts have to be named.
pub fn athena_table(asked: &Asked, table: &Table, location: &str, regions: &[&str]) -> Result<String, SqlError> {
    checked(asked)?;
    let location = archive(location)?;
    if asked.accounts.is_empty() {
        return Err(SqlError::NoAccount);
    }
    let columns: Vec<String> = COLUMNS.iter().map(|(name, kind)| format!("  `{name}` {kind}")).collect();
    let list = |all: Vec<&str>| all.join(",");
    let accounts = list(asked.accounts.iter().map(String::as_str).collect());
    let regions = match asked.regions.is_empty() {
        true => list(regions.to_vec()),
        false => list(asked.regions.iter().map(String::as_str).collect()),
    };
    let first = asked.since.map_or_else(|| FIRST_DAY.to_owned(), |at| day(at, 0));
    let template = format!("{location}${{account}}/${{folder}}/${{region}}/${{day}}");
    let properties = [
        ("projection.enabled", "true".to_owned()),
        ("projection.account.type", "enum".to_owned()),
        ("projection.account.values", accounts),
        ("projection.folder.type", "enum".to_owned()),
        ("projection.folder.values", FOLDERS.to_owned()),
        ("projection.region.type", "enum".to_owned()),
        ("projection.region.values", regions),
        ("projection.day.type", "date".to_owned()),
        ("projection.day.format", "yyyy/MM/dd".to_owned()),
        ("projection.day.range", format!("{first},NOW")),
        ("projection.day.interval", "1".to_owned()),
        ("projection.day.interval.unit", "DAYS".to_owned()),
        ("storage.location.template", template),
    ];
    let properties: Vec<String> = properties.iter().map(|(key, value)| format!("  '{key}' = '{value}'")).collect();
    Ok(format!(
        "CREATE EXTERNAL TABLE IF NOT EXISTS {} (\n{}\n)\nPARTITIONED BY (`account` string, `folder` string, `region` string, `day` string)\n\
         ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'\n\
         STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'\n\
         OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'\n\
         LOCATION '{location}'\nTBLPROPERTIES (\n{}\n)\n",
        table.quoted('`'),
        columns.join(",\n"),
        properties.join(",\n"),
    ))
}

fn select(columns: &[&str], from: &str, conditions: &[String]) -> String {
    format!("SELECT {}\nFROM {from}\nWHERE {}\n", columns.join(",\n  "), conditions.join("\n  AND "))
}

/// Every refusal has a code that says so, or a message that relays one.
fn denied(asked: &Asked, code: &str, message: &str) -> String {
    let pattern = literal(&code::pattern());
    let own = asked.codes.pattern().map(|own| format!("\n    OR regexp_like(lower({code}), {})", literal(&own)));
    let own = own.unwrap_or_default();
    format!(
        "(regexp_like(lower({code}), {pattern}){own}\n    OR {code} IS NOT NULL AND {message} LIKE 'User: arn:%is not authorized to perform%')"
    )
}

fn among(column: &str, set: &BTreeSet<String>) -> Option<String> {
    let list: Vec<String> = set.iter().map(|one| literal(one)).collect();
    (!set.is_empty()).then(|| format!("{column} IN ({})", list.join(", ")))
}

/// A text as SQL writes it: a quotation mark is doubled, nothing else means anything.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn day(at: Timestamp, later: i64) -> String {
    let date = at.to_zoned(TimeZone::UTC).date();
    date.checked_add(later.days()).unwrap_or(date).strftime("%Y/%m/%d").to_string()
}

fn checked(asked: &Asked) -> Result<(), SqlError> {
    let is_account = |text: &&String| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_region = |text: &&String| !text.is_empty() && text.chars().all(known);
    if let Some(other) = asked.accounts.iter().find(|text| !is_account(text)) {
        return Err(SqlError::Account(other.clone()));
    }
    match asked.regions.iter().find(|text| !is_region(text)) {
        Some(other) => Err(SqlError::Region(other.clone())),
        None => Ok(()),
    }
}

/// The place of the accounts' folders. DDL knows escapes of its own, so only plain characters are taken.
fn archive(location: &str) -> Result<String, SqlError> {
    let refused = || SqlError::Location(location.to_owned());
    let path = location.strip_prefix("s3://").ok_or_else(refused)?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let plain = |c: char| c.is_ascii_alphanumeric() || "!-_.*()/=+@".contains(c);
    let parts: Vec<&str> = path.split('/').collect();
    let ends = match parts[..] {
        [_, .., "AWSLogs"] => true,
        [_, .., "AWSLogs", organization] => organization.starts_with("o-"),
        _ => false,
    };
    let whole = parts.iter().all(|part| !part.is_empty());
    if ends && whole && path.chars().all(plain) { Ok(format!("s3://{path}/")) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        Asked {
            since: "2026-11-01T08:00:00Z".parse().ok(),
            until: "2026-11-08T00:00:00Z".parse().ok(),
            accounts: ["111122223333".to_owned(), "444455556666".to_owned()].into(),
            regions: ["eu-west-1".to_owned()].into(),
            codes: Codes::default(),
        }
    }

    #[test]
    fn athena_reads_the_days_and_one_more() {
        let sql = athena(&asked(), &Table::parse("logs.denywatch", true).unwrap()).unwrap();
        for part in [
            "FROM \"logs\".\"denywatch\"\n",
            "eventtime >= '2026-11-01T08:00:00Z'\n",
            "eventtime < '2026-11-08T00:00:00Z'\n",
            "\"day\" >= '2026/11/01'\n",
            "\"day\" <= '2026/11/09'\n",
            "\"account\" IN ('111122223333', '444455556666')\n",
            "recipientaccountid IN ('111122223333', '444455556666')\n",
            "\"region\" IN ('eu-west-1')\n",
        ] {
            assert!(sql.contains(part), "{part}\n{sql}");
        }
        // Another's table has other partitions.
        let other = athena(&asked(), &Table::parse("cloudtrail", false).unwrap()).unwrap();
        assert!(!other.contains("\"day\"") && other.contains("FROM \"cloudtrail\"\n"), "{other}");
    }

    #[test]
    fn a_table_over_the_layout_of_an_organization() {
        let table = Table::parse("denywatch", true).unwrap();
        let sql = athena_table(&asked(), &table, "s3://my-logs/audit/AWSLogs/o-a1b2c3", &[]).unwrap();
        for part in [
            "CREATE EXTERNAL TABLE IF NOT EXISTS `denywatch` (\n  `eventversion` string,\n",
            "LOCATION 's3://my-logs/audit/AWSLogs/o-a1b2c3/'\n",
            "'projection.account.values' = '111122223333,444455556666'",
            "'projection.folder.values' = 'CloudTrail,CloudTrail-NetworkActivity'",
            "'projection.day.range' = '2026/11/01,NOW'",
            "'storage.location.template' = 's3://my-logs/audit/AWSLogs/o-a1b2c3/${account}/${folder}/${region}/${day}'",
        ] {
            assert!(sql.contains(part), "{part}\n{sql}");
        }
        let all = Asked { regions: BTreeSet::new(), since: None, ..asked() };
        let sql = athena_table(&all, &table, "s3://my-logs/AWSLogs/", &["eu-west-1", "us-east-1"]).unwrap();
        assert!(sql.contains("'eu-west-1,us-east-1'") && sql.contains("'2013/01/01,NOW'"), "{sql}");
        let none = Asked { accounts: BTreeSet::new(), ..asked() };
        assert_eq!(athena_table(&none, &table, "s3://my-logs/AWSLogs/", &[]), Err(SqlError::NoAccount));
    }

    #[test]
    fn lake_writes_times_in_its_own_way() {
        let id = "0233062b-51c6-4d18-8dec-a8c90da840d9";
        let sql = lake(&asked(), &format!("arn:aws:cloudtrail:eu-west-1:111122223333:eventdatastore/{id}")).unwrap();
        assert!(sql.contains(&format!("FROM {id}\n")) && sql.contains("eventTime >= '2026-11-01 08:00:00'"), "{sql}");
        assert!(sql.len() < 10_000, "Lake takes no more");
    }

    #[test]
    fn no_name_leaves_its_place() {
        for text in ["", "a.b.c", "a b", "a\"b", "a;DROP TABLE x", "1a", "a.", "ä", "a--"] {
            assert!(Table::parse(text, true).is_err(), "{text}");
        }
        for text in
            ["", "x", "0233062b-51c6-4d18-8dec-a8c90da840d9;", "x/0233062b-51c6-4d18-8dec-a8c90da840d9", "' OR 1=1"]
        {
            assert!(lake(&Asked::default(), text).is_err(), "{text}");
        }
        for text in [
            "s3://b/AWSLogs/'x",
            "s3://b/a'/AWSLogs/",
            "s3://b/a\\/AWSLogs",
            "s3://b/${x}/AWSLogs",
            "s3://b//AWSLogs",
            "b/AWSLogs",
            "s3://b/AWSLogs/x",
            "s3://AWSLogs",
            "s3://b/a\n/AWSLogs",
        ] {
            let table = Table::parse("t", true).unwrap();
            assert!(athena_table(&asked(), &table, text, &[]).is_err(), "{text}");
        }
        for (accounts, regions) in [("1' OR '1'='1", "eu-west-1"), ("111122223333", "eu'--"), ("111122223333", "")] {
            let asked = Asked {
                accounts: [accounts.to_owned()].into(),
                regions: [regions.to_owned()].into(),
                ..Asked::default()
            };
            assert!(athena(&asked, &Table::parse("t", true).unwrap()).is_err(), "{accounts} {regions}");
        }
        assert_eq!(literal("a'b\\"), "'a''b\\'");
    }
}
