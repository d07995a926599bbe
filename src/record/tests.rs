//! One event in every dress is one record; faults lose nothing but themselves.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn event() -> Value {
    json!({
        "eventVersion": "1.09", "eventID": "e-1", "eventTime": "2024-07-30T21:31:21Z", "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject", "eventType": "AwsApiCall", "awsRegion": "eu-west-1", "recipientAccountId": "111122223333",
        "errorCode": "AccessDenied", "errorMessage": "User: x \"quoted\", and, commas", "readOnly": true,
        "sourceIPAddress": "192.0.2.1", "userAgent": "cli", "eventCategory": "Data",
        "userIdentity": {"type": "AssumedRole", "principalId": "AROAX:s", "arn": "arn:aws:sts::111122223333:assumed-role/r/s",
            "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/p/r", "userName": "r"}}},
        "requestParameters": {"bucketName": "b", "errorCode": "Nested", "Records": [{"eventName": "Forged"}]},
        "resources": [{"ARN": "arn:aws:s3:::b/k", "accountId": "111122223333"}, {"accountId": "1"}],
        "unknownField": {"x": 1},
    })
}

fn record() -> Record {
    Record::from_value(&event()).unwrap()
}

#[track_caller]
fn check(text: &str) {
    let (records, problems) = read(text.as_bytes(), "in");
    assert_eq!(problems, vec![], "{text}");
    assert_eq!(records, vec![record()], "{text}");
}

#[test]
fn the_fields() {
    let record = record();
    assert_eq!(record.event_time.unwrap().to_string(), "2024-07-30T21:31:21Z");
    assert_eq!(record.error_code.as_deref(), Some("AccessDenied"));
    assert_eq!(record.resource_arns, ["arn:aws:s3:::b/k"]);
    assert_eq!((record.read_only, record.vpc_endpoint_id), (Some(true), None));
    assert_eq!(record.request_parameters["errorCode"], "Nested");
}

#[test]
fn every_wrapping_gives_the_same_record() {
    let (one, pretty) = (event().to_string(), serde_json::to_string_pretty(&event()).unwrap());
    check(&one);
    check(&pretty);
    check(&format!("\u{feff}{one}\n"));
    check(&format!("[{one}]"));
    check(&format!(" {{ \"Records\" : [ {pretty} ] }} \n"));
    check(&format!("{{\"x\": 1, \"Records\": [{one}]}}"));
    check(&format!("{{\"Records\": [{one}], \"x\": [1]}}"));
    check(
        &json!({"version": "0", "detail-type": "AWS API Call via CloudTrail", "source": "aws.s3", "detail": event()})
            .to_string(),
    );
    let entry = json!({"EventId": "e-1", "EventName": "GetObject", "Username": "s", "CloudTrailEvent": one});
    check(&json!({"Events": [entry], "NextToken": "t"}).to_string());
    check(&entry.to_string());
    let logs = json!([{"id": "1", "timestamp": 1, "message": one}]);
    check(&json!({"messageType": "DATA_MESSAGE", "owner": "1", "logEvents": logs}).to_string());
    check(&json!({"events": logs}).to_string());
    check(&json!({"eventJson": one}).to_string());
    // What CreateExportTask puts into a bucket.
    check(&format!("2026-11-10T10:00:01.123Z {one}\n"));
    // `aws logs tail`, in its own format and the short one.
    check(&format!("2026-11-10T10:00:01.123000+00:00 111122223333_CloudTrail_eu-west-1 {one}\n"));
    check(&format!("2026-11-10T10:00:01 {one}\n"));
    for before in ["2026-11-10T10:00:01+00:00 a b", "2026-11-10T10:00:01Z INFO", "2026-11-10 10:00:01", "20261110 x"] {
        check_problems(format!("{before} {one}\n").as_bytes(), 0, &["in"]);
    }
    let columns: Vec<Value> = event().as_object().unwrap().iter().map(|(key, value)| json!({key: value})).collect();
    check(&json!({"QueryStatus": "FINISHED", "QueryResultRows": [columns]}).to_string());
    // What Logs Insights found, by the API, and as the console gives it away.
    let field = |name: &str, value: &str| json!({"field": name, "value": value});
    let found = [field("@timestamp", "2026-11-10 10:00:01.123"), field("@message", &one), field("@ptr", "x")];
    check(&json!({"results": [found], "status": "Complete"}).to_string());
    for message in [json!(one), event()] {
        check(&json!([{"@timestamp": "2026-11-10 10:00:01.123", "@message": message}]).to_string());
        // Whatever fields were asked for beside it.
        check(&json!([{"eventName": "X", "errorCode": "E", "userIdentity.arn": "a", "@message": message}]).to_string());
    }
    let cell = one.replace('"', "\"\"");
    check(&format!("@timestamp,@message\n2026-11-10 10:00:01.123,\"{cell}\"\n"));
    check(&format!("eventName,errorCode,@message\nX,E,\"{cell}\"\n"));
    check(&format!("timestamp,message\r\n1794304801123,\"{cell}\"\r\n"));
    check_problems(format!("timestamp,message\n1,hello\n2,\"{cell}\"\n").as_bytes(), 1, &["in:line 2"]);
    for message in [Value::Null, json!("hello"), json!(7)] {
        let rows = json!([{"eventName": "X", "errorCode": "E", "@message": message}]).to_string();
        let (records, problems) = read(rows.as_bytes(), "in");
        assert_eq!((records[0].event_name.as_deref(), problems.len()), (Some("X"), 0), "{rows}");
    }
    // A column that somebody named so among an event's own is none.
    let table = format!("timestamp,eventname,errorcode,message\n1,A,AccessDenied,\"{cell}\"\n");
    let (records, problems) = read(table.as_bytes(), "in");
    assert_eq!((records[0].event_name.as_deref(), problems.len()), (Some("A"), 0));
    // Of what a search gave, anybody may have chosen everything; rows are those of Logs Insights alone, and at the top.
    check_problems(json!({"results": [event()]}).to_string().as_bytes(), 0, &["in:line 1"]);
    check_problems(json!({"detail": {"results": [found]}}).to_string().as_bytes(), 0, &["in:line 1"]);
    check_problems(json!({"results": [found, [field("@ptr", "x")]]}).to_string().as_bytes(), 1, &["in:record 2"]);
    let (none, problems) = read(br#"{"messageType": "CONTROL_MESSAGE", "logEvents": [{"message": "CWL"}]}"#, "in");
    assert_eq!((none.len(), problems.len()), (0, 0));
}

/// Athena's row of the event: lower-case columns, JSON as text.
fn row() -> Vec<(String, String)> {
    let cell = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    event().as_object().unwrap().iter().map(|(key, value)| (key.to_lowercase(), cell(value))).collect()
}

#[test]
fn rows_of_athena_and_lake() {
    let object: serde_json::Map<String, Value> = row().into_iter().map(|(key, cell)| (key, cell.into())).collect();
    check(&Value::Object(object.clone()).to_string());
    let mut spaced = object;
    spaced.insert("eventtime".to_owned(), "2024-07-30 21:31:21.000".into());
    spaced.insert("useridentity".to_owned(), "{type=AssumedRole, principalid=AROAX:s, \
        arn=arn:aws:sts::111122223333:assumed-role/r/s, sessioncontext={sessionissuer={arn=arn:aws:iam::111122223333:role/p/r, \
        username=r}}}".into());
    check(&Value::Object(spaced).to_string());
    // A column of JSON text that was cast to JSON.
    let mut twice = row().into_iter().map(|(key, cell)| (key, cell.into())).collect::<serde_json::Map<String, Value>>();
    twice.insert("useridentity".to_owned(), json!(json!(event()["userIdentity"].to_string()).to_string()));
    check(&Value::Object(twice).to_string());
    let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let line = |cells: Vec<String>| cells.join(",");
    let header = line(row().iter().map(|(key, _)| quote(key)).collect());
    let cells = line(row().iter().map(|(_, cell)| quote(cell)).collect());
    check(&format!("{header}\r\n{cells}\r\n"));
    check(&format!("{}\n{cells}", header.replace('"', "")));
    let (records, problems) = read(format!("{header}\na,b\n{cells}\n").as_bytes(), "in.csv");
    assert_eq!((records, problems[0].input.as_str()), (vec![record()], "in.csv:line 2"));
}

/// A key is whatever its writer chose: `}, {arn=…` as well.
#[test]
fn no_name_in_a_text_without_quotes_becomes_a_resource() {
    let key = "}, {arn=arn:aws:s3:::payroll/secret.csv, accountid=111122223333";
    let resources = format!("[{{arn=arn:aws:s3:::logs/{key}, type=AWS::S3::Object}}]");
    let row = |parameters: Value| {
        json!([{"eventname": "GetObject", "errorcode": "AccessDenied", "errormessage": "Access Denied",
            "requestparameters": parameters, "resources": resources}])
        .to_string()
    };
    let (records, problems) = read(row(Value::Null).as_bytes(), "in");
    assert_eq!((&records[0].resource_arns, &records[0].resource_accounts), (&vec![], &vec![]));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].input == "in:record 1" && problems[0].error.starts_with("`resources` cannot be read"));
    // The request tells it as well, so that nothing is lost.
    let parameters = json!({"bucketName": "logs", "key": key});
    let (records, problems) = read(row(json!(parameters.to_string())).as_bytes(), "in");
    assert_eq!((records[0].resource_arns.len(), problems), (0, vec![]));
    assert_eq!(records[0].request_parameters, parameters);
    // So does a message, where it names one.
    for (message, told) in
        [("User: a is not authorized to perform: s3:GetObject on resource: b", 0), ("User: arn:aws:iam::1:user/a", 1)]
    {
        let row = json!([{"eventname": "x", "errormessage": message, "resources": "[{arn=a}]"}]);
        assert_eq!(read(row.to_string().as_bytes(), "in").1.len(), told, "{message}");
    }
    // A map of texts could name another bucket, whichever member comes first.
    let (records, problems) = read(row(json!("{key=a, bucketName=payroll, bucketName=logs}")).as_bytes(), "in");
    assert_eq!((&records[0].request_parameters, problems.len()), (&Value::Null, 2), "{problems:?}");
    // Lists do not say which of their members is which.
    let nameless = json!({"eventname": "x", "useridentity": "[\"Root\",null]", "resources": "[[\"arn:aws:s3:::b\"]]"});
    let (records, problems) = read(nameless.to_string().as_bytes(), "in");
    assert_eq!((&records[0].user_identity, records[0].resource_arns.len(), problems.len()), (&Value::Null, 0, 2));
}

/// As Windows' shell writes what is sent into a file.
#[test]
fn utf_16_is_told_by_its_mark() {
    for (mark, bytes) in [(0xfeff_u16, u16::to_le_bytes as fn(u16) -> [u8; 2]), (0xfeff, u16::to_be_bytes)] {
        let units = std::iter::once(mark).chain(format!("{}\r\n", event()).encode_utf16().collect::<Vec<_>>());
        let (records, problems) = read(&units.flat_map(bytes).collect::<Vec<_>>(), "in");
        assert_eq!((records, problems), (vec![record()], vec![]));
    }
    assert_eq!(read(&[0xff, 0xfe, b'{'], "in").0, vec![]);
}

/// A file of nothing but faults must not fill the memory, nor the screen.
#[test]
fn many_faults_are_told_as_a_number() {
    let (one, many) = (event().to_string(), MOST_PROBLEMS + 30);
    let lines = format!("{}{one}\n", "{\n".repeat(many));
    let list = format!("[{}{one}]", "{},".repeat(many));
    let log = format!("{{\"Records\":[{}{one}]}}", "{},".repeat(many));
    for text in [&lines, &list, &log] {
        for read in [
            |text: &str| read(text.as_bytes(), "in"),
            |text: &str| {
                let (mut records, mut problems) = (Vec::new(), Vec::new());
                scan_errors(
                    text.as_bytes(),
                    "in",
                    |_| true,
                    |record| records.push(record),
                    |fault| problems.push(fault),
                );
                (records, problems)
            },
        ] {
            let (records, problems) = read(text);
            assert_eq!((records.len(), problems.len()), (1, MOST_PROBLEMS + 1), "{text:.40}");
            let last = Problem { input: "in".to_owned(), error: "and 30 more that cannot be read".to_owned() };
            assert_eq!(problems.last(), Some(&last));
        }
    }
}

/// `PutEvents` takes any `source` but AWS's own.
#[test]
fn what_others_put_on_a_bus_is_no_record() {
    for source in ["attacker.app", "aws.partner/attacker.app/x"] {
        let forged =
            json!({"version": "0", "detail-type": "AWS API Call via CloudTrail", "source": source, "detail": event()});
        let (records, problems) = read(forged.to_string().as_bytes(), "in");
        assert_eq!((records.len(), problems.len()), (0, 1), "{problems:?}");
        assert!(problems[0].error.starts_with(&format!("an event of `{source}`, not of AWS")), "{problems:?}");
    }
}

#[test]
fn a_caller_who_cannot_be_told_is_told_once() {
    let row = json!({"eventname": "x", "useridentity": "{type=WebIdentityUser, principalid=p:a:x}y, username=x}y}"});
    let (records, problems) = read(json!([row, row]).to_string().as_bytes(), "in");
    assert_eq!(records.iter().map(|record| &record.user_identity).collect::<Vec<_>>(), [&Value::Null; 2]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].error.starts_with("`userIdentity` cannot be read"), "{problems:?}");
}

#[test]
fn odd_types_are_absent() {
    let odd = json!({"eventName": "X", "errorCode": 7, "eventTime": 5, "readOnly": "true", "requestParameters": "null",
        "userIdentity": "null", "resources": "x", "recipientAccountId": 11112222333u64, "errorMessage": ""});
    let (records, problems) = read(odd.to_string().as_bytes(), "in");
    let expect = Record {
        event_name: Some("X".to_owned()),
        read_only: Some(true),
        recipient_account: Some("011112222333".to_owned()),
        ..Record::default()
    };
    assert_eq!((records, problems), (vec![expect], vec![]));
    let deep = format!("{{\"eventName\": \"X\", \"requestParameters\": {}1{}}}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(read(deep.as_bytes(), "in").0[0].request_parameters, Value::Null);
}

#[track_caller]
fn check_problems(text: &[u8], good: usize, places: &[&str]) {
    let (records, problems) = read(text, "in");
    assert_eq!(records.len(), good, "{problems:?}");
    assert_eq!(problems.iter().map(|problem| problem.input.as_str()).collect::<Vec<_>>(), places, "{problems:?}");
}

#[test]
fn a_fault_loses_only_itself() {
    let one = event().to_string();
    check_problems(format!("{one}\n{{bad\n{one}\n\n{one}\n7\n").as_bytes(), 3, &["in:line 2", "in:line 6"]);
    check_problems(
        format!("{{\"Records\": [{one}, 7, null, {{\"a\": 1}}, {one}]}}").as_bytes(),
        2,
        &["in:record 2", "in:record 3", "in:record 4"],
    );
    check_problems(format!("{{\"Records\": [{one}, {one}, {}", &one[..40]).as_bytes(), 2, &["in:record 3"]);
    check_problems(format!("[{one} {one}]").as_bytes(), 1, &["in:record 1"]);
    check_problems(format!("{{\"Records\": [{one}]}}\n{{\"Records\": [8]}}").as_bytes(), 1, &["in:line 2:record 1"]);
    let pretty = serde_json::to_string_pretty(&event()).unwrap();
    check_problems(&pretty.as_bytes()[..pretty.len() - 3], 0, &["in:line 1"]);
    check_problems(format!("{one}\n\u{feff}{one}\n{{bad\n\u{feff}{one}\n").as_bytes(), 3, &["in:line 3"]);
    check_problems(b"plain words", 0, &["in"]);
    check_problems(b" \n ", 0, &[]);
    check_problems(b"{\"Records\": []}", 0, &[]);
    check_problems(&[&one.as_bytes()[..one.len() - 1], b", \"x\": \"\xff\"}"].concat(), 1, &["in"]);
}

/// Each place is told with the bytes that are not read for it.
#[test]
fn what_is_passed_over_is_told() {
    let one = event().to_string();
    let told = |text: &str| {
        let (records, problems) = read(text.as_bytes(), "in");
        (records.len(), problems.into_iter().map(|problem| problem.error).collect::<Vec<_>>())
    };
    for (text, good, bytes) in [
        (format!("{{\"Records\": [{one}, {{bad}}, {one}]}}"), 1, 9 + one.len()),
        (format!("{{\"Records\": [{one}, {{bad}}, {one}]}}\n{one}\n"), 2, 10 + one.len()),
        (format!("[\n {one},\n {{bad}},\n {one}\n]"), 1, 10 + one.len()),
        (format!("{{\n\"eventName\": bad,\n \"eventSource\": \"s\"\n}}\n{one}\n"), 1, 42),
        // What was read before it is not read again.
        (format!("[{one}\n,{one}\n,{{bad}}]"), 2, 6),
        (format!("[\n{one}\n,\n{{bad}}]"), 1, 6),
        (format!("{{\"Records\": [{one}] bad"), 1, 4),
    ] {
        let (count, errors) = told(&text);
        assert_eq!((count, errors.len()), (good, 1), "{text} {errors:?}");
        assert!(
            errors[0].contains(&format!("; so {bytes} bytes are passed over, since a part of")),
            "{text} {errors:?}"
        );
    }
    let (count, errors) = told(&format!("[{one}"));
    assert_eq!((count, errors), (1, vec!["the list breaks off behind it".to_owned()]));
}

/// Lists may hold each element on a line by itself, also those inside of a request.
#[test]
fn no_part_of_a_broken_value_is_a_line_by_itself() {
    let fake = json!({"eventName": "no", "errorCode": "AccessDenied"});
    for behind in ["\n]", "\n,7]", "\n\n ]"] {
        let broken = format!("{{\"eventName\": bad, \"requestParameters\": {{\"a\": [\n{fake}{behind}}}}}");
        for text in [format!("{{\"Records\": [\n{}\n,\n{broken}]}}", event()), format!("{}\n{broken}\n", event())] {
            let (records, problems) = read(text.as_bytes(), "in");
            assert_eq!((records, problems.is_empty()), (vec![record()], false), "{text}");
        }
    }
}

/// What is open at a broken line's end may go on; nothing in it may pose as an event, be the text cut off or not.
#[test]
fn behind_what_is_left_open_no_lone_line_counts() {
    let fake = json!({"eventName": "X", "errorCode": "AccessDenied", "eventSource": "s3.amazonaws.com"});
    let bad = "{\"eventName\": bad, \"requestParameters\":{\"a\":[";
    for behind in ["", "\n", "\n]", ",\n", &format!(",\n{fake}\n"), "\n\"}]}}\n"] {
        for before in [format!("{{\"Records\":[\n{bad}"), bad.to_owned(), format!("{{\"a\": bad}}\n{bad}")] {
            let text = format!("{before}\n{fake}{behind}");
            let (records, problems) = read(text.as_bytes(), "in");
            assert_eq!((records.len(), problems.is_empty()), (0, false), "{text}");
        }
        let text = format!("{}\n{bad}\n{fake}{behind}", event());
        assert_eq!(read(text.as_bytes(), "in").0, [record()], "{text}");
    }
    let torn = format!("  \"requestParameters\":{{\"a\":[\n{fake}\n");
    assert_eq!(read(torn.as_bytes(), "in").0, []);
    // What is surely over, or surely of lines, loses nothing.
    for (text, good) in [
        (format!("{0}\n{{\"a\": bad, \"b\":[]}}\n{0}\n", event()), 2),
        (format!("{0}\n{{\"a\":{{\"b\":\"cu\n{0}\n{0}\n", event()), 3),
        (format!("{{\"a\":{{\"b\":\"cu\n{0}\n{{\"a\":\n{0}\n\n{0}", event()), 3),
        (format!("{bad}\n{fake}\n]}}}}\n{0}\n", event()), 1),
        (format!("said {{\n  \"a\": [1]\n}}\n{0}\nso [\n{0}\n", event()), 2),
        (format!("{0}\n{{\"a\":{{\"b\":\"cu\n{0}\n", event()), 2),
        (format!("{0}\n{{\"a\":{{\"b\":7,\n{0}\n{0}\n", event()), 3),
        (format!("{0}\n{{\"a\":{{\"b\":7,\n{0}\n", event()), 1),
    ] {
        let (records, problems) = read(text.as_bytes(), "in");
        assert_eq!((records.len(), problems.is_empty()), (good, false), "{text} {problems:?}");
    }
}

#[test]
fn of_several_lists_each_is_read_once() {
    let one = event().to_string();
    for text in [
        format!("{{\"Records\": [{one}], \"Events\": [{one}, 7]}}"),
        format!("{{\"x\": [{one}], \"records\": [{one}], \"Events\": [{one}, 7]}}"),
        format!("{{\"Events\": [{one}], \"Records\": [{one}, 7], \"x\": 1}}"),
        format!("{{\"Records\": [{one}], \"\\udead\": 1, \"Events\": [{one}, 7]}}"),
    ] {
        check_problems(text.as_bytes(), 2, &["in:list 2:record 2"]);
    }
}

/// JSON's grammar allows it, and callers choose texts.
#[test]
fn half_a_surrogate_pair_loses_nothing() {
    let mut read_so = event();
    for (pointer, text) in [
        ("/errorMessage", "a\u{fffd}b"),
        ("/userIdentity/principalId", "\u{fffd}"),
        ("/requestParameters/bucketName", "\u{fffd}\\ud800"),
    ] {
        *read_so.pointer_mut(pointer).unwrap() = text.into();
    }
    let read_so_text = read_so.to_string();
    let written = read_so_text.replace('\u{fffd}', "\\ud800");
    let expect = Record::from_value(&read_so).unwrap();
    let twice = |text: &str| {
        json!({"cloudTrailEvent": "@"})
            .to_string()
            .replace("\"@\"", &format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
    };
    for text in [
        written.clone(),
        format!("{{\"Records\": [{written}]}}"),
        written.replacen('{', "{\"\\udfff\": 1, ", 1),
        format!("{{\"\\ud800\": 1, \"detail\": {written}}}"),
        twice(&written),
        // The half is one of the text around the event.
        twice(&read_so_text).replace('\u{fffd}', "\\udabc"),
    ] {
        assert_eq!(read(text.as_bytes(), "in"), (vec![expect.clone()], vec![]), "{text}");
        let mut denied = Vec::new();
        let keep = |head: &Head<'_>| head.error_code.as_deref() == Some("AccessDenied");
        scan_errors(text.as_bytes(), "in", keep, |record| denied.push(record), |_| {});
        assert_eq!(denied, std::slice::from_ref(&expect), "{text}");
    }
    // No key becomes another one.
    let (records, problems) =
        read(br#"{"eventName":"A","error\ud800Code":"AccessDenied","\ud800errorCode":"AccessDenied"}"#, "in");
    assert_eq!((&records[0].error_code, problems), (&None, vec![]));
}

#[test]
fn a_record_too_large_loses_only_itself() {
    let one = event().to_string();
    let padded = |bytes: usize| {
        let bare = format!("{},\"padding\":\"\"}}", &one[..one.len() - 1]);
        bare.replace("\"padding\":\"", &format!("\"padding\":\"{}", "x".repeat(bytes - bare.len())))
    };
    let (full, large) = (padded(LARGEST_RECORD), padded(LARGEST_RECORD + 1));
    check_problems(full.as_bytes(), 1, &[]);
    check_problems(large.as_bytes(), 0, &["in:line 1"]);
    check_problems(format!("{one}\n{large}\n{one}\n").as_bytes(), 2, &["in:line 2"]);
    check_problems(format!("{{\"Records\": [{one}, {large}, {one}]}}").as_bytes(), 2, &["in:record 2"]);
    // The wrapping is larger than any record may be, its records are not.
    check_problems(format!("{{\"Records\": [{full}, {one}]}}").as_bytes(), 2, &[]);
    check_problems(format!("{{\"x\": 1, \"Events\": [{full}, {one}]}}").as_bytes(), 2, &[]);
    check_problems(format!("{{\"detail\": {large}}}").as_bytes(), 0, &["in:line 1"]);
    let cell = "x".repeat(LARGEST_RECORD);
    check_problems(format!("eventname,errorcode\nA,{cell}\nB,c\n").as_bytes(), 1, &["in:line 2"]);
    let error = &read(large.as_bytes(), "in").1[0].error;
    assert!(error.contains("4194305 bytes") && error.contains("4 MiB"), "{error}");
}

#[test]
fn only_the_wanted_are_read_whole() {
    let plain = json!({"eventName": "A", "requestParameters": {"errorCode": "AccessDenied"}}).to_string();
    let escaped = "{\"eventName\": \"B\", \"error\\u0043ode\": \"Access\\u0044enied\"}";
    let text = format!("{{\"Records\": [{plain}, {escaped}, {}]}}", event());
    let mut kept = Vec::new();
    let keep = |head: &Head<'_>| head.error_code.as_deref() == Some("AccessDenied");
    let seen = scan(text.as_bytes(), "in", keep, |record| kept.push(record.event_name), |_| {});
    assert_eq!((seen, kept), (3, vec![Some("B".to_owned()), Some("GetObject".to_owned())]));
}

/// Another spelling of a key beside CloudTrail's own hides no denial from the quick look, wherever it stands.
#[test]
fn of_two_spellings_the_exact_one_counts() {
    for text in [
        r#"{"errorCode": "AccessDenied", "error_code": "x"}"#,
        r#"{"error_code": "x", "errorCode": "AccessDenied"}"#,
        r#"{"errorCode": "AccessDenied", "errorcode": ""}"#,
        r#"{"errorCode": "x", "errorCode": "AccessDenied", "ERRORCODE": null}"#,
    ] {
        let mut kept = Vec::new();
        let keep = |head: &Head<'_>| head.error_code.as_deref() == Some("AccessDenied");
        scan(text.as_bytes(), "in", keep, |record| kept.push(record), |_| {});
        assert_eq!((read(text.as_bytes(), "in").0, kept.len()), (kept, 1), "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes, "in");
    }

    #[test]
    fn any_json_like_text_is_survived(parts in prop::collection::vec(prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"Records\"", "\"eventName\"", "\"detail\"", "\"x\"", "7", "null", "\n", " ", "eventname",
        "errorcode", "\"", "{\"Records\":[", "\\",
    ]), 0..40)) {
        read(parts.concat().as_bytes(), "in");
    }

    #[test]
    fn a_damaged_neighbour_loses_no_line(at in 0usize..400, byte in any::<u8>()) {
        let one = event().to_string();
        let mut bytes = format!("{one}\n{one}\n{one}\n").into_bytes();
        let place = one.len() + 1 + at % one.len();
        // Behind a line that ends so, a lone one may be a value inside of it.
        prop_assume!(byte != b'\n' && (at % one.len() < one.len() - 1 || !b"[,:".contains(&byte)));
        bytes[place] = byte;
        let (records, _) = read(&bytes, "in");
        prop_assert!(records.iter().filter(|found| **found == record()).count() >= 2);
    }
}

fn members() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let names =
        ["recipientAccountId", "awsRegion", "eventTime", "recipientAccountId", "awsRegion", "eventTime", "a", "b"];
    let values = [
        r#""111122223333""#,
        r#""eu-west-1""#,
        r#""2026-11-10T10:00:00Z""#,
        r#""20261110T100000Z""#,
        r#""""#,
        r#""null""#,
        "null",
        "12345678901",
        r#""eu\u002dwest-1""#,
        r#"{"eventTime":"2020-01-01T00:00:00Z","awsRegion":"x","b":["recipientAccountId"]}"#,
        r#""\"awsRegion\":\"x\"""#,
    ];
    prop::collection::vec((prop::sample::select(names.to_vec()), prop::sample::select(values.to_vec())), 0..8)
}

proptest! {
    /// By whichever of its ways a place is found.
    #[test]
    fn a_place_is_that_of_the_event_read_in_full(members in members(), colon in prop::sample::select(&[":", " : ", ":\n"][..])) {
        let parts: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\"{colon}{value}")).collect();
        let event = format!("{{{}}}", parts.join(","));
        let read = members::Members::read(&event).unwrap();
        prop_assert_eq!(whereabouts(&event), Some(field::whereabouts(|name| read.value(name))), "{}", event);
    }
}

#[test]
fn the_usual_place_is_found_by_its_keys() {
    let event = r#"{"eventTime":"2026-11-10T10:00:00Z","awsRegion":"eu-west-1","recipientAccountId":"111122223333"}"#;
    assert_eq!(PLACE.texts(event), Some(["111122223333", "eu-west-1", "2026-11-10T10:00:00Z"]));
    assert_eq!(skimmed_place(event), PLACE.texts(event));
}
