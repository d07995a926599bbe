use super::*;
use crate::advice::Advice;
use crate::report::{Facts, Period, Scope, sample};
use jiff::civil::date;
use proptest::prelude::*;

fn of(all: &[Advice]) -> Report {
    Report::build(&Facts::of(all), Period::week_of(date(2026, 11, 11)), &Scope::default())
}

fn samples() -> [Advice; 4] {
    [sample::pipeline(), sample::upload(), sample::probing(), sample::upheld()]
}

#[test]
fn the_policy_names_the_style_and_the_script_of_the_page() {
    let page = report(&of(&samples()));
    let between = |from: &str, to: &str| {
        let start = page.find(from).unwrap() + from.len();
        &page[start..start + page[start..].find(to).unwrap()]
    };
    for (kind, text) in [("style", between("<style>", "</style>")), ("script", between("<script>", "</script>"))] {
        let wanted = format!("{kind}-src &#39;sha256-{}&#39;", hash(text));
        assert!(page.contains(&wanted), "{wanted}");
    }
    assert!(page.contains("default-src &#39;none&#39;"));
    assert_eq!((page.matches("<style").count(), page.matches("<script").count()), (1, 1));
}

#[test]
fn nothing_is_fetched_and_nothing_runs_but_the_script() {
    let page = report(&of(&samples()));
    for word in ["src=", "http://", "https://", "@import", "url(", " style=", " onclick", "<iframe", "<object", "<img"]
    {
        assert!(!page.contains(word), "{word}");
    }
    let links = page.matches("href=\"").count();
    assert_eq!(page.matches("href=\"#").count(), links);
    assert!(!SCRIPT.contains("innerHTML") && !SCRIPT.contains("eval(") && !SCRIPT.contains("fetch("));
}

#[test]
fn who_looks_around_is_handed_nothing() {
    let page = report(&of(&[sample::probing()]));
    assert!(page.contains("grant nothing") && !page.contains("class=\"patch\""));
}

#[test]
fn what_works_by_now_is_no_work() {
    let mut advice = sample::pipeline();
    advice.denied[0].status = crate::advice::Status::Resolved;
    let report_ = of(&[advice]);
    let page = report(&report_);
    assert!(
        page.contains("data-verdict=\"seen to work\"") && page.contains("<td class=\"c-verdict\">seen to work</td>")
    );
    let markdown = crate::render::markdown::report(&report_);
    assert!(markdown.contains("| seen to work |"), "{markdown}");
    assert!(crate::render::report_csv::report(&report_).ends_with(",seen to work\r\n"));
}

#[test]
fn links_lead_somewhere() {
    let page = report(&of(&samples()));
    assert!(page.contains("href=\"#D-19C2B7XQ4T\""));
    assert_no_dead_link(&page);
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id stands twice");
}

fn assert_no_dead_link(page: &str) {
    for link in page.split("href=\"#").skip(1) {
        let id = link.split('"').next().unwrap();
        assert!(page.contains(&format!(" id=\"{id}\"")), "{id}");
    }
}

#[test]
fn a_page_has_an_end() {
    let many: Vec<Advice> = (0..10_000)
        .map(|n| {
            let mut advice = sample::upload();
            (advice.id, advice.principal) = (format!("D-{n:010}"), sample::role(&format!("role-{n}")));
            advice
        })
        .collect();
    let page = report(&of(&many));
    assert!(page.len() <= BYTES_MAX, "{}", page.len());
    assert!(page.contains("Showing 200 of 10,000 findings; the JSON and the CSV hold all."));
    assert_eq!(page.matches("<tbody id=").count(), 200);
    assert_no_dead_link(&page);
}

/// Text that grows when it is escaped, everywhere.
#[test]
fn a_page_of_hostile_text_has_an_end_too() {
    let long = "\u{202e}'\"<".repeat(500);
    let many: Vec<Advice> = (0..205)
        .map(|n| {
            let mut advice = sample::upload();
            advice.id = format!("D-{n}{long}");
            advice.principal.name = Some(long.clone());
            advice.diagnosis.summary = long.clone();
            advice.diagnosis.evidence = vec![long.clone(); 30];
            advice.diagnosis.unchecked = vec![long.clone(); 30];
            let base = advice.denied[0].clone();
            advice.denied = (0..40)
                .map(|m| {
                    let mut item = base.clone();
                    (item.action, item.resource) = (Some(format!("{m}{long}")), Some(long.clone()));
                    item
                })
                .collect();
            advice
        })
        .collect();
    let report_ = of(&many);
    let page = report(&report_);
    assert!(page.len() <= BYTES_MAX, "{}", page.len());
    assert!(page.contains(" of 205 findings; the JSON and the CSV hold all."));
    assert_no_dead_link(&page);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn no_text_of_an_event_is_markup(all in prop::collection::vec(sample::any_advice(), 0..4)) {
        let page = report(&of(&all));
        prop_assert!(page.len() <= BYTES_MAX);
        // Every tag is one of ours.
        for tag in page.split('<').skip(1) {
            let name: String = tag.trim_start_matches('/').chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
            prop_assert!(TAGS.contains(&name.as_str()) || tag.starts_with("!doctype html>") || in_script(tag), "{}", tag);
        }
    }
}

const TAGS: [&str; 48] = [
    "html", "head", "meta", "title", "style", "body", "a", "header", "div", "p", "h1", "h2", "h3", "button", "nav",
    "main", "section", "dl", "dt", "dd", "ol", "ul", "li", "code", "b", "em", "small", "span", "svg", "desc", "line",
    "text", "rect", "circle", "details", "summary", "table", "caption", "thead", "tbody", "tr", "th", "td", "form",
    "label", "input", "select", "option",
];

/// `pre`, and what the script's own comparisons look like.
fn in_script(tag: &str) -> bool {
    ["pre", "/pre", "script", "/script", " b "].iter().any(|start| tag.starts_with(start))
}
