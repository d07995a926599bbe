//! A page of ListObjectsV2: XML → keys with their ETags and sizes, and folders.

use quick_xml::Reader;
use quick_xml::events::Event;

/// An object as a list names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// As S3 gives it, without its quotation marks: a new content has a new one.
    pub etag: String,
    /// Bytes.
    pub size: u64,
}

/// One page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// In S3's order.
    pub objects: Vec<Listed>,
    /// Prefixes that end with `/`; none where no delimiter was asked for.
    pub folders: Vec<String>,
    /// `None` on the last page.
    pub next: Option<String>,
}

/// Reads one page.
///
/// # Errors
/// What does not fit, in words.
pub fn read(text: &str) -> Result<Page, String> {
    let mut reader = Reader::from_str(text);
    let (mut page, mut object) = (Page::default(), Listed::default());
    let (mut path, mut word): (Vec<String>, String) = (Vec::new(), String::new());
    let (mut encoded, mut truncated, mut token, mut is_list) = (false, false, None, false);
    loop {
        match reader.read_event().map_err(|fault| format!("the list is no XML: {fault}"))? {
            Event::Start(tag) => {
                path.push(tag.local_name().as_ref().to_owned());
                word.clear();
            }
            Event::Text(part) => word.push_str(&part),
            Event::CData(part) => word.push_str(&part),
            Event::GeneralRef(part) => {
                word.push_str(&super::xml::known(&part).ok_or("the list has an entity of its own")?);
            }
            Event::End(_) => {
                let at: Vec<&str> = path.iter().map(String::as_str).collect();
                match at[..] {
                    ["ListBucketResult"] => is_list = true,
                    ["ListBucketResult", "EncodingType"] => encoded = word == "url",
                    ["ListBucketResult", "IsTruncated"] => truncated = word == "true",
                    ["ListBucketResult", "NextContinuationToken"] => token = Some(std::mem::take(&mut word)),
                    ["ListBucketResult", "Contents", "Key"] => object.key = std::mem::take(&mut word),
                    ["ListBucketResult", "Contents", "ETag"] => object.etag = word.trim_matches('"').to_owned(),
                    ["ListBucketResult", "Contents", "Size"] => {
                        object.size = word.parse().map_err(|_| "an object in the list has no size")?;
                    }
                    ["ListBucketResult", "Contents"] => page.objects.push(std::mem::take(&mut object)),
                    ["ListBucketResult", "CommonPrefixes", "Prefix"] => page.folders.push(std::mem::take(&mut word)),
                    _ => {}
                }
                path.pop();
                word.clear();
            }
            Event::Eof if is_list => break,
            Event::Eof => return Err("the list ends too early".to_owned()),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    if encoded {
        let names = page.objects.iter_mut().map(|object| &mut object.key).chain(page.folders.iter_mut());
        names.for_each(|name| *name = decode(name));
    }
    page.next = match truncated {
        true => Some(token.filter(|token| !token.is_empty()).ok_or("the list goes on, but does not say where")?),
        false => None,
    };
    Ok(page)
}

/// Undoes `encoding-type=url`, which is how S3's notifications write keys, too; what is no code stays as it stands.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        let code = code.filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
        match (byte, code.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(code)) => {
                out.push(code);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAGE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>logs</Name><Prefix>a/</Prefix>
  <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;1==</NextContinuationToken>
  <Contents><Key>a/b%2Bc+d%C3%A9.json.gz</Key><ETag>&quot;0123&quot;</ETag><Size>17</Size><Owner><ID>Key</ID></Owner></Contents>
  <Contents><Key>a/e</Key><ETag>"4-2"</ETag><Size>0</Size></Contents>
  <CommonPrefixes><Prefix>a/f/</Prefix></CommonPrefixes></ListBucketResult>"#;

    fn listed(key: &str, etag: &str, size: u64) -> Listed {
        Listed { key: key.into(), etag: etag.into(), size }
    }

    #[test]
    fn a_page_is_read() {
        let page = read(PAGE).unwrap();
        assert_eq!(page.objects, [listed("a/b+c dé.json.gz", "0123", 17), listed("a/e", "4-2", 0)]);
        assert_eq!((page.folders, page.next), (vec!["a/f/".to_owned()], Some("t&1==".to_owned())));
        // Without the word for it names stand as they are.
        let plain = read(&PAGE.replace("<EncodingType>url</EncodingType>", "")).unwrap();
        assert_eq!(plain.objects[0].key, "a/b%2Bc+d%C3%A9.json.gz");
        let last = read(&PAGE.replace("<IsTruncated>true", "<IsTruncated>false")).unwrap();
        assert_eq!(last.next, None);
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for (text, why) in [
            ("", "the list ends too early"),
            ("<ListBucketResult>", "the list ends too early"),
            ("<Error><Code>x</Code></Error>", "the list ends too early"),
            ("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "the list goes on"),
            ("<ListBucketResult><Contents><Size>x</Size></Contents></ListBucketResult>", "an object in the list has"),
            ("<ListBucketResult><A></B></ListBucketResult>", "the list is no XML"),
            ("<!DOCTYPE a><ListBucketResult><A>&own;</A></ListBucketResult>", "the list has an entity"),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.starts_with(why), "{text}: {fault}");
        }
    }

    proptest! {
        #[test]
        fn any_key_survives(key in "\\PC{0,20}") {
            let encoded = crate::io::aws::ask::encode(&key).replace("%20", "+");
            prop_assert_eq!(decode(&encoded), key);
        }

        #[test]
        fn any_text_is_survived(text in "[<>/&;ACKLa-z%0-9=\"]{0,80}") {
            drop(read(&text));
        }
    }
}
