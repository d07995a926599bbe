use super::*;
use crate::io::aws::Aws;
use crate::io::aws::ask::encode;
use crate::io::aws::listing::decode;
use crate::io::doubles::{Reply, Request, Server};
use std::collections::{BTreeMap, BTreeSet};

const REGION: &str = "AWSLogs/o-a1/111122223333/CloudTrail/eu-west-1/";

fn name(day: &str, number: usize) -> String {
    let stamp = day.replace('/', "");
    format!("{REGION}{day}/111122223333_CloudTrail_eu-west-1_{stamp}T1015Z_{number:04}.json")
}

/// A bucket on loopback: lists as S3 does, `page` keys and folders at a time.
fn bucket(keys: impl IntoIterator<Item = String>, page: usize) -> Server {
    let keys: BTreeSet<String> = keys.into_iter().collect();
    Server::start(move |request, _| match request.target.split_once('?') {
        Some((_, query)) => list(&keys, query, page),
        None => object(&keys, request),
    })
}

fn object(keys: &BTreeSet<String>, request: &Request) -> Reply {
    let key = decode(request.target.trim_start_matches("/my-logs/"));
    match keys.contains(&key) {
        true if key.contains("forbidden") => Reply::new(403, "<Error><Code>AccessDenied</Code></Error>"),
        true => Reply::new(200, format!("{{\"key\":\"{key}\"}}")),
        false => Reply::new(404, "<Error><Code>NoSuchKey</Code></Error>"),
    }
}

fn list(keys: &BTreeSet<String>, query: &str, page: usize) -> Reply {
    let field = |name: &str| {
        let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        pair.map(decode).unwrap_or_default()
    };
    let (prefix, after, token) = (field("prefix"), field("start-after"), field("continuation-token"));
    let mut entries: BTreeMap<String, bool> = BTreeMap::new();
    for key in keys.iter().filter(|key| key.starts_with(&prefix) && **key > after) {
        match key[prefix.len()..].find('/').filter(|_| field("delimiter") == "/") {
            Some(end) => entries.insert(key[..=prefix.len() + end].to_owned(), true),
            None => entries.insert(key.clone(), false),
        };
    }
    let rest: Vec<_> = entries.into_iter().filter(|(name, _)| *name > token).collect();
    let mut body = "<ListBucketResult><EncodingType>url</EncodingType>".to_owned();
    for (name, is_folder) in rest.iter().take(page) {
        let name = encode(name);
        body += &match is_folder {
            true => format!("<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>"),
            false => format!("<Contents><Key>{name}</Key><ETag>\"e\"</ETag><Size>100</Size></Contents>"),
        };
    }
    let last = rest.get(page - 1).filter(|_| rest.len() > page);
    let next = last.map(|(name, _)| format!("<NextContinuationToken>{}</NextContinuationToken>", encode(name)));
    // S3's tokens are opaque; this one is a name.
    body += &next.map(|token| decode(&token)).unwrap_or_default();
    body += &format!("<IsTruncated>{}</IsTruncated></ListBucketResult>", last.is_some());
    Reply::new(200, body)
}

fn archive(server: &Server, asked: Asked, limits: Limits) -> Archive {
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    Archive::new(aws.signed(), &Asked { bucket: "my-logs".into(), ..asked }, limits)
}

async fn all(archive: &mut Archive) -> Vec<String> {
    let mut keys = Vec::new();
    while let Some(listed) = archive.listed().await {
        keys.extend(listed.unwrap().into_iter().map(|object| object.key));
    }
    keys
}

fn lists(server: &Server) -> Vec<String> {
    let targets = server.seen().into_iter().map(|request| request.target);
    let mut prefixes: Vec<String> = targets
        .filter_map(|target| {
            let query = target.split_once('?')?.1.to_owned();
            query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).map(decode)
        })
        .collect();
    prefixes.sort();
    prefixes
}

fn days() -> Vec<String> {
    ["2026/10/31", "2026/11/01", "2026/11/02", "2026/11/03", "2026/11/30"]
        .iter()
        .flat_map(|day| (0..3).map(|number| name(day, number)))
        .collect()
}

#[tokio::test]
async fn all_logs_and_nothing_else_in_the_order_of_keys() {
    let mut keys = days();
    let good = ["AWSLogs/999900001111/CloudTrail/us-east-1/2026/11/01/x.json.gz", "exports/a.json", "top.jsonl"];
    keys.extend(good.map(str::to_owned));
    let mut expect = keys.clone();
    expect.sort();
    let beside = [
        "AWSLogs/o-a1/111122223333/CloudTrail-Digest/eu-west-1/2026/11/01/d.json.gz",
        "AWSLogs/o-a1/111122223333/vpcflowlogs/eu-west-1/2026/11/01/f.log.gz",
        "exports/readme.txt",
        &format!("{REGION}2026/11/01/"),
    ];
    keys.extend(beside.map(str::to_owned));
    for page in [1, 2, 1_000] {
        let server = bucket(keys.clone(), page);
        let mut archive = archive(&server, Asked::default(), Limits::default());
        assert_eq!(all(&mut archive).await, expect, "{page} a page");
        // What belongs to others is not even listed.
        assert!(lists(&server).iter().all(|prefix| !prefix.contains("Digest") && !prefix.contains("vpcflow")));
        assert_eq!(archive.listing().requests, server.seen().len() as u64);
    }
}

#[tokio::test]
async fn only_what_can_be_wanted_is_listed() {
    let others = ["444455556666", "777788889999"]
        .iter()
        .flat_map(|account| days().into_iter().map(move |key| key.replace("111122223333", account)));
    let regions = days().into_iter().map(|key| key.replace("eu-west-1", "us-east-1"));
    let server = bucket(days().into_iter().chain(others).chain(regions), 4);
    let selection = Selection {
        since: "2026-11-02T08:00:00Z".parse().ok(),
        until: "2026-11-02T12:00:00Z".parse().ok(),
        accounts: ["111122223333".to_owned()].into(),
        regions: ["eu-west-1".to_owned()].into(),
    };
    let mut archive =
        archive(&server, Asked { selection, prefix: "AWSLogs/".into(), ..Asked::default() }, Limits::default());
    let expect: Vec<String> =
        days().into_iter().filter(|key| key.contains("/11/02/") || key.contains("/11/03/")).collect();
    assert_eq!(all(&mut archive).await, expect);
    let account = "AWSLogs/o-a1/111122223333/";
    let mut prefixes = lists(&server);
    prefixes.dedup();
    assert_eq!(prefixes, ["AWSLogs/", "AWSLogs/o-a1/", account, &format!("{account}CloudTrail/"), REGION]);
    let region: Vec<String> =
        server.seen().into_iter().map(|r| r.target).filter(|target| target.contains("eu-west-1")).collect();
    assert!(
        region.iter().all(|target| target.contains("start-after=") && target.contains("2026%2F11%2F02")),
        "{region:?}"
    );
    // The second page ends behind the last wanted day.
    assert_eq!(region.len(), 2);
}

#[tokio::test]
async fn a_list_goes_on_behind_a_key() {
    let (first, second) = (days(), days().into_iter().map(|key| key.replace("111122223333", "444455556666")));
    let mut keys: Vec<String> = first.into_iter().chain(second).collect();
    keys.sort();
    let server = bucket(keys.clone(), 3);
    for at in [0, 1, 7, 14, 15, 29] {
        let asked = Asked { prefix: "AWSLogs/".into(), after: keys[at].clone(), ..Asked::default() };
        assert_eq!(all(&mut archive(&server, asked, Limits::default())).await, keys[at + 1..], "{at}");
    }
    let one = Asked { prefix: keys[3].clone(), ..Asked::default() };
    assert_eq!(all(&mut archive(&server, one, Limits::default())).await, [keys[3].clone()]);
    let month = Asked { prefix: format!("{REGION}2026/11"), ..Asked::default() };
    assert_eq!(all(&mut archive(&server, month, Limits::default())).await.len(), 12);
}

#[tokio::test]
async fn objects_come_in_order_and_one_failure_is_its_own() {
    let keys: Vec<String> =
        (0..200).map(|n| format!("logs/{n:03}{}.json", if n == 70 { "forbidden" } else { "" })).collect();
    let server = bucket(keys.clone(), 1_000);
    // Room for two kilobytes: never more than two at a time.
    let limits = Limits { in_flight: 8, held: 2 << 10, object: 1 << 20, memory: 1 << 20 };
    let mut archive = archive(&server, Asked::default(), limits);
    while let Some(listed) = archive.listed().await {
        archive.want(listed.unwrap());
        assert!(archive.ahead.len() <= 2);
    }
    let mut seen = Vec::new();
    while let Some(object) = archive.next().await {
        match object.content {
            Ok(content) => {
                assert_eq!(read_again(&content), format!("{{\"key\":\"{}\"}}", object.listed.key).into_bytes())
            }
            Err(error) => assert_eq!((error.to_string().as_str(), seen.len()), ("`GetObject`: AccessDenied: ", 70)),
        }
        assert!(archive.ahead.len() <= 2);
        seen.push(object.listed.key);
    }
    assert_eq!(seen, keys);
}

#[tokio::test]
async fn a_folder_that_cannot_be_listed_is_told_and_the_rest_goes_on() {
    let keys = [name("2026/11/01", 1), name("2026/11/01", 1).replace("eu-west-1", "us-east-1")];
    let keys: BTreeSet<String> = keys.into_iter().collect();
    let server = Server::start(move |request, _| match request.target.split_once('?') {
        Some((_, query)) if query.contains("eu-west-1") => Reply::new(403, "<Error><Code>AccessDenied</Code></Error>"),
        Some((_, query)) => list(&keys, query, 10),
        None => Reply::new(404, ""),
    });
    let mut archive = archive(&server, Asked::default(), Limits::default());
    let told = archive.listed().await.unwrap().unwrap_err().to_string();
    assert_eq!(told, format!("`s3://my-logs/{REGION}` cannot be listed: `ListObjectsV2`: AccessDenied: "));
    assert_eq!(archive.listed().await.unwrap().unwrap().len(), 1);
    assert!(archive.listed().await.is_none());
}

#[tokio::test]
async fn an_object_too_large_is_not_asked_for() {
    let server = bucket(["a.json".to_owned()], 10);
    let mut archive = archive(&server, Asked::default(), Limits { object: 99, ..Limits::default() });
    let listed = archive.listed().await.unwrap().unwrap();
    archive.want(listed);
    let error = archive.next().await.unwrap().content.unwrap_err();
    assert_eq!(error.to_string(), "it is larger than 99 bytes");
    assert_eq!(server.seen().len(), 1);
}

/// What there is of it, wherever it is.
fn read_again(content: &Content) -> Vec<u8> {
    use std::io::Read;
    let mut all = Vec::new();
    match content.came() {
        Came::Held(bytes) => all.extend_from_slice(bytes),
        Came::Spooled(spool) => drop(spool.from(0).unwrap().read_to_end(&mut all).unwrap()),
    }
    all
}

#[tokio::test]
async fn an_object_too_large_for_memory_goes_to_a_file() {
    // The double lists a hundred bytes each.
    let keys: Vec<String> = (0..3).map(|n| format!("logs/{n}{}.json", if n == 1 { "forbidden" } else { "" })).collect();
    for (memory, is_spooled) in [(99, true), (100, false)] {
        let server = bucket(keys.clone(), 1_000);
        let mut archive = archive(&server, Asked::default(), Limits { memory, ..Limits::default() });
        let listed = archive.listed().await.unwrap().unwrap();
        archive.want(listed);
        for (at, key) in keys.iter().enumerate() {
            match archive.next().await.unwrap().content {
                Ok(content) => {
                    assert_eq!(matches!(content.came(), Came::Spooled(_)), is_spooled);
                    assert_eq!(read_again(&content), format!("{{\"key\":\"{key}\"}}").into_bytes());
                }
                Err(error) => assert_eq!((error.to_string().as_str(), at), ("`GetObject`: AccessDenied: ", 1)),
            }
        }
    }
}
