use super::super::owner::{Account, Source};
use super::*;
use crate::report::sample;
use std::collections::BTreeMap;

fn to(text: &str) -> Receiver {
    match text.strip_prefix("digest:") {
        Some(rest) => Receiver { destination: rest.parse().unwrap(), digest: true },
        None => Receiver { destination: text.parse().unwrap(), digest: false },
    }
}

fn route(asks: Asks, receivers: &[&str]) -> Route {
    Route { asks, to: receivers.iter().map(|one| to(one)).collect(), stop: true, mention: None, code: None }
}

fn own(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Security, a team, sandboxes, all others: as the example configuration has them.
fn routes() -> Routes {
    let security = Asks { verdict: vec![Verdict::Probing], severity: vec![Severity::Critical], ..Asks::default() };
    let team = Asks { owner: own(&["platform-ci"]), ..Asks::default() };
    let sandbox = Asks { env: own(&["dev", "sandbox"]), ..Asks::default() };
    let mut ci = route(team, &["slack:C0CI"]);
    ci.mention = Some("S0PLATCI".into());
    let account = Account {
        name: Some("shop-dev".into()),
        env: Some("dev".into()),
        tags: BTreeMap::from([("team".into(), "shop".into())]),
    };
    let owners = Owners {
        from: ["tag:team", "account-tag:owner", "codeowners", "map"]
            .iter()
            .filter_map(|one| Source::parse(one))
            .collect(),
        map: BTreeMap::from([
            ("444455556666".into(), "platform-ci".into()),
            ("*:role/AWSReservedSSO_*".into(), "cloud-core".into()),
            ("*:role/package-*".into(), "packages".into()),
        ]),
        accounts: BTreeMap::from([("777788889999".into(), account)]),
        codeowners: super::super::Codeowners::parse("/terraform/ @org/infra"),
        paths: BTreeMap::from([("*:role/from-code".into(), "terraform/roles.tf".into())]),
    };
    Routes {
        routes: vec![
            route(security, &["slack:#security", "pagerduty:P1"]),
            ci,
            route(sandbox, &["digest:slack:C0DEV"]),
            route(Asks::default(), &["slack:C0IAM", "sns:arn:aws:sns:us-east-2:111122223333:iam-denials"]),
        ],
        owners,
        floor: Floor::default(),
    }
}

fn shown(all: &[Destination]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

const LAST: [&str; 2] = ["slack:C0IAM", "sns:arn:aws:sns:us-east-2:111122223333:iam-denials"];

#[track_caller]
fn check(advice: &Advice, tags: &[(&str, &str)], now: &[&str], digest: &[&str]) -> Routed {
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let routed = routes().route(advice, &tags);
    assert_eq!((shown(&routed.now), shown(&routed.digest)), (own(now), own(digest)));
    routed
}

#[test]
fn the_first_route_that_fits_decides_and_the_last_takes_the_rest() {
    let routed = check(&sample::upload(), &[], &LAST, &[]);
    assert_eq!((routed.routes, shown(&routed.fallback)), (vec![3], vec![]));
    let routed = check(&sample::probing(), &[], &["slack:#security", "pagerduty:P1"], &[]);
    assert_eq!(shown(&routed.fallback), LAST);
    let routed = check(&sample::upload(), &[("team", "platform-ci")], &["slack:C0CI"], &[]);
    assert_eq!(routed.mention.as_deref(), Some("S0PLATCI"));
    assert_eq!(routed.owner.unwrap().because, "tag team=platform-ci");
    let mut dev = sample::upload();
    dev.account = Some("777788889999".into());
    check(&dev, &[], &[], &["slack:C0DEV"]);
    check(&sample::upload(), &[("Environment", "sandbox")], &[], &["slack:C0DEV"]);
}

#[test]
fn verdicts_choose_the_audience() {
    let with = |verdict| {
        let mut advice = sample::upload();
        advice.verdict = verdict;
        advice
    };
    for verdict in [Verdict::Patch, Verdict::Review, Verdict::Owner] {
        check(&with(verdict), &[], &LAST, &[]);
    }
    for verdict in [Verdict::Upheld, Verdict::Unclear] {
        check(&with(verdict), &[], &[], &LAST);
    }
    for verdict in [Verdict::Expected, Verdict::Transient] {
        check(&with(verdict), &[], &[], &[]);
    }
    let mut snoozed = sample::pipeline();
    snoozed.denied[0].status = Status::Muted;
    check(&snoozed, &[], &[], &[]);
}

#[test]
fn a_route_that_asks_for_a_verdict_hears_it_at_once() {
    let mut all = routes();
    let asks = Asks { verdict: vec![Verdict::Upheld], ..Asks::default() };
    all.routes.insert(0, route(asks, &["slack:#guardrails"]));
    let routed = all.route(&sample::upheld(), &Tags::new());
    assert_eq!(shown(&routed.now), ["slack:#guardrails"]);
}

#[test]
fn below_the_floor_the_digest_tells_it() {
    let mut all = routes();
    all.floor = Floor { severity: Severity::Medium, human: 3, workload: 1 };
    let told = |advice: &Advice| !all.route(advice, &Tags::new()).now.is_empty();
    let mut human = sample::pipeline();
    human.principal.kind = PrincipalKind::PermissionSet;
    human.count = 2;
    assert!(!told(&human));
    human.count = 3;
    assert!(told(&human));
    human.severity = Severity::Low;
    assert!(!told(&human));
    let mut probing = sample::probing();
    probing.count = 1;
    assert!(told(&probing), "what is critical has no floor");
}

#[test]
fn a_route_that_goes_on_adds_to_the_next() {
    let mut all = routes();
    all.routes[1].stop = false;
    let tags = Tags::from([("team".into(), "platform-ci".into())]);
    let routed = all.route(&sample::upload(), &tags);
    assert_eq!(shown(&routed.now), ["slack:C0CI", LAST[0], LAST[1]]);
    assert_eq!(routed.routes, [1, 3]);
}

#[test]
fn owners_are_looked_for_in_order_and_the_closest_pattern_wins() {
    let check = |arn: &str, account: &str, expect: Option<(&str, &str)>| {
        let mut advice = sample::upload();
        advice.principal.arn = Some(arn.into());
        advice.principal.account = Some(account.into());
        advice.principal.name = None;
        advice.account = Some(account.into());
        let found = routes().owners.of(&advice, &Tags::new());
        assert_eq!(found.map(|one| (one.name, one.because)), expect.map(|(a, b)| (a.into(), b.into())), "{arn}");
    };
    check("arn:aws:iam::444455556666:role/x", "444455556666", Some(("platform-ci", "owner.map 444455556666")));
    check("arn:aws:iam::444455556666:role/package-a", "444455556666", Some(("packages", "owner.map *:role/package-*")));
    check(
        "arn:aws:iam::111122223333:role/from-code",
        "111122223333",
        Some(("@org/infra", "CODEOWNERS of terraform/roles.tf")),
    );
    check("arn:aws:iam::111122223333:role/x", "111122223333", None);
}

#[test]
fn every_open_finding_reaches_somebody() {
    use proptest::prelude::*;
    proptest!(ProptestConfig::with_cases(64), |(advice in sample::any_advice())| {
        let routed = routes().route(&advice, &Tags::new());
        let silent = matches!(advice.verdict, Verdict::Expected | Verdict::Transient);
        prop_assert_eq!(routed.now.is_empty() && routed.digest.is_empty(), silent);
    });
}
