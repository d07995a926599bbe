//! JSON, deflated, and never larger than an item may be (400 KB with its names and keys).
//! See <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.

use crate::denial::Facts;
use crate::diagnosis::Diagnosis;
use crate::finding::{Finding, Item};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{Error, Read};

/// Bytes of a body; the other attributes of an item are far below the rest.
pub(super) const LIMIT: usize = 350_000;
/// A body unpacks to this many bytes at most; what we write is far below.
const UNPACKED: u64 = 64 << 20;
/// Of a text that must be cut, so many bytes stay.
const CUT: usize = 200;

/// Deflated JSON.
pub(super) fn pack(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut out = DeflateEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut out, value)?;
    out.finish()
}

/// What was packed.
pub(super) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    let mut text = Vec::new();
    let read = DeflateDecoder::new(bytes).take(UNPACKED).read_to_end(&mut text);
    read.map_err(serde_json::Error::io)?;
    serde_json::from_slice(&text)
}

/// A finding, deflated, within [`LIMIT`]. One that is too large loses, step by step, what no patch rests on: texts of its
/// samples are cut, then the samples themselves, then resources (their denials are counted without them). Counts stay.
pub(super) fn pack_finding(finding: &Finding) -> Result<Vec<u8>, Error> {
    let body = pack(finding)?;
    if body.len() <= LIMIT {
        return Ok(body);
    }
    let mut smaller = finding.clone();
    for cut in [cut_texts, drop_samples] {
        smaller.items.values_mut().for_each(|item| cut(item));
        let body = pack(&smaller)?;
        if body.len() <= LIMIT {
            return Ok(body);
        }
    }
    let mut kept = smaller.items.len();
    loop {
        kept /= 2;
        smaller.keep_items(kept);
        let body = pack(&smaller)?;
        if body.len() <= LIMIT || kept == 0 {
            return Ok(body);
        }
    }
}

fn cut_texts(item: &mut Item) {
    let Diagnosis { summary, evidence, unchecked, doubts, .. } = &mut item.diagnosis;
    let lists = [evidence, unchecked, doubts, &mut item.facts.denied_by];
    lists.into_iter().flatten().chain([summary]).chain(item.facts.message.iter_mut()).for_each(cut);
}

fn cut(text: &mut String) {
    if text.len() > CUT {
        let end = (0..=CUT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

/// Condition keys go too: unknown again, they make the proof weaker, never false.
fn drop_samples(item: &mut Item) {
    item.facts = Facts { suspect: item.facts.suspect, other_caller: item.facts.other_caller, ..Facts::default() };
    item.events.clear();
    for list in [&mut item.also, &mut item.operations] {
        while list.iter().map(String::len).sum::<usize>() > 10 * CUT {
            list.pop_last();
        }
    }
    while item.passes.len() > 2 {
        item.passes.pop_last();
    }
    while item.next.len() > 2 {
        item.next.pop_last();
    }
}

/// A quarantined message: one that is too large even deflated is cut, and says so.
pub(super) fn pack_text(text: &str) -> Result<Vec<u8>, Error> {
    let body = pack(&text)?;
    if body.len() <= LIMIT {
        return Ok(body);
    }
    let half = LIMIT / 2;
    let end = (0..=half).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    pack(&format!("{}… (cut: it had {} bytes)", &text[..end], text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{World, explain, ingest};
    use crate::finding::ItemKey;
    use sha2::{Digest, Sha256};

    /// So many letters that do not deflate well.
    fn noise(seed: usize, len: usize) -> String {
        let block =
            |n: usize| Sha256::digest(format!("{seed} {n}")).iter().map(|b| format!("{b:02x}")).collect::<String>();
        let mut text: String = (0..=len / 64).map(block).collect();
        text.truncate(len);
        text
    }

    /// One role that was refused `count` different long resources, each with samples full of noise.
    fn huge(count: usize, resource: usize, sample: usize) -> Finding {
        let world = World::new(Default::default());
        let mut whole: Option<Finding> = None;
        for at in 0..count {
            let text = format!(
                "User: arn:aws:sts::111122223333:assumed-role/app/s is not authorized to perform: s3:GetObject on resource: \
                 arn:aws:s3:::b/{} because no identity-based policy allows the s3:GetObject action",
                noise(at, resource)
            );
            let denials = explain::denials(text.as_bytes(), "t", &Default::default(), &world);
            let mut one = ingest::observed(denials).remove(0).finding;
            for item in one.items.values_mut() {
                item.facts.message = Some(noise(at + 10_000, sample));
                item.diagnosis.evidence = vec![noise(at + 20_000, sample)];
                item.also = (0..20).map(|n| format!("arn:aws:s3:::c/{}", noise(at * 20 + n, sample / 20))).collect();
            }
            match &mut whole {
                Some(held) => held.merge(one),
                None => whole = Some(one),
            }
        }
        whole.unwrap()
    }

    #[track_caller]
    fn check(finding: &Finding, items: impl Fn(usize) -> bool) {
        let body = pack_finding(finding).unwrap();
        assert!(body.len() <= LIMIT, "{}", body.len());
        let back: Finding = unpack(&body).unwrap();
        assert_eq!((&back.id, &back.principal, back.count), (&finding.id, &finding.principal, finding.count));
        assert_eq!(back.items.values().map(|item| item.count).sum::<u64>(), finding.count, "no denial is lost");
        assert!(items(back.items.len()), "{} items", back.items.len());
    }

    #[test]
    fn a_finding_that_fits_is_kept_whole() {
        let finding = huge(3, 100, 400);
        assert_eq!(unpack::<Finding>(&pack_finding(&finding).unwrap()).unwrap(), finding);
    }

    #[test]
    fn a_huge_finding_loses_samples_first_and_resources_last() {
        let samples = huge(120, 100, 8_000);
        assert!(pack(&samples).unwrap().len() > LIMIT, "else this test tells nothing");
        check(&samples, |items| items == 120);
        let mut resources = huge(1, 100, 400);
        let (key, item) = resources.items.first_key_value().map(|(key, item)| (key.clone(), item.clone())).unwrap();
        for at in 0..190 {
            let resource = format!("arn:aws:s3:::b/{}", noise(at + 30_000, 6_000));
            resources.items.insert(ItemKey { resource, ..key.clone() }, item.clone());
            resources.count += item.count;
        }
        let bare = {
            let mut bare = resources.clone();
            bare.items.values_mut().for_each(|item| drop_samples(item));
            pack(&bare).unwrap().len()
        };
        assert!(bare > LIMIT, "else this test tells nothing");
        check(&resources, |items| items < 190);
    }
}
