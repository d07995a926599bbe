//! What tells whether an event matters, before it is read: its top level as [`super::skim`] sees it.

use super::{LARGEST_RECORD, field, head, paired, skim, time};
use jiff::Timestamp;
use serde_json::Value;

/// The members by which an event is told from others, as [`super::Record`] has them; texts without a copy, objects unread.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Glance<'a> {
    /// `eventID`.
    pub event_id: Option<&'a str>,
    /// `eventTime`.
    pub event_time: Option<Timestamp>,
    /// `eventSource`.
    pub event_source: Option<&'a str>,
    /// `eventName`.
    pub event_name: Option<&'a str>,
    /// `eventCategory`.
    pub event_category: Option<&'a str>,
    /// `awsRegion`.
    pub region: Option<&'a str>,
    /// `recipientAccountId`.
    pub recipient_account: Option<&'a str>,
    /// `errorCode`.
    pub error_code: Option<&'a str>,
    /// `userIdentity`, its JSON; empty where there is none.
    pub identity: &'a str,
    /// `requestParameters`, its JSON; empty where there are none.
    pub parameters: &'a str,
    /// `resources`, its JSON; empty where there are none.
    pub resources: &'a str,
}

/// Members that [`Glance`] has.
const NAMES: [&str; 12] = [
    "eventID",
    "eventTime",
    "eventSource",
    "eventName",
    "eventCategory",
    "awsRegion",
    "recipientAccountId",
    "errorCode",
    "userIdentity",
    "requestParameters",
    "resources",
    // An entry of Event history: its event stands in this text.
    "cloudTrailEvent",
];

/// Members that CloudTrail writes beside these.
const OTHERS: [&str; 20] = [
    "eventVersion",
    "sourceIPAddress",
    "userAgent",
    "errorMessage",
    "responseElements",
    "additionalEventData",
    "requestID",
    "readOnly",
    "eventType",
    "apiVersion",
    "managementEvent",
    "serviceEventDetails",
    "sharedEventID",
    "vpcEndpointId",
    "vpcEndpointAccountId",
    "sessionCredentialFromConsole",
    "tlsDetails",
    "addendum",
    "edgeDeviceDetails",
    "insightDetails",
];

impl<'a> Glance<'a> {
    /// Looks at one event; `None` where it is not written as CloudTrail writes events, so that only reading it tells. What it
    /// tells of valid JSON is what [`super::read`] tells; whether it is valid it does not tell.
    ///
    /// ```
    /// use denywatch::record::Glance;
    /// let event = r#"{"eventVersion":"1.08","userIdentity":{"arn":"a"},"eventName":"GetObject"}"#;
    /// let glance = Glance::of(event).unwrap();
    /// assert_eq!((glance.event_name, glance.identity), (Some("GetObject"), r#"{"arn":"a"}"#));
    /// assert!(Glance::of(r#"{"event_name":"GetObject"}"#).is_none());
    /// ```
    pub fn of(event: &'a str) -> Option<Self> {
        let mut glance = Self::default();
        let (mut time_text, mut is_usual) = (None, true);
        skim::members(event, |key, value| {
            let text = match key {
                "eventID" => &mut glance.event_id,
                "eventTime" => &mut time_text,
                "eventSource" => &mut glance.event_source,
                "eventName" => &mut glance.event_name,
                "eventCategory" => &mut glance.event_category,
                "awsRegion" => &mut glance.region,
                "recipientAccountId" => &mut glance.recipient_account,
                "errorCode" => &mut glance.error_code,
                "userIdentity" => return is_usual &= object(&mut glance.identity, value, b'{'),
                "requestParameters" => return is_usual &= object(&mut glance.parameters, value, b'{'),
                "resources" => return is_usual &= object(&mut glance.resources, value, b'['),
                _ => {
                    is_usual &= OTHERS.contains(&key) || !NAMES.iter().any(|name| field::same_key(key, name));
                    return;
                }
            };
            // Twice the same name, an escape, or another type is for the reader.
            let found = skim::text(value).filter(|text| !matches!(*text, "" | "null"));
            is_usual &= text.is_none() && (found.is_some() || value == "null");
            *text = found;
        })?;
        let at = time_text.map(time);
        is_usual &= at != Some(None);
        is_usual.then_some(Self { event_time: at.flatten(), ..glance })
    }

    /// Whether reading the same event gives what a glance tells of it: it is one, and its JSON is whole.
    pub fn is_certain(event: &str) -> bool {
        event.len() <= LARGEST_RECORD && head::is_event(event)
    }

    /// Of a role's session the role's ARN and the session's account, by which [`crate::principal`] knows who called; `None`
    /// where `userIdentity` is another one, or not written as CloudTrail writes it.
    pub fn role(&self) -> Option<(&'a str, &'a str)> {
        let [kind, account, context] = some(self.identity, ["type", "accountId", "sessionContext"], IDENTITY)?;
        let [issuer] = some(context?, ["sessionIssuer"], CONTEXT)?;
        let [arn] = some(issuer?, ["arn"], ISSUER)?;
        let is_session = kind.and_then(skim::text) == Some("AssumedRole");
        is_session.then_some((skim::text(arn?)?, skim::text(account?)?))
    }

    /// `userIdentity` as [`super::Record::user_identity`] has it.
    pub fn user_identity(&self) -> Value {
        paired::read(self.identity).map_or(Value::Null, field::identity)
    }

    /// `requestParameters` as [`super::Record::request_parameters`] has them.
    pub fn request_parameters(&self) -> Value {
        paired::read(self.parameters).unwrap_or(Value::Null)
    }

    /// As [`super::Record::resource_arns`] has them.
    pub fn resource_arns(&self) -> Vec<String> {
        paired::read(self.resources).map_or_else(Vec::new, |list| field::each(&list, "arn"))
    }
}

/// Members of a session's `userIdentity`, its `sessionContext` and its `sessionIssuer` beside those that are looked at. See
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>.
const IDENTITY: &[&str] = &["principalId", "arn", "accessKeyId", "invokedBy", "userName"];
const CONTEXT: &[&str] = &[
    "attributes",
    "webIdFederationData",
    "ec2RoleDelivery",
    "sourceIdentity",
    "assumedRoot",
    "sessionCredentialFromConsole",
];
const ISSUER: &[&str] = &["type", "principalId", "accountId", "userName"];

/// The raw values of some members of an object; `None` where it has one twice, or one that is not listed.
fn some<'a, const N: usize>(raw: &'a str, names: [&str; N], others: &[&str]) -> Option<[Option<&'a str>; N]> {
    let (mut found, mut is_usual) = ([None; N], true);
    skim::members(raw, |key, value| match names.iter().position(|name| *name == key) {
        Some(at) => is_usual &= found[at].replace(value).is_none(),
        None => is_usual &= others.contains(&key),
    })?;
    is_usual.then_some(found)
}

/// Takes an object or a list, or null for none; false for anything else, or where there was one already.
fn object<'a>(place: &mut &'a str, value: &'a str, first: u8) -> bool {
    let is_first = place.is_empty();
    match value.as_bytes().first() {
        Some(byte) if *byte == first => *place = value,
        _ if value == "null" => {}
        _ => return false,
    }
    is_first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{self, Record};
    use proptest::prelude::*;

    /// A glance and a reading tell the same; returns whether there was a glance.
    #[track_caller]
    fn check(event: &str) -> bool {
        let Some(glance) = Glance::of(event) else { return false };
        let (records, _) = record::read(event.as_bytes(), "x");
        assert_eq!(Glance::is_certain(event), !records.is_empty(), "{event}");
        if records.is_empty() {
            return true;
        }
        let read = records.into_iter().next().unwrap_or_default();
        let own = |text: Option<&str>| text.map(str::to_owned);
        let seen = Record {
            event_id: own(glance.event_id),
            event_time: glance.event_time,
            event_source: own(glance.event_source),
            event_name: own(glance.event_name),
            event_category: own(glance.event_category),
            region: own(glance.region),
            recipient_account: own(glance.recipient_account),
            error_code: own(glance.error_code),
            user_identity: glance.user_identity(),
            request_parameters: glance.request_parameters(),
            resource_arns: glance.resource_arns(),
            ..Record::default()
        };
        let expect = Record {
            shared_event_id: None,
            event_type: None,
            error_message: None,
            source_ip: None,
            user_agent: None,
            additional_event_data: Value::Null,
            resource_accounts: Vec::new(),
            read_only: None,
            vpc_endpoint_id: None,
            ..read
        };
        assert_eq!(seen, expect, "{event}");
        true
    }

    fn with(members: &str) -> String {
        format!(r#"{{"eventVersion":"1.08","userIdentity":{{"arn":"a"}},"eventID":"i",{members}}}"#)
    }

    #[test]
    fn what_cloudtrail_writes_is_told_as_reading_tells_it() {
        for members in [
            r#""eventName":"A","eventSource":"s3.amazonaws.com","eventTime":"2026-11-10T10:00:00Z","awsRegion":"eu-west-1""#,
            r#""eventName":"A","requestParameters":{"a":{"eventName":"B"}},"resources":[{"ARN":"arn:aws:s3:::b"},{"arn":""}]"#,
            r#""eventName":"A","errorCode":"AccessDenied","recipientAccountId":"111122223333","eventCategory":"Data""#,
            r#""eventName":"A","requestParameters":null,"responseElements":null,"errorCode":null,"resources":null"#,
            r#""userAgent":"\u0041","eventName":"A","new member of tomorrow":[1]"#,
            r#""eventName":"A","errorMessage":"\ud800""#,
            r#""eventName":"A","userAgent":"\ud800","requestParameters":{"a":"\x"}"#,
        ] {
            assert!(check(&with(members)), "{members}");
        }
    }

    #[test]
    fn the_unusual_is_for_the_reader() {
        for members in [
            r#""eventName":"A","eventName":"B""#,
            r#""event_name":"A""#,
            r#""eventname":"A""#,
            r#""event\u004eame":"A""#,
            r#""eventName":"\u0041""#,
            r#""eventName":7"#,
            r#""eventName":"null""#,
            r#""eventName":"""#,
            r#""eventTime":"yesterday""#,
            r#""recipientAccountId":111122223333"#,
            r#""errorCode":{}"#,
            r#""userIdentity":{}"#,
            r#""requestParameters":"{a=b}""#,
            r#""resources":{}"#,
            r#""cloudTrailEvent":"{}""#,
            r#""Cloud_Trail_Event":null"#,
        ] {
            assert!(!check(&with(members)), "{members}");
        }
    }

    #[test]
    fn the_role_of_a_session() {
        let identity = |context: &str| {
            let event = with(&format!(
                r#""userIdentity":{{"type":"AssumedRole","arn":"s","accountId":"1","sessionContext":{context}}}"#
            ));
            let event = event.replacen(r#""userIdentity":{"arn":"a"},"#, "", 1);
            Glance::of(&event).unwrap().role().map(|(arn, account)| format!("{arn} {account}"))
        };
        let usual = r#"{"attributes":{},"sessionIssuer":{"type":"Role","arn":"r","userName":"u"}}"#;
        assert_eq!(identity(usual).as_deref(), Some("r 1"));
        for context in [
            "null",
            "{}",
            r#"{"sessionIssuer":{}}"#,
            r#"{"sessionIssuer":{"arn":"r","arn":"q"}}"#,
            r#"{"sessionIssuer":{"arn":"r","Arn":"q"}}"#,
            r#"{"sessionIssuer":{"arn":"\u0072"}}"#,
            r#"{"sessionIssuer":{"arn":"r"},"SessionIssuer":{}}"#,
        ] {
            assert_eq!(identity(context), None, "{context}");
        }
    }

    /// `eventName` as `event_Name`.
    fn parted(key: &str) -> String {
        key.split_inclusive(|_| true)
            .map(|one| if one.starts_with(char::is_uppercase) { format!("_{one}") } else { one.to_owned() })
            .collect()
    }

    proptest! {
        #[test]
        fn a_glance_is_never_another_than_the_reading(
            members in prop::collection::vec((prop::sample::select(NAMES.to_vec()), 0_u8..5, 0_usize..9), 0..6),
        ) {
            const VALUES: [&str; 9] = [
                r#""A""#, "null", r#"{"arn":"b"}"#, r#"[{"ARN":"c"}]"#, r#""x\"y""#, "7", r#""2026-11-10T10:00:00Z""#,
                r#""null""#, "{}",
            ];
            let member = |(key, dress, value): &(&str, u8, usize)| {
                let key = match dress { 1 => key.to_lowercase(), 2 => parted(key), 3 => key.replace('e', "_e"), _ => (*key).to_owned() };
                format!("\"{key}\":{}", VALUES[*value])
            };
            // With this it is an event, whatever follows.
            let first = "\"userIdentity\":null".to_owned();
            let all: Vec<String> = std::iter::once(first).chain(members.iter().map(member)).collect();
            check(&format!("{{{}}}", all.join(",")));
        }
    }
}
