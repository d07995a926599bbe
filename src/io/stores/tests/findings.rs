//! Findings are found.

use super::*;

#[test]
fn findings_are_found_by_their_heads() {
    on_each(|ledger| {
        let one = |name: &str, role: &str| {
            let mut event = event(name, None, name, "x:Y", TUE);
            event.finding.principal.name = Some(role.to_owned());
            event
        };
        let events = || [one("A", "z"), one("B", "y"), one("C", "z"), one("D", "x")];
        record(ledger, events().into());
        // A by its id, C as its caller's, D by its id alone; B is nobody's.
        let mut among = Touched::of(&events()[..1]);
        among.ids.insert("D-D");
        let heads = ledger.heads(&among).unwrap();
        let mut ids: Vec<&str> = heads.iter().map(|head| &*head.id).collect();
        let owner = |id: &str| heads.iter().find(|head| &*head.id == id).map(|head| &head.owner).unwrap();
        assert_eq!(owner("D-A"), owner("D-C"));
        assert!(heads.is_sorted());
        ids.sort_unstable();
        assert_eq!(ids, ["D-A", "D-C", "D-D"]);
        assert_eq!(ledger.heads(&Touched::default()).unwrap(), []);
        let some = ledger.some(&["D-D", "D-A", "D-gone", "D-A"]).unwrap();
        assert_eq!(some.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["D-A", "D-D"]);
        assert_eq!(some[0], ledger.find("D-A").unwrap());
    });
}

#[test]
fn findings_come_by_id_and_filter() {
    on_each(|ledger| {
        let batch = vec![
            event("1", None, "B", "x:Y", TUE),
            event("2", None, "B", "x:Y", FRI),
            event("3", None, "A", "x:Z", WED),
        ];
        record(ledger, batch);
        let filter = Filter::default;
        let wed = Some(at("2026-11-11T00:00:00Z"));
        let thu = Some(at("2026-11-12T00:00:00Z"));
        check_ids(ledger, filter(), &["D-A", "D-B"]);
        check_ids(ledger, Filter { since: thu, ..filter() }, &["D-B"]);
        check_ids(ledger, Filter { until: wed, ..filter() }, &["D-B"]);
        // B was quiet on Wednesday, though denied before and after.
        check_ids(ledger, Filter { since: wed, until: thu, ..filter() }, &["D-A"]);
        check_ids(ledger, Filter { since: Some(at(FRI)), ..filter() }, &["D-B"]);
        check_ids(ledger, Filter { until: Some(at(TUE)), ..filter() }, &[]);
        check_ids(ledger, Filter { account: Some("111122223333".into()), ..filter() }, &["D-A", "D-B"]);
        check_ids(ledger, Filter { account: Some("444455556666".into()), ..filter() }, &[]);
        check_ids(ledger, Filter { principal: Some("A".into()), ..filter() }, &["D-A"]);
        let arn = Some("arn:aws:iam::111122223333:role/B".into());
        check_ids(ledger, Filter { principal: arn, ..filter() }, &["D-B"]);
    });
}

#[test]
fn a_finding_is_found_by_its_beginning() {
    on_each(|ledger| {
        let batch = ["ABC2", "ABD3", "XY", "XYZ"].map(|id| event(id, None, id, "x:Y", TUE)).to_vec();
        record(ledger, batch);
        assert_eq!(ledger.find("D-ABC").unwrap().id, "D-ABC2");
        assert_eq!(ledger.find("d-abd").unwrap().id, "D-ABD3");
        assert_eq!(ledger.find("D-XY").unwrap().id, "D-XY");
        let told = |prefix: &str| ledger.find(prefix).unwrap_err().to_string();
        assert_eq!(told("D-AB"), "`D-AB` is the beginning of several findings: D-ABC2, D-ABD3");
        assert_eq!(told("D-%"), "no finding begins with `D-%`; `denywatch findings` lists them");
        assert_eq!(told("D-ABC2x"), "no finding begins with `D-ABC2x`; `denywatch findings` lists them");
        assert_eq!(told("é"), "no finding begins with `é`; `denywatch findings` lists them");
    });
}

#[test]
fn findings_of_some_callers_are_read_alone() {
    on_each(|ledger| {
        let batch = vec![event("1", None, "A", "x:Y", TUE), event("2", None, "B", "x:Y", TUE)];
        record(ledger, batch.clone());
        let among = |touched| Filter { among: Some(touched), ..Filter::default() };
        check_ids(ledger, among(Touched::of(&batch[..1])), &["D-A"]);
        check_ids(ledger, among(Touched::of(&batch)), &["D-A", "D-B"]);
        check_ids(ledger, among(Touched::default()), &[]);
        // Merging may have changed whose it is.
        check_ids(ledger, among(Touched::of_id("D-B")), &["D-B"]);
    });
}
