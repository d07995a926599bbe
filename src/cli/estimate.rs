//! `scan --estimate` for people.

use crate::app::estimate::{Estimate, Part};

/// Parts that are listed one by one; the largest.
const LISTED: usize = 20;

/// Sum first, then the largest parts, then what the figures rest on.
pub(super) fn text(estimate: &Estimate) -> String {
    let mut lines = vec![format!("to read: {}", amount(estimate))];
    if estimate.known > 0 {
        lines.push(format!("read before, and not again: {} objects", estimate.known));
    }
    let cost = &estimate.cost;
    if cost.get_requests + cost.list_requests > 0 {
        let (gets, lists) = (counted(cost.get_requests, "GET"), counted(cost.list_requests, "LIST"));
        let price = format!("about ${:.2} for {gets} and {lists}", cost.dollars);
        lines.push(format!("cost:    {price}; ${:.2} more if the bytes leave AWS", cost.dollars_out));
        let kms = "more if a KMS key encrypts them and the bucket has no bucket key";
        lines.extend((cost.get_requests > 0).then(|| format!("         ${:.2} {kms}", cost.dollars_kms)));
    }
    lines.push(format!("time:    about {}", time(estimate.seconds)));
    let mut parts: Vec<&Part> = estimate.parts.iter().collect();
    parts.sort_by(|a, b| (b.bytes, b.objects, &a.name).cmp(&(a.bytes, a.objects, &b.name)));
    if parts.len() > 1 {
        lines.push(String::new());
        lines.extend(parts.iter().take(LISTED).map(|part| format!("  {}", told(part))));
        let more = parts.len().saturating_sub(LISTED);
        lines.extend((more > 0).then(|| format!("  and {more} more: `--output json` has them all")));
    }
    lines.push(String::new());
    lines.extend(estimate.assumptions.iter().map(|rest| format!("assumed: {rest}")));
    lines.into_iter().map(|line| crate::render::escape::terminal(&line) + "\n").collect()
}

fn amount(estimate: &Estimate) -> String {
    match (estimate.objects, estimate.events) {
        (Some(objects), _) => format!("{}, {}", counted(objects, "file"), size(estimate.bytes.unwrap_or(0))),
        (None, events) => format!("about {}", counted(events.unwrap_or(0), "event")),
    }
}

fn told(part: &Part) -> String {
    let size = if part.bytes > 0 { size(part.bytes) } else { String::new() };
    let what = if part.bytes > 0 { "files" } else { "pages" };
    format!("{:>9} {what} {size:>9}  {}", part.objects, part.name)
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[expect(clippy::cast_precision_loss, reason = "rounded for people")]
fn size(bytes: u64) -> String {
    let mut rest = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if rest < 999.5 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{rest:.1} {unit}") };
        }
        rest /= 1_000.0;
    }
    format!("{rest:.1} TB")
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded for people")]
fn time(seconds: f64) -> String {
    match seconds.ceil().max(1.0) as u64 {
        few @ 0..=119 => counted(few, "second"),
        some @ 120..=7_199 => format!("{} minutes", some.div_ceil(60)),
        _ => format!("{:.1} hours", seconds / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::estimate::Cost;

    #[test]
    fn in_words() {
        let part = |name: &str, objects, bytes| Part { name: name.into(), objects, bytes };
        let estimate = Estimate {
            objects: Some(38_000_000),
            bytes: Some(2_000_000_000_000),
            known: 5,
            cost: Cost {
                get_requests: 38_000_000,
                list_requests: 38_001,
                dollars: 15.39,
                dollars_out: 180.0,
                dollars_kms: 114.0,
            },
            seconds: 63_334.0,
            assumptions: vec!["x".into()],
            parts: vec![part("s3://a/b/", 1, 999), part("s3://a/\u{1b}c/", 37_999_999, 2_000_000_000)],
            ..Estimate::default()
        };
        let text = text(&estimate);
        let expect = "to read: 38000000 files, 2.0 TB\nread before, and not again: 5 objects\n\
            cost:    about $15.39 for 38000000 GETs and 38001 LISTs; $180.00 more if the bytes leave AWS\n         \
            $114.00 more if a KMS key encrypts them and the bucket has no bucket key\n\
            time:    about 17.6 hours\n\n";
        assert!(text.starts_with(expect), "{text}");
        assert!(!text.contains('\u{1b}') && text.ends_with("assumed: x\n"), "{text}");
        assert!(text.contains("         1 files     999 B  s3://a/b/\n"), "{text}");
    }

    #[test]
    fn small_things() {
        for (seconds, expect) in [(0.0, "1 second"), (60.2, "61 seconds"), (150.0, "3 minutes"), (9_000.0, "2.5 hours")]
        {
            assert_eq!(time(seconds), expect);
        }
        for (bytes, expect) in [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (2_500_000, "2.5 MB")] {
            assert_eq!(size(bytes), expect);
        }
    }
}
