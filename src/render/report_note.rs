//! A report in short, for a message: the figures, what to see to first, and where the whole of it is.

use super::escape::terminal;
use super::page::first_words;
use super::words::{grouped, middle, plural, who};
use super::{markdown, note};
use crate::report::Report;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Where a report's page is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// `https://…`.
    pub url: String,
    /// When the link dies; `None`: it does not.
    pub dies: Option<Dies>,
}

/// When a presigned link dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dies {
    /// At this time.
    At(Timestamp),
    /// With the session that signed it, whose end is not known, and at this time at the latest.
    WithSession(Timestamp),
}

impl Dies {
    fn words(self) -> String {
        let at = |at: Timestamp| at.strftime("%F %H:%M UTC").to_string();
        match self {
            Self::At(end) => format!("The link dies at {}.", at(end)),
            Self::WithSession(end) => {
                format!(
                    "The link dies with the session that signed it, within hours, and at {} at the latest.",
                    at(end)
                )
            }
        }
    }
}

/// `Denied actions, week 46 of 2026`.
pub fn title(report: &Report) -> String {
    format!("Denied actions, {}", report.period.title())
}

/// The title and the first figures, for a subject.
pub fn subject(report: &Report) -> String {
    let n = &report.numbers;
    match n.denied {
        0 => format!("{}: none", title(report)),
        _ => format!("{}: {}, {}, {} new", title(report), calls(n.denied), plural(n.findings, "finding"), n.new),
    }
}

/// The figures in one line.
fn figures(report: &Report) -> String {
    let n = &report.numbers;
    if n.denied == 0 {
        return format!("No denied call was recorded, {} to {}.", report.period.since, report.period.last_day());
    }
    let then = report.before.map(|then| format!(" ({} before)", grouped(then.denied))).unwrap_or_default();
    format!(
        "{}{then}, {} expected by a rule; {}: {} new, {} recurring, {} quiet, {} resolved; {} ready.",
        calls(n.denied),
        grouped(n.expected),
        plural(n.findings, "finding"),
        n.new,
        n.recurring,
        n.quiet,
        n.resolved,
        plural(n.ready, "patch").replace("patchs", "patches"),
    )
}

fn calls(count: u64) -> String {
    format!("{} denied {}", grouped(count), if count == 1 { "call" } else { "calls" })
}

/// What was looked at, so that silence is not taken for health.
fn looked_at(report: &Report) -> String {
    let seen = &report.coverage;
    let newest = seen.newest.map_or_else(|| "none".to_owned(), |at| at.strftime("%F %H:%M UTC").to_string());
    let missing = match seen.missing.len() {
        0 => String::new(),
        n => format!(" (nothing of {n} more)"),
    };
    let records = if seen.records == 0 { String::new() } else { format!("{} records, ", grouped(seen.records)) };
    let held = [(seen.undelivered, "undelivered"), (seen.quarantined, "put aside")];
    let held: String =
        held.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {} {what}", grouped(*n))).collect();
    format!(
        "Looked at: {}{missing}, {}, {records}{} not readable, newest {newest}{held}.",
        plural(seen.accounts.len() as u64, "account"),
        plural(seen.regions.len() as u64, "Region"),
        grouped(seen.unread)
    )
}

/// `` `D-…` user x: investigate, do not grant (58 denials on 26 permissions) ``.
fn firsts(report: &Report) -> Vec<String> {
    let one = |one: &crate::report::First| {
        let id = middle(&terminal(&one.id), 24).replace('`', "'");
        let name = middle(&who(&one.principal), 90).replace('`', "'");
        format!("`{id}` {name}: {}", first_words(one, report.numbers.denied))
    };
    report.first.iter().map(one).collect()
}

fn link_words(link: &Link) -> Vec<String> {
    let dies = link.dies.map(Dies::words);
    std::iter::once(format!("The whole report: {}", link.url)).chain(dies).collect()
}

/// One thing a line, for receivers that take lines; names stand between back-ticks.
pub fn lines(report: &Report, link: Option<&Link>) -> Vec<String> {
    let mut all = vec![figures(report)];
    all.extend(firsts(report));
    all.push(looked_at(report));
    all.extend(link.map(link_words).into_iter().flatten());
    all
}

/// Plain text for mail: with a link the short form, without one the whole report behind it.
pub fn mail(report: &Report, link: Option<&Link>) -> String {
    let mut out = format!("{}\n\n{}\n", title(report), figures(report));
    let firsts = firsts(report);
    if !firsts.is_empty() {
        out += "\nDo these first:\n";
        for (n, line) in firsts.iter().enumerate() {
            out += &format!("{}. {}\n", n + 1, line.replace('`', ""));
        }
    }
    out += &format!("\n{}\n", looked_at(report));
    match link {
        Some(link) => link_words(link).iter().for_each(|line| out += &format!("\n{line}\n")),
        None if report.numbers.denied > 0 => out += &format!("\n{}", markdown::report(report)),
        None => {}
    }
    out
}

/// For Slack, by webhook and by app: header, figures, the first three, the link. Nothing of it is parsed.
pub fn slack(report: &Report, link: Option<&Link>) -> Value {
    let title = title(report);
    let section = |text: &str| json!({"type": "rich_text_section", "elements": note::runs(&note::harmless(text))});
    let mut elements = vec![section(&figures(report))];
    let firsts: Vec<Value> = firsts(report).iter().map(|line| section(&middle(line, 400))).collect();
    if !firsts.is_empty() {
        elements.push(json!({"type": "rich_text_list", "style": "ordered", "elements": firsts}));
    }
    if let Some(link) = link {
        let mut parts = vec![json!({"type": "link", "url": link.url, "text": "Open the report"})];
        parts.extend(link.dies.map(|dies| json!({"type": "text", "text": format!("  {}", dies.words())})));
        elements.push(json!({"type": "rich_text_section", "elements": parts}));
    } else if report.numbers.denied > 0 {
        elements.push(section("`denywatch report --format html` makes the whole page."));
    }
    let small =
        json!({"type": "plain_text", "text": middle(&note::harmless(&looked_at(report)), 1_000), "emoji": false});
    json!({
        "text": subject(report), "unfurl_links": false, "unfurl_media": false,
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": middle(&title, 150), "emoji": false}},
            {"type": "rich_text", "elements": elements},
            {"type": "context", "elements": [small]},
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::words::units;
    use crate::report::{Coverage, Facts, Period, Scope, sample};
    use proptest::prelude::*;

    fn of(all: &[crate::advice::Advice]) -> Report {
        let coverage = Coverage { accounts: vec!["1".into()], records: 2_900, ..Coverage::default() };
        let week = Period::week_of(jiff::civil::date(2026, 11, 11));
        Report::build(&Facts { coverage, ..Facts::of(all) }, week, &Scope::default())
    }

    fn link() -> Link {
        Link {
            url: "https://reports.example.com/2026-W46.html".into(),
            dies: Some(Dies::WithSession("2026-11-23T07:00:00Z".parse().unwrap())),
        }
    }

    #[test]
    fn a_mail_holds_the_first_three_and_the_link() {
        let all = [sample::pipeline(), sample::upload(), sample::probing(), sample::upheld()];
        assert_eq!(mail(&of(&all), Some(&link())), include_str!("expected/report_mail.txt"));
        assert_eq!(subject(&of(&all)), "Denied actions, week 46 of 2026: 170 denied calls, 4 findings, 3 new");
        let whole = mail(&of(&all), None);
        assert!(whole.contains("## Findings"), "without a page the mail holds the report");
    }

    #[test]
    fn an_empty_week_is_one_line() {
        let lines = lines(&of(&[]), None);
        assert_eq!(lines[0], "No denied call was recorded, 2026-11-09 to 2026-11-15.");
        assert_eq!((lines.len(), subject(&of(&[])).as_str()), (2, "Denied actions, week 46 of 2026: none"));
    }

    #[test]
    fn slack_links_to_the_page_alone() {
        let message = slack(&of(&[sample::pipeline()]), Some(&link()));
        let text = message.to_string();
        assert_eq!(text.matches("https://").count(), 1);
        assert!(text.contains("\"type\":\"link\"") && text.contains("dies with the session"), "{text}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_report_fits_and_mentions_nobody(all in prop::collection::vec(sample::any_advice(), 0..5)) {
            let mut all = all;
            all.iter_mut().for_each(|one| one.days = [(jiff::civil::date(2026, 11, 10), 3)].into());
            let report = of(&all);
            let message = slack(&report, Some(&link()));
            prop_assert!(units(&message["blocks"].to_string()) <= 13_000);
            let text = message.to_string();
            prop_assert!(!text.contains("<!") && !text.contains("<@") && !text.contains("<#"), "{}", text);
            prop_assert!(mail(&report, None).len() < 256 * 1024);
        }
    }
}
