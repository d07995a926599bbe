use super::*;
use proptest::prelude::*;

/// What the full reader finds: events, those with an error code, problems.
fn fully(bytes: &[u8]) -> (u64, Vec<Record>, Vec<Problem>) {
    let (mut records, mut problems) = (Vec::new(), Vec::new());
    let keep = |head: &Head<'_>| head.error_code.is_some();
    let seen = crate::record::scan(bytes, "x", keep, |record| records.push(record), |problem| problems.push(problem));
    (seen, records, problems)
}

fn sifted(isa: Isa, bytes: &[u8]) -> Option<(u64, Vec<Record>, Vec<Problem>)> {
    let sifted = sift_with(isa, bytes)?;
    let (mut seen, mut records, mut problems) = (sifted.allowed, Vec::new(), Vec::new());
    for one in &sifted.candidates {
        let keep = |head: &Head<'_>| head.error_code.is_some();
        seen += one.read("x", keep, |record| records.push(record), |problem| problems.push(problem));
    }
    Some((seen, records, problems))
}

/// The same without what bears no error code of its own.
fn sifted_refusals(isa: Isa, bytes: &[u8]) -> Option<(u64, Vec<Record>)> {
    let sifted = sift_refusals_with(isa, bytes, |_, _| true)?;
    let (mut seen, mut records) = (sifted.allowed, Vec::new());
    for one in &sifted.candidates {
        seen += one.read("x", |head| head.error_code.is_some(), |record| records.push(record), |_| {});
    }
    Some((seen, records))
}

/// All instruction sets agree with the full reader; returns whether the input could be sifted at all.
#[track_caller]
fn check(text: &[u8]) -> bool {
    let mut any = false;
    for isa in Isa::available() {
        if let Some(found) = sifted(isa, text) {
            any = true;
            let expect = fully(text);
            assert_eq!(found, expect, "{isa:?}: {}", String::from_utf8_lossy(text));
            if serde_json::from_slice::<serde_json::Value>(text).is_ok() {
                let (seen, records, _) = expect;
                let refusals = sifted_refusals(isa, text);
                assert_eq!(refusals, Some((seen, records)), "{isa:?}: {}", String::from_utf8_lossy(text));
            }
        }
    }
    any
}

fn log(records: &[&str]) -> String {
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}

const ALLOWED: &str = r#"{"eventVersion":"1.08","userIdentity":{"arn":"a"},"eventName":"x"}"#;

fn with(members: &str) -> String {
    format!(r#"{{"eventVersion":"1.08","userIdentity":{{"arn":"a"}},"eventID":"i",{members}}}"#)
}

#[test]
fn a_look_alike_never_counts_and_no_spelling_hides() {
    for members in [
        r#""errorCode":"AccessDenied""#,
        r#""error_code":"AccessDenied""#,
        r#""ERRORCODE":"AccessDenied""#,
        r#""e_r_r_o_r_c_o_d_e":"AccessDenied""#,
        r#""erro__r___code_":"AccessDenied""#,
        r#""_error_Code":"AccessDenied""#,
        r#""err\u006frCode":"AccessDenied""#,
        r#""error\u005fcode":"AccessDenied""#,
        r#""\u0065rrorCod\u0065" : "AccessDenied""#,
        r#""errorCode":null"#,
        r#""errorCode":{"errorCode":"x"}"#,
        r#""errorMessage":"errorCode""#,
        r#""requestParameters":{"errorCode":"AccessDenied"}"#,
        r#""requestParameters":{"a":[{"eventVersion":"1.08","userIdentity":{},"errorCode":"AccessDenied"},{"eventVersion":"1.08"}]}"#,
        r#""requestParameters":"},{\"eventVersion\":\"1.08\",\"userIdentity\":{},\"errorCode\":\"AccessDenied\"}""#,
        r#""requestParameters":"\\\\","errorCode":"AccessDenied""#,
        r#""requestParameters":"\\\",\"errorCode\":\"AccessDenied""#,
        r#""userAgent":"ü","errorCode":"AccessDenied""#,
    ] {
        let one = with(members);
        for records in [vec![&*one], vec![ALLOWED, &one, ALLOWED], vec![&one, &one], vec![ALLOWED; 3]] {
            assert!(check(log(&records).as_bytes()), "{members}");
        }
    }
}

#[test]
fn any_place_in_a_block() {
    for pad in 0..200 {
        let before = with(&format!(r#""userAgent":"{}""#, "x".repeat(pad)));
        for members in [r#""error_Code":"A""#, r#""\u0065rrorCode":"A""#, r#""x":"\\\\\\","errorCode":"A""#] {
            assert!(check(log(&[&before, &with(members), ALLOWED]).as_bytes()));
            let found = sifted(Isa::best(), log(&[&before, &with(members), ALLOWED]).as_bytes()).unwrap();
            assert_eq!((found.0, found.1.len()), (3, 1), "{pad} {members}");
        }
    }
}

/// Eight blocks are looked at together, and a key may begin in these and go on in the next ones.
#[test]
fn any_place_in_a_group() {
    for pad in 0..=isa::GROUP * isa::BLOCK {
        let before = with(&format!(r#""userAgent":"{}""#, "x".repeat(pad)));
        for members in [r#""errorCode":"A""#, r#""error_Code":"A""#] {
            let text = log(&[&before, &with(members), ALLOWED]);
            for isa in Isa::available() {
                let sifted = sift_with(isa, text.as_bytes()).unwrap();
                assert_eq!((sifted.allowed, sifted.candidates.len()), (2, 1), "{isa:?} {pad} {members}");
            }
        }
    }
}

/// Three batches (of 4,096 bytes) are under way at once, each at another step: nothing is lost or put to a neighbour between them.
#[test]
fn any_place_in_a_batch() {
    const BATCH: usize = 4_096;
    for batches in 1..6 {
        for near in [-70_isize, -33, -20, -9, -2, -1, 0, 1, 2, 17, 40, 64] {
            let pad = (batches * BATCH).saturating_add_signed(near) - 90;
            let before = with(&format!(r#""userAgent":"{}""#, "x".repeat(pad)));
            for members in [r#""errorCode":"A""#, r#""\u0065rrorCode":"A""#, r#""x":"}\\\"{","errorCode":"A""#] {
                let text = log(&[ALLOWED, &before, &with(members), ALLOWED, ALLOWED]);
                assert!(check(text.as_bytes()));
                let found = sifted(Isa::best(), text.as_bytes()).unwrap();
                assert_eq!((found.0, found.1.len()), (5, 1), "{pad} {members}");
            }
        }
    }
}

/// What a record spells more often than is remembered place by place is counted for it, and for none of its neighbours.
#[test]
fn a_record_of_many_spellings_is_one() {
    for count in [1, 255, 256, 257, 2_000] {
        let many = with(&format!(r#""requestParameters":[{}null]"#, r#"{"errorCode":"A"},"#.repeat(count)));
        let text = log(&[ALLOWED, &many, ALLOWED, &with(r#""errorCode":"A""#), &many, ALLOWED]);
        assert!(check(text.as_bytes()));
        let sifted = sift(text.as_bytes()).unwrap();
        let told: Vec<_> = sifted.candidates.iter().map(|one| (one.number, one.only_error_code())).collect();
        let code = (count == 1).then_some("A");
        assert_eq!((sifted.allowed, told), (3, vec![(2, code), (4, Some("A")), (5, code)]), "{count}");
    }
}

#[test]
fn only_a_plain_list_is_sifted() {
    for text in [
        log(&[]),
        log(&[ALLOWED]),
        format!("\u{feff} {{ \"Records\" : [ {ALLOWED} ,\n {ALLOWED} ] }}\n\n{}", log(&[ALLOWED, "[7]", "[]", "{}"])),
        log(&["7", ALLOWED]).replace("[7,", "[[7],"),
    ] {
        assert!(check(text.as_bytes()), "{text}");
    }
    let whole = log(&[ALLOWED, ALLOWED]);
    for text in [
        "",
        "{}",
        "[]",
        ALLOWED,
        &whole[..whole.len() - 1],
        &whole[..whole.len() - 2],
        &whole[..whole.len() - 9],
        &whole.replace("},{", "}{"),
        &whole.replace("},{", "},,{"),
        &whole.replace("},{", "},7,{"),
        &whole.replace("}]}", "},]}"),
        &whole.replace("}]}", "}],\"x\":1}"),
        &whole.replace("}]}", "}]}x"),
        &whole.replace("[{", "[,{"),
        &whole.replace("}]}", "]]}"),
        &whole.replace("}]}", "}}}"),
        &log(&["7", ALLOWED]),
    ] {
        assert_eq!(sift(text.as_bytes()), None, "{text}");
    }
    let not_utf8 = |log: &str| log.bytes().map(|byte| if byte == b'@' { 0xff } else { byte }).collect::<Vec<u8>>();
    let denied = with(r#""errorCode":"@""#);
    assert_eq!(sift(&not_utf8(&log(&[ALLOWED, &denied]))), None);
}

#[test]
fn edges_are_the_first_and_the_last_record() {
    let (one, two) = (with(r#""a":1"#), with(r#""b":2"#));
    let text = format!("{}{}", log(&[&one, ALLOWED]), log(&[ALLOWED, &two]));
    assert_eq!(sift(text.as_bytes()).unwrap().edges, [&one, &two]);
    assert_eq!(sift(log(&[&one]).as_bytes()).unwrap().edges, [&one, &one]);
    assert!(sift(log(&[]).as_bytes()).unwrap().edges.is_empty());
}

/// JSON of any sort whose keys and texts like to look like an event's.
fn value() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        Just(r#""errorCode""#.to_owned()),
        Just(r#""},{\"eventVersion\":\"1.08\"""#.to_owned()),
        Just(r#""\\""#.to_owned()),
        Just(r#""\\\"""#.to_owned()),
        Just(r#""]}""#.to_owned()),
        "\"[a-z_{}:,ü ]{0,70}\"",
    ];
    let leaf = prop_oneof![Just("null".to_owned()), Just("1.5".to_owned()), Just("true".to_owned()), text];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let members = prop::collection::vec((key(), inner.clone()), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(","))),
            members.prop_map(|all| object(&all)),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("errorCode".to_owned()),
        Just(r"error\u0043ode".to_owned()),
        "(error|ERROR|erroR)_?[cC](ode|ODE)",
        "_{0,2}e_?r_?[rR]_?o_{0,3}r_{0,3}[cC]_?o_?d_?e_?".prop_map(|text| text),
        Just("eventVersion".to_owned()),
        Just("userIdentity".to_owned()),
        Just("Records".to_owned()),
        Just("eventName".to_owned()),
        Just("errorMessage".to_owned()),
        "[a-z_]{0,12}",
    ]
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn element() -> impl Strategy<Value = String> {
    let members = || prop::collection::vec((key(), value()), 0..6);
    let ordinary = (members(), value()).prop_map(|(mut members, caller)| {
        members.insert(0, ("userIdentity".to_owned(), caller));
        members.insert(0, ("eventVersion".to_owned(), "\"1.08\"".to_owned()));
        object(&members)
    });
    prop_oneof![6 => ordinary, 1 => members().prop_map(|members| object(&members)), 1 => value()]
}

/// What [`Candidate::only_error_code`] tells is what is read.
#[track_caller]
fn check_only_code(text: &[u8]) {
    for one in sift(text).iter().flat_map(|sifted| &sifted.candidates) {
        let Some(code) = one.only_error_code() else { continue };
        let mut told = Vec::new();
        one.read("x", |head| head.error_code.is_some(), |record| told.push(record.error_code), |_| {});
        assert!(told.iter().all(|told| told.as_deref() == Some(code)), "{code}: {told:?} {}", one.raw);
    }
}

#[test]
fn a_code_is_told_where_nothing_else_can_be_one() {
    let code = |members: &str| {
        let one = with(members);
        check_only_code(log(&[&one]).as_bytes());
        sift(log(&[ALLOWED, &one]).as_bytes()).unwrap().candidates[0].only_error_code().map(str::to_owned)
    };
    assert_eq!(code(r#""errorCode":"NoSuchKey""#).as_deref(), Some("NoSuchKey"));
    assert_eq!(code(r#""requestParameters":{"errorCode":"NoSuchKey"}"#).as_deref(), Some("NoSuchKey"));
    for members in [
        r#""errorCode":"NoSuchKey","requestParameters":{"errorCode":"AccessDenied"}"#,
        r#""errorCode":"NoSuchKey","error_code":"AccessDenied""#,
        r#""errorCode":"NoSuchKey","error\u0043ode":"AccessDenied""#,
        r#""errorCode":"Access\u0044enied""#,
        r#""errorCode":"Access\/Denied""#,
        r#""errorCode": "NoSuchKey""#,
        r#""errorCode":null"#,
        r#""ErrorCode":"NoSuchKey""#,
        r#""requestParameters":"{\"errorCode\":\"NoSuchKey\"}""#,
    ] {
        assert_eq!(code(members), None, "{members}");
    }
}

/// An event within an event's `cloudTrailEvent` is none of AWS's logs; were there one, its denial is not passed over.
#[test]
fn a_wrapped_denial_is_found() {
    let denied = with(r#""errorCode":"AccessDenied","errorMessage":"no""#);
    let text = serde_json::Value::from(denied.as_str()).to_string();
    for wrapped in [
        with(&format!(r#""cloudTrailEvent":{text}"#)),
        with(&format!(r#""cloud_trail_event":{text}"#)),
        with(&format!(r#""requestParameters":{{"errorCode":"x"}},"CLOUDTRAILEVENT":null,"detail":{denied}"#)),
        // A row of Logs Insights.
        format!(r#"{{"eventVersion":"1.08","eventName":"X","errorCode":"E","@message":{text}}}"#),
    ] {
        let log = log(&[&wrapped, ALLOWED]);
        let expect = fully(log.as_bytes()).1;
        assert_eq!(expect.len(), 1, "{wrapped}");
        for isa in Isa::available() {
            assert_eq!(sifted_refusals(isa, log.as_bytes()).unwrap().1, expect, "{isa:?} {wrapped}");
        }
    }
}

#[test]
fn a_large_list_is_the_same_wherever_it_stands_in_memory() {
    // More keys on the first page than are remembered one by one, and all in its second record.
    let many = r#""errorCode":1,"#.repeat(265);
    let second = with(&format!(r#""errorCode":"AccessDenied","x":{{{many}"y":1}}"#));
    let records: Vec<String> = (0..900).map(|number| with(&format!(r#""n":"{}""#, "}".repeat(number % 90)))).collect();
    let records: Vec<&str> = [ALLOWED, &*second].into_iter().chain(records.iter().map(|record| &**record)).collect();
    let text = log(&records);
    assert!(text.len() > 80_000);
    let expect = fully(text.as_bytes());
    assert_eq!((expect.0, expect.1.len()), (902, 1));
    let mut buffer = vec![b'"'; text.len() + 64];
    for offset in 0..64 {
        buffer[offset..][..text.len()].copy_from_slice(text.as_bytes());
        for isa in Isa::available() {
            let found = sifted(isa, &buffer[offset..][..text.len()]).unwrap();
            assert_eq!(found, expect, "{isa:?} {offset}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_sifted_is_what_is_read_fully(elements in prop::collection::vec(element(), 0..6), space in "[ \n]{0,3}") {
        let join = format!("{space},{space}");
        let text = format!("{{{space}\"Records\":[{space}{}{space}]}}{space}", elements.join(&join));
        check(text.as_bytes());
        check_only_code(text.as_bytes());
        check(format!("{text}{text}").as_bytes());
    }

    /// Longer than what is looked at together, so that elements begin, end and are marked at any place of it.
    #[test]
    fn of_many_elements_too(elements in prop::collection::vec((element(), "[a-z\\\\\\\"{}ü_r]{0,600}"), 1..16), from in 0_usize..70) {
        let elements: Vec<String> = elements.into_iter().map(|(element, text)| {
            let text = serde_json::Value::from(text);
            if element.starts_with("{\"") { format!("{},\"userAgent\":{text}}}", &element[..element.len() - 1]) } else { element }
        }).collect();
        check(format!("{}{}", " ".repeat(from), log(&elements.iter().map(String::as_str).collect::<Vec<_>>())).as_bytes());
    }

    #[test]
    fn any_bytes_are_survived_and_seen_alike(bytes in prop::collection::vec(prop::sample::select(b"{}[]\",\\:_ eRrorCodu0459\xc3\n".to_vec()), 0..5_000)) {
        let text = [br#"{"Records":[{"#.as_slice(), &bytes].concat();
        let all: Vec<_> = Isa::available().into_iter().map(|isa| sift_with(isa, &text).map(|sifted| format!("{sifted:?}"))).collect();
        prop_assert!(all.iter().all(|one| *one == all[0]));
    }
}

/// A list of nothing that is usual is read one by one, not held.
#[test]
fn candidates_are_not_piled_up() {
    let list = |count: usize| format!("{{\"Records\":[{}{{}}]}}", "{},".repeat(count - 1));
    assert_eq!(sift(list(MOST_CANDIDATES).as_bytes()).unwrap().candidates.len(), MOST_CANDIDATES);
    assert!(sift(list(MOST_CANDIDATES + 1).as_bytes()).is_none());
    assert!(sift(format!("{}{}", list(MOST_CANDIDATES), list(1)).as_bytes()).is_none());
}
