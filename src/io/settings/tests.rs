use super::check::duration;
use super::*;
use jiff::SignedDuration;

const TOPIC: &str = "arn:aws:sns:us-east-2:111122223333:iam-denials";
const SECRET: &str = "arn:aws:secretsmanager:us-east-2:111122223333:secret:denywatch/slack-AbCdEf";

#[test]
fn toml_and_json_say_the_same() {
    let toml = format!(
        r#"
        version = 1
        [store]
        uri = "sqlite:/tmp/denywatch.db"
        [slack]
        mode = "webhook"
        secret = "{SECRET}"
        [group]
        reopen_after = "2h"
        [report]
        tz = "Europe/London"
        [[route]]
        to = ["slack", "sns:{TOPIC}"]
        "#
    );
    let json = format!(
        r#"{{"version":1,"store":{{"uri":"sqlite:/tmp/denywatch.db"}},"slack":{{"secret":"{SECRET}"}},
            "group":{{"reopen_after":"120m"}},"report":{{"tz":"Europe/London"}},"route":[{{"to":["slack","sns:{TOPIC}"]}}]}}"#
    );
    let settings = Settings::parse(&toml).unwrap();
    assert_eq!(settings, Settings::parse(&json).unwrap());
    assert_eq!(settings.routes.destinations(), [Destination::SlackWebhook, Destination::Sns(TOPIC.into())]);
    assert_eq!(settings.policy.pacing.reopen_after, SignedDuration::from_hours(2));
    assert_eq!(settings.slack.unwrap().secret, SecretRef::SecretsManager(SECRET.into()));
}

#[test]
fn defaults() {
    let settings = Settings::parse(&format!("version=1\n[[route]]\nto=['sns:{TOPIC}']")).unwrap();
    assert_eq!((settings.store, settings.slack), (None, None));
    assert_eq!(settings.policy, Settings::default().policy);
    assert_eq!(settings.report.tz, "UTC");
}

#[track_caller]
fn refused(text: &str, expect: &str) {
    let error = Settings::parse(text).unwrap_err().to_string();
    assert_eq!(error, expect);
}

#[test]
fn what_is_refused_and_how() {
    let route = format!("[[route]]\nto = ['sns:{TOPIC}']\n");
    refused("version = 1\n[stoer]\nuri = 'x'", "configuration, line 2: unknown key `stoer`, did you mean `store`?");
    refused("version = 1\n[store]\nurl = 'x'", "configuration, line 3: unknown key `url`, did you mean `uri`?");
    refused(r#"{"version":1,"grup":{}}"#, "configuration, line 1: unknown key `grup`, did you mean `group`?");
    refused("version = 1\nzzzzzzzzzz = 1", "configuration, line 2: unknown key `zzzzzzzzzz`");
    refused(&format!("version = 2\n{route}"), "configuration: `version` is 2, this program reads 1");
    refused(&route, "configuration, line 1: missing field `version`");
    let nowhere =
        "configuration: alerts have nowhere to go: add `[[route]]` with `to = [\"slack\"]` or `to = [\"sns:ARN\"]`";
    refused("version = 1", nowhere);
    refused("version = 1\n[[route]]\nto = []", nowhere);
    refused(
        "version = 1\n[[route]]\nto = ['slack']",
        "configuration: a route sends to `slack`, but there is no `[slack]` with its `secret`",
    );
    refused(
        &format!("version = 1\n[slack]\nsecret = 'ssm:/denywatch/slack'\n{route}"),
        "configuration: there is a `[slack]`, but no `[[route]]` has `slack` in its `to`",
    );
    refused(
        "version = 1\n[[route]]\nto = ['sns:iam-denials']",
        &format!("configuration: {}", crate::delivery::NoDestination),
    );
    refused(
        &format!("version = 1\n[group]\nreopen_after = '1 day'\n{route}"),
        "configuration: `group.reopen_after` must be a number and `s`, `m`, `h` or `d`, such as `24h`",
    );
}

#[test]
fn durations() {
    for (text, seconds) in [("90s", Some(90)), ("5m", Some(300)), ("24h", Some(86_400)), ("7d", Some(604_800))] {
        assert_eq!(duration("k", text).ok().map(|d| d.as_secs()), seconds, "{text}");
    }
    for text in ["", "h", "-1h", "1.5h", "24", "24ü", "99999999999d"] {
        assert!(duration("k", text).is_err(), "{text}");
    }
}

/// Wherever somebody pastes the webhook's URL, no error repeats it.
#[test]
fn a_pasted_secret_is_never_repeated() {
    let url = "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx";
    let places = [
        format!("version = 1\n[slack]\nsecret = '{url}'\n[[route]]\nto = ['slack']"),
        format!("version = 1\n[slack]\nsecrets = '{url}'\n[[route]]\nto = ['slack']"),
        format!("version = 1\nslack = '{url}'\n[[route]]\nto = ['slack']"),
        format!("version = '{url}'"),
        format!("version = 1\n[[route]]\nto = ['{url}']"),
        format!("version = 1\n[[route]]\nto = '{url}'"),
        format!("version = 1\n[slack]\nmode = '{url}'\nsecret = 'ssm:x'\n[[route]]\nto = ['slack']"),
        format!("version = 1\n[slack]\nsecret = {url}"),
        format!("version = 1\n'{url}' = 1"),
        format!(r#"{{"version":1,"slack":"{url}"}}"#),
        format!(r#"{{"version":1,"{url}":1}}"#),
        format!(r#"{{"version":"{url}"}}"#),
    ];
    for text in places {
        let error = Settings::parse(&text).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hooks.slack") && !shown.contains("abcdefgh"), "{shown}");
    }
}

const EXAMPLE: &str = include_str!("example.toml");

#[test]
fn the_example_holds_every_key_and_fits() {
    let settings = Settings::parse(EXAMPLE).unwrap();
    assert_eq!(settings.routes.routes.len(), 4);
    assert_eq!(settings.routes.routes[1].mention.as_deref(), Some("S0PLATCI"));
    assert_eq!(settings.digest.days.len(), 5);
    assert_eq!(settings.expected.rules[0].expires, "2027-02-01T00:00:00Z".parse().ok());
    assert_eq!(settings.expected.rules[0].limit, Some(200));
    let keys = |text: &str| -> std::collections::BTreeSet<String> {
        let value: serde_json::Value = toml::from_str(text).unwrap();
        let schema: serde_json::Value = serde_json::from_str(include_str!("schema.json")).unwrap();
        schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| value.get(key.as_str()).is_none())
            .cloned()
            .collect()
    };
    assert!(keys(EXAMPLE).is_empty(), "the example lacks {:?}", keys(EXAMPLE));
}

#[cfg(feature = "cli")]
#[test]
fn the_published_schema_is_of_these_types() {
    let current = schema() == include_str!("schema.json");
    assert!(current, "write it anew: `denywatch config schema > src/io/settings/schema.json`");
}

#[test]
fn toml_and_json_mean_the_same_for_every_key() {
    let value: serde_json::Value = toml::from_str(&EXAMPLE.replace("2027-02-01", "'2027-02-01'")).unwrap();
    assert_eq!(Settings::parse(EXAMPLE), Settings::parse(&value.to_string()));
}

#[test]
fn a_bucket_and_what_its_keys_begin_with() {
    let place = |bucket: &str| {
        let text = format!("version = 1\n[report]\nbucket = '{bucket}'\n[[route]]\nto = 'stdout'");
        let place = Settings::parse(&text).unwrap().report.place.unwrap();
        format!("{} {}", place.bucket, place.prefix)
    };
    assert_eq!(place("s3://acme-reports"), "acme-reports ");
    assert_eq!(place("s3://acme-reports//a/b/"), "acme-reports a/b/");
}

#[test]
fn keys_without_effect_are_told() {
    let notes = Settings::parse(EXAMPLE).unwrap().notes;
    assert!(notes.iter().any(|note| note.starts_with("`patch.verify` has no effect")), "{notes:?}");
    assert!(!notes.iter().any(|note| note.contains("owner.from")), "{notes:?}");
    let plain = Settings::parse(&format!("version=1\n[[route]]\nto='sns:{TOPIC}'")).unwrap();
    assert_eq!(plain.notes, [] as [String; 0]);
}

#[test]
fn limits_of_patches_and_the_place_of_the_code() {
    use crate::triage::limits::{Companions, Limits, Wildcards};
    let settings = Settings::parse(EXAMPLE).unwrap();
    let never_grant = ["iam:*", "organizations:*", "kms:ScheduleKeyDeletion", "*:Delete*"].map(str::to_owned).to_vec();
    let expect = Limits { never_grant, wildcards: Wildcards::None, companions: Companions::Suggest };
    assert_eq!((settings.expected.limits, settings.paused), (expect, false));
    let code = settings.routes.routes[1].code.clone().unwrap();
    assert_eq!(
        (code.repository.as_str(), code.folder.as_deref()),
        ("acme/infra", Some("terraform/modules/cicd-pipeline"))
    );
    let with = |key: &str| format!("version=1\n{key}\n[[route]]\nto='stdout'");
    refused(&with("[patch]\ncompanions='all'"), "configuration: `patch.companions` takes off, suggest, include");
    refused(&with("[patch]\nmax_wildcard='all'"), "configuration: `patch.max_wildcard` takes none, suffix, any");
    refused(
        &with("[patch]\nnever_grant=['iam']"),
        "configuration: `patch.never_grant` takes permissions such as `iam:*` or `kms:ScheduleKeyDeletion`",
    );
    for pr in [
        "repo='acme/infra'",
        "repo='github:acme'",
        "repo='github:a/b', path='../c'",
        "repo='github:a/b', path='/c'",
        "repo='github:a/b/c'",
    ] {
        let text = format!("version=1\n[[route]]\nto='stdout'\npr={{{pr}}}");
        refused(&text, "configuration: `route.pr` takes `repo = \"github:OWNER/NAME\"` and a `path` inside it");
    }
    assert!(Settings::parse(&with("[alert]\npaused=true")).unwrap().paused);
}

#[test]
fn without_a_catch_all_route_it_is_refused() {
    let lost =
        "configuration: what fits no route would be lost: let the last `[[route]]` have no `match`, and a receiver";
    let asked = format!("[[route]]\nmatch = {{ owner = 'x' }}\nto = 'sns:{TOPIC}'\n");
    refused(&format!("version = 1\n{asked}"), lost);
    refused(&format!("version = 1\n{asked}[[route]]\nto = []"), lost);
    refused(
        &format!("version = 1\n[[route]]\nto = 'sns:{TOPIC}'\n{asked}"),
        "configuration: `[[route]]` 1 has no `match`, so those after it are never reached: put it last",
    );
    assert!(Settings::parse(&format!("version = 1\n{asked}[[route]]\nto = 'sns:{TOPIC}'")).is_ok());
}

#[test]
fn unknown_keys_name_the_nearest_one_wherever_they_stand() {
    let route = format!("[[route]]\nto = ['sns:{TOPIC}']\n");
    for (text, line, key, near) in [
        ("[alert]\nmin_severty = 'low'", 3, "min_severty", "min_severity"),
        ("[alert.quiet_hours]\nform = '1'", 3, "form", "from"),
        ("[[expected.rule]]\nid = 'a'\nmatch = { permision = 'x' }", 4, "permision", "permission"),
        ("[[route]]\nmatch = { sevrity = 'low' }\nto = 'slack'", 3, "sevrity", "severity"),
        ("[owner.codeowners]\nfiel = 'x'", 3, "fiel", "file"),
        ("[account.111122223333]\nenvironment = 'x'", 3, "environment", ""),
    ] {
        let error = Settings::parse(&format!("version = 1\n{text}\n{route}")).unwrap_err().to_string();
        let near = if near.is_empty() { String::new() } else { format!(", did you mean `{near}`?") };
        assert_eq!(error, format!("configuration, line {line}: unknown key `{key}`{near}"));
    }
}

#[test]
fn receivers_must_be_set_up() {
    let with = |to: &str, more: &str| format!("version = 1\n{more}\n[[route]]\nto = '{to}'");
    let app = "[slack]\nmode = 'app'\nsecret = 'ssm:x'";
    let webhook = "[slack]\nsecret = 'ssm:x'";
    for (to, more, good) in [
        ("slack:C0IAM", app, true),
        ("slack:#iam", app, true),
        ("slack", app, false),
        ("slack:C0IAM", webhook, false),
        ("slack:C0IAM", "", false),
        ("slack", webhook, true),
        ("digest:slack", webhook, true),
        ("pagerduty:iam", "[pagerduty.iam]\nsecret = 'ssm:x'", true),
        ("pagerduty:iam", "[pagerduty.other]\nsecret = 'ssm:x'", false),
        ("teams:ops", "[teams.ops]\nsecret = 'ssm:x'", true),
        ("teams:ops", "", false),
        ("webhook:a", "[webhook.a]\nurl = 'https://a.example'\nsecret = 'ssm:x'", true),
        ("webhook:a", "[webhook.a]\nurl = 'http://a.example'\nsecret = 'ssm:x'", false),
        ("webhook:a", "", false),
        ("stdout", "", true),
    ] {
        assert_eq!(Settings::parse(&with(to, more)).is_ok(), good, "{to} {more}");
    }
}

#[test]
fn values_that_cannot_be() {
    let route = format!("[[route]]\nto = ['sns:{TOPIC}']\n");
    for (text, key) in [
        ("[alert]\nmin_severity = 'urgent'", "alert.min_severity"),
        ("[alert]\ndigest = { at = '9' }", "alert.digest.at"),
        ("[alert]\ndigest = { tz = 'Mars/Olympus' }", "alert.digest.tz"),
        ("[alert]\ndigest = { days = 'workdays' }", "alert.digest.days"),
        ("[alert]\nrate_limit = { per_channel = '0/h' }", "alert.rate_limit.per_channel"),
        ("[alert]\nrate_limit = { per_channel = '9/h', overflow = 'drop' }", "alert.rate_limit.overflow"),
        ("[alert]\nquiet_hours = { from = '25:00', to = '08:00' }", "alert.quiet_hours.from"),
        ("[patch]\nformats = ['yaml']", "patch.formats"),
        ("[owner]\nfrom = ['git blame']", "owner.from"),
        ("[account.1]\nname = 'x'", "account.ID"),
        ("[report]\nbase_url = 'javascript:x'", "report.base_url"),
        ("[report]\nbucket = 'acme-reports'", "report.bucket"),
        ("[report]\nbucket = 's3://Acme/x'", "report.bucket"),
        ("[report]\nbucket = 's3://acme-reports/a/../b'", "report.bucket"),
        ("[report]\nbucket = 's3://acme-reports/a?policy'", "report.bucket"),
        ("[report]\nat = { day = 'someday' }", "report.at.day"),
        ("[report]\nat = { time = '7' }", "report.at.time"),
        ("[report]\ntz = 'Mars/Olympus'", "report.tz"),
        ("[expected]\ndisable = ['config-headbuckets']", "did you mean `config-headbucket`?"),
        (
            "[[route]]\nmatch = { env = 'x' }\nto = 'q:arn:aws:sns:us-east-2:111122223333:iam-denials'",
            "a topic of its own",
        ),
        ("[source]\nerror_codes = ['Throttled']", "takes none away: write `[\"builtin\", \"CODE\"]`"),
        ("[source]\nerror_codes = []", "takes none away"),
        ("[source]\nerror_codes = ['builtin', 'a|b']", "as CloudTrail has them"),
    ] {
        let error = Settings::parse(&format!("version = 1\n{text}\n{route}")).unwrap_err().to_string();
        assert!(error.contains(key), "{text}: {error}");
    }
}

#[test]
fn a_rule_needs_reason_owner_and_an_end() {
    let with = |more: &str| {
        let rule = format!("[[expected.rule]]\nid = 'r'\n{more}\n");
        Settings::parse(&format!("version = 1\n{rule}[[route]]\nto = ['sns:{TOPIC}']\n"))
    };
    let whole = "match = { principal = '*:role/x' }\nreason = 'r'\nowner = 'o'\n";
    assert!(with(&format!("{whole}expires = 2027-02-01")).is_ok());
    assert!(with(&format!("{whole}expires = '2027-02-01T10:00:00Z'")).is_ok());
    assert!(with(&format!("{whole}permanent = true")).is_ok());
    for (text, why) in [
        (whole.to_owned(), "it needs `expires`"),
        (format!("{whole}permanent = true\nexpires = 2027-02-01"), "contradict"),
        (format!("{whole}expires = 'soon'"), "must be a day"),
        (format!("{whole}permanent = true\nlimit = '9/h'"), "`limit`"),
        (whole.replace("'r'", "' '") + "permanent = true", "must say something"),
        (whole.replace("principal = '*:role/x'", "") + "permanent = true", "silence everything"),
        (whole.replace("reason = 'r'", "") + "permanent = true", "missing field `reason`"),
    ] {
        let error = with(&text).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    let twice =
        format!("[[expected.rule]]\nid = 'console-macie'\n{whole}permanent = true\n[[route]]\nto='sns:{TOPIC}'");
    assert!(Settings::parse(&format!("version = 1\n{twice}")).unwrap_err().to_string().contains("another rule"));
}
