use super::*;
use crate::record::{self, Record};
use proptest::prelude::*;

/// What the windows of a text hold, fed in parts of this size.
fn windowed(text: &str, size: usize, largest: usize, part: usize, is_whole: bool) -> (Vec<Record>, u64, usize) {
    let (mut records, mut count) = (Vec::new(), 0);
    let mut windows = Windows::of(size, largest);
    let mut each = |text: &[u8], _: u64| {
        count += 1;
        let (mut found, problems) = record::read(text, "x");
        assert_eq!(problems, [], "{}", String::from_utf8_lossy(text));
        records.append(&mut found);
    };
    text.as_bytes().chunks(part).for_each(|part| windows.feed(part, &mut each));
    let too_large = windows.too_large;
    windows.end(is_whole, &mut each);
    (records, too_large, count)
}

fn event(id: usize, inner: &str) -> String {
    format!(r#"{{"eventName":"e{id}","requestParameters":{{"a":"{inner}","Records":[{{"eventName":"no"}}]}}}}"#)
}

/// Shapes that may be long.
const SHAPES: [(&str, &str, &str); 8] = [
    ("{\"Records\":[", ",", "]}"),
    (" { \"x\": [1, {\"Records\": []}], \"Records\" : [ ", " ,\n ", " ] , \"y\": 1 }\n"),
    ("[", ",\n", "]"),
    ("", "\n", "\n"),
    ("", "", ""),
    ("{\"Events\":[", ",", "],\"NextToken\":\"t\"}"),
    ("{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[", ",", "]}"),
    ("{\"Records\":[]}{\"Records\":[", "]} {\"Records\":[", "]}"),
];

#[test]
fn windows_are_few_megabytes_and_hold_all() {
    let events: Vec<String> = (0..20_000).map(|id| event(id, &"x".repeat(500))).collect();
    for (before, between, after) in [SHAPES[0], SHAPES[3]] {
        let text = format!("{before}{}{after}", events.join(between));
        let (records, too_large, count) = windowed(&text, WINDOW, LARGEST + WINDOW, 70_000, true);
        assert_eq!((records.len(), too_large), (20_000, 0), "{before}");
        assert!((3..=4).contains(&count), "{count}");
    }
}

/// As `jq -s` makes of several log files: their lists are larger than any record.
#[test]
fn lists_in_a_list_are_no_records() {
    let events: Vec<String> = (0..9_000).map(|id| event(id, &"x".repeat(900))).collect();
    let file = format!("{{\"Records\":[{}]}}", events.join(","));
    assert!(file.len() > 2 * WINDOW);
    let (records, too_large, _) = windowed(&format!("[{file},\n{file}]"), WINDOW, LARGEST + WINDOW, 70_000, true);
    assert_eq!((records.len(), too_large), (18_000, 0));
}

#[test]
fn of_several_lists_each_record_comes_once() {
    let list = |from: usize| (from..from + 9).map(|id| event(id, "")).collect::<Vec<_>>().join(", ");
    let [one, two, three] = [list(0), list(10), list(20)];
    for text in [
        format!("{{\"Records\":[{one}],\"Events\":[{two}]}}"),
        format!("{{\"x\": [{one}], \"Records\" : [{two}] , \"y\":{{}}, \"log_Events\":[ {three} ],\"Events\":[]}}"),
        format!(
            "{{\"Events\":[],\"Records\":[{one}],\"Events\":[{two}]}}{{\"x\":1,\"Records\":[{three}],\"Records\":[{one}]}}"
        ),
    ] {
        for size in (1..900).step_by(7) {
            let (records, ..) = windowed(&text, size, 1 << 20, 90, true);
            assert_eq!(records, record::read(text.as_bytes(), "x").0, "{size} {text}");
        }
    }
}

#[test]
fn what_a_list_begins_with_tells_no_event_again() {
    let list = (0..9).map(|id| event(id, "")).collect::<Vec<_>>().join(",");
    for head in [
        format!("\"detail\":{},\"Records\"", event(10, "")),
        format!("\"message\":{},\"Records\"", serde_json::Value::from(event(10, ""))),
        format!("\"eventName\":\"e10\",\"events\":[{}],\"Records\"", event(11, "")),
    ] {
        let text = format!("{{{head}:[{list}]}}\n{{\"Records\":[{list}]}}");
        for size in [1, 50, 100, 300, 1_000] {
            let (records, ..) = windowed(&text, size, 1 << 20, 90, true);
            assert_eq!((records.len(), &records), (10, &record::read(text.as_bytes(), "x").0), "{size} {text}");
        }
    }
}

#[test]
fn a_record_larger_than_any_event_is_left_out_alone() {
    for (before, between, after) in SHAPES {
        let large = event(1, &"y".repeat(5_000));
        for all in [[event(0, ""), large.clone(), event(2, "")], [large.clone(), event(0, ""), event(2, "")]] {
            let text = format!("{before}{}{after}", all.join(between));
            let (records, too_large, _) = windowed(&text, 300, 1_000, 90, true);
            let names: Vec<&str> = records.iter().filter_map(|record| record.event_name.as_deref()).collect();
            assert_eq!((names, too_large), (vec!["e0", "e2"], 1), "{text}");
        }
    }
}

#[test]
fn what_stands_before_a_record_that_is_left_out_is_told() {
    let [first, large, last] = [event(0, ""), event(1, &"y".repeat(5_000)), event(2, "")];
    let text = format!("{first}\nno event\n{large}\n{last}\n");
    let (mut windows, mut told) = (Windows::of(300, 1_000), Vec::new());
    let mut each = |text: &[u8], at: u64| {
        let problems = record::read(text, "x").1;
        told.extend(problems.into_iter().map(|problem| (at, problem.input)));
    };
    text.as_bytes().chunks(90).for_each(|part| windows.feed(part, &mut each));
    assert_eq!((windows.too_large, windows.first_too_large), (1, first.len() as u64 + 10));
    assert_eq!(windows.left_out, large.len() as u64);
    windows.end(true, &mut each);
    assert_eq!(told, [(first.len() as u64, "x".to_owned())]);
}

#[test]
fn a_quotation_mark_in_a_line_or_in_a_cell_hides_nothing() {
    let line = |id: usize, agent: &str| {
        format!("2026-11-10T10:00:00Z {{\"eventName\":\"e{id}\",\"eventSource\":\"s\",\"userAgent\":\"{agent}\"}}\n")
    };
    let lines: String = (0..100).map(|id| line(id, if id == 7 { "a\\\"b" } else { "ab" })).collect();
    assert_eq!(windowed(&lines, 300, 1_000, 90, true).0.len(), 100);
    for cell in ["a\"b", "a\"\"\"b", "a,\"b", "a;\"b"] {
        let row = |id: usize| format!("e{id}\ts\t{}\n", if id == 7 { cell } else { "ab" });
        let rows: String = (0..100).map(row).collect();
        let table = format!("eventname\teventsource\tuseragent\n{rows}");
        let (records, too_large, _) = windowed(&table, 300, 1_000, 90, true);
        assert_eq!((records.len(), too_large), (100, 0), "{cell}");
    }
}

#[test]
fn the_row_behind_one_that_is_left_out_is_whole() {
    let large = "y".repeat(5_000);
    let text = format!("errorcode,eventname,eventsource\n,e0,s\n,{large},s\n,e2,s\n,e3,s\n");
    let (records, too_large, _) = windowed(&text, 300, 1_000, 90, true);
    let names: Vec<&str> = records.iter().filter_map(|record| record.event_name.as_deref()).collect();
    assert_eq!((names, too_large), (vec!["e0", "e2", "e3"], 1));
}

#[test]
fn a_broken_line_loses_itself_alone() {
    for broken in [r#"{"eventName":"e1","userAgent":"cu"#, r#"{"eventName":"e1","userIdentity":{"#] {
        let rest: String = (2..100).map(|id| format!("{}\n", event(id, ""))).collect();
        let text = format!("{}\n{broken}\n{rest}", event(0, ""));
        let (mut windows, mut names, mut faults) = (Windows::of(300, 1_000), Vec::new(), 0);
        let mut each = |text: &[u8], _: u64| {
            let (records, problems) = record::read(text, "x");
            names.extend(records.into_iter().filter_map(|record| record.event_name));
            faults += problems.len();
        };
        text.as_bytes().chunks(90).for_each(|part| windows.feed(part, &mut each));
        assert_eq!(windows.too_large, 0, "{broken}");
        windows.end(true, &mut each);
        assert_eq!((names.len(), names[98].as_str(), faults), (99, "e99", 1), "{broken}");
    }
}

/// Of a broken record over lines, larger than any, no line inside counts.
#[test]
fn no_line_inside_of_a_broken_record_counts() {
    for (between, after) in [(",\n", "\n]}}\n"), (",\n", ""), ("\n,\n", "\n]}}\n")] {
        let inner: Vec<String> = (0..100).map(|id| event(id, "")).collect();
        let text = format!(
            "{}\n{{\"eventName\": bad, \"requestParameters\":{{\"a\":[\n{}{after}",
            event(500, ""),
            inner.join(between)
        );
        let (mut windows, mut names) = (Windows::of(300, 1_000), Vec::new());
        let mut each =
            |text: &[u8], _: u64| names.extend(record::read(text, "x").0.into_iter().filter_map(|r| r.event_name));
        text.as_bytes().chunks(90).for_each(|part| windows.feed(part, &mut each));
        windows.end(true, &mut each);
        assert_eq!(names, ["e500"], "{between:?} {after:?}");
    }
}

#[test]
fn brackets_without_end_lose_themselves_alone() {
    let open = "[".repeat(40_000_000);
    let close = "]".repeat(40_000_000);
    let (mut windows, mut names, mut faults) = (Windows::new(), Vec::new(), 0);
    let mut each = |text: &[u8], _: u64| {
        let (records, problems) = record::read(text, "x");
        names.extend(records.into_iter().filter_map(|record| record.event_name));
        faults += problems.len();
    };
    let text = format!("[{},{open}{close},{}]", event(0, ""), event(1, ""));
    text.as_bytes().chunks(1 << 20).for_each(|part| windows.feed(part, &mut each));
    assert_eq!(windows.too_large, 1);
    windows.end(true, &mut each);
    assert_eq!((names, faults), (vec!["e0".to_owned(), "e1".to_owned()], 0));
}

#[test]
fn a_table_is_cut_between_its_rows() {
    let rows: String = (0..50).map(|id| format!("e{id},,\"a\"\"b\n{id}\"\n")).collect();
    let (records, _, count) = windowed(&format!("eventname,errorcode,useragent\n{rows}"), 100, 1_000, 7, true);
    assert_eq!((records.len(), records[49].event_name.as_deref()), (50, Some("e49")));
    assert!(count > 3);
}

#[test]
fn the_first_row_alone_tells_a_table() {
    let rows: String = (0..50).map(|id| format!("s,e{id},x\n")).collect();
    for before in ["\u{feff}", "\n", " \r\n\n", "\u{feff}\n"] {
        let (records, _, count) =
            windowed(&format!("{before}eventsource,eventname,other\n{rows}"), 100, 1_000, 7, true);
        assert_eq!((records.len(), records[49].event_name.as_deref()), (50, Some("e49")), "{before:?}");
        assert!(count > 3);
    }
    let line = |id: usize| format!("2026-11-10T10:00:00Z {{\"eventName\":\"e{id}\"}}\n");
    let lines = |from: usize| (from..from + 20).map(line).collect::<String>();
    let (mut windows, mut names) = (Windows::of(100, 1_000), Vec::new());
    let mut each =
        |text: &[u8], _: u64| names.extend(record::read(text, "x").0.into_iter().map(|record| record.event_name));
    let text = format!("{}eventsource,eventname\n{}", lines(0), lines(20));
    text.as_bytes().chunks(7).for_each(|part| windows.feed(part, &mut each));
    windows.end(true, &mut each);
    assert_eq!((names.len(), names[39].as_deref()), (40, Some("e39")));
}

/// A look at all blank rows before for each of them would take hours: this ends at all.
#[test]
fn millions_of_blank_rows_cost_what_they_are_long() {
    let blank = "\n".repeat(12 << 20);
    for (text, count) in [(format!("{blank}x\n"), 0), (format!("{blank}eventname,eventsource\ne1,s\n"), 1)] {
        let (mut windows, mut names) = (Windows::new(), Vec::new());
        let mut each = |text: &[u8], _: u64| names.extend(record::read(text, "x").0.into_iter().map(|r| r.event_name));
        text.as_bytes().chunks(64 << 10).for_each(|part| windows.feed(part, &mut each));
        windows.end(true, &mut each);
        assert_eq!(names.len(), count);
    }
}

proptest! {
    #[test]
    fn windows_hold_what_the_text_holds(
        shape in 0..SHAPES.len(), texts in prop::collection::vec("[a{}\\[\\],:ü]{0,20}|\\\\\\\\|\\\\\"", 0..12), size in 1_usize..200,
        part in 1_usize..100, cut in prop::option::of(0_usize..1_000),
    ) {
        let (before, between, after) = SHAPES[shape];
        let events: Vec<String> = texts.iter().enumerate().map(|(id, text)| event(id, text)).collect();
        let text = format!("{before}{}{after}", events.join(between));
        match cut {
            None => {
                let (records, ..) = windowed(&text, size, 1 << 20, part, true);
                prop_assert_eq!(records, record::read(text.as_bytes(), "x").0);
            }
            Some(cut) => {
                // What breaks off has the whole records before.
                let cut = (0..=cut.min(text.len())).rev().find(|cut| text.is_char_boundary(*cut)).unwrap_or(0);
                let (records, ..) = windowed(&text[..cut], size, 1 << 20, part, false);
                let mut salvaged = text.as_bytes()[..cut].to_vec();
                crate::io::sources::salvage::salvage(&mut salvaged);
                prop_assert_eq!(records, record::read(&salvaged, "x").0);
            }
        }
    }
}
