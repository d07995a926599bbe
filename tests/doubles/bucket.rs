//! A bucket of S3 as far as ListObjectsV2 and GetObject go, its content free to change.

use super::{Reply, Request, percent_decode};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Keys with ETag and body.
#[derive(Clone, Default)]
pub struct Bucket {
    pub objects: Arc<Mutex<BTreeMap<String, (String, String)>>>,
    /// Keys and folders on a page.
    pub page: usize,
}

impl Bucket {
    pub fn new(page: usize) -> Self {
        Self { page, ..Self::default() }
    }

    pub fn put(&self, key: &str, etag: &str, body: &str) {
        self.objects.lock().unwrap().insert(key.to_owned(), (etag.to_owned(), body.to_owned()));
    }

    /// Answers `GET /NAME…`.
    pub fn answer(&self, request: &Request) -> Reply {
        let objects = self.objects.lock().unwrap();
        match request.target.split_once('?') {
            Some((_, query)) => list(&objects, query, self.page),
            None => {
                let key =
                    percent_decode(request.target.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key));
                match objects.get(&key) {
                    Some((etag, body)) => Reply::new(200, body).with("etag", &format!("\"{etag}\"")),
                    None => Reply::new(404, "<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>"),
                }
            }
        }
    }
}

fn list(objects: &BTreeMap<String, (String, String)>, query: &str, page: usize) -> Reply {
    let field = |name: &str| {
        let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        pair.map(percent_decode).unwrap_or_default()
    };
    let (prefix, after, token) = (field("prefix"), field("start-after"), field("continuation-token"));
    let mut entries: BTreeMap<String, Option<&(String, String)>> = BTreeMap::new();
    for (key, object) in objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after) {
        match key[prefix.len()..].find('/').filter(|_| field("delimiter") == "/") {
            Some(end) => entries.insert(key[..=prefix.len() + end].to_owned(), None),
            None => entries.insert(key.clone(), Some(object)),
        };
    }
    let rest: Vec<_> = entries.into_iter().filter(|(name, _)| *name > token).collect();
    let mut body = String::from("<ListBucketResult>");
    for (name, object) in rest.iter().take(page) {
        body += &match object {
            None => format!("<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>"),
            Some((etag, content)) => {
                let size = content.len();
                format!("<Contents><Key>{name}</Key><ETag>&quot;{etag}&quot;</ETag><Size>{size}</Size></Contents>")
            }
        };
    }
    let last = rest.get(page - 1).filter(|_| rest.len() > page);
    let next = last.map(|(name, _)| format!("<NextContinuationToken>{name}</NextContinuationToken>"));
    body += &next.unwrap_or_default();
    body += &format!("<IsTruncated>{}</IsTruncated></ListBucketResult>", last.is_some());
    Reply::new(200, body)
}
