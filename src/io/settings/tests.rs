use super::*;

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
        [[route]]
        to = ["slack"]
        "#
    );
    let json = format!(
        r#"{{"version":1,"store":{{"uri":"sqlite:/tmp/denywatch.db"}},"slack":{{"secret":"{SECRET}"}},
            "group":{{"reopen_after":"120m"}},"report":{{"tz":"Europe/London"}},"route":[{{"to":["slack","sns:{TOPIC}"]}}]}}"#
    );
    let settings = Settings::parse(&toml).unwrap();
    assert_eq!(settings, Settings::parse(&json).unwrap());
    assert_eq!(settings.destinations, [Destination::Slack, Destination::Sns(TOPIC.into())]);
    assert_eq!(settings.reopen_after, Duration::from_secs(7_200));
    assert_eq!(settings.slack.unwrap().secret, SecretRef::SecretsManager(SECRET.into()));
}

#[test]
fn defaults() {
    let settings = Settings::parse(&format!("version=1\n[[route]]\nto=['sns:{TOPIC}']")).unwrap();
    assert_eq!((settings.store, settings.slack), (None, None));
    assert_eq!(settings.reopen_after, Duration::from_secs(86_400));
    assert_eq!(settings.report_tz, "UTC");
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
        "configuration: `route.to` takes `slack` and `sns:ARN` with the ARN of a topic",
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
