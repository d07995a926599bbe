//! AWS's XML answers as JSON values, so that one sort of code reads both protocols.
//!
//! Elements become objects, and lists of `member`, `item` or `entry` arrays; text stays text. What a document may do beyond
//! that (entities of its own, comments, instructions) says nothing here and is passed over.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// AWS nests a dozen elements at most.
const DEEPEST: usize = 64;

/// Text that is no XML document, or none that AWS would send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the answer is no XML: {0}")]
pub struct NotXml(String);

/// The root element's name and what it holds.
///
/// # Errors
/// [`NotXml`] when tags do not match, end too early, or stand too deep.
pub fn read(text: &str) -> Result<(String, Value), NotXml> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    loop {
        let event = reader.read_event().map_err(|fault| NotXml(fault.to_string()))?;
        let done = match event {
            Event::Start(tag) if open.len() == DEEPEST => {
                return Err(NotXml(format!("`{}` stands too deep", tag.local_name().as_ref())));
            }
            Event::Start(tag) => {
                open.push(Element::new(tag.local_name().as_ref().to_owned()));
                None
            }
            Event::Empty(tag) => Some(Element::new(tag.local_name().as_ref().to_owned())),
            Event::End(_) => open.pop(),
            Event::Eof => return Err(NotXml("it ends too early".to_owned())),
            Event::Text(part) => {
                add_text(&mut open, &part);
                None
            }
            Event::CData(part) => {
                add_text(&mut open, &part);
                None
            }
            Event::GeneralRef(part) => {
                let known = known(&part);
                add_text(&mut open, &known.ok_or_else(|| NotXml("an entity of its own".to_owned()))?);
                None
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => None,
        };
        let Some(done) = done else { continue };
        match open.last_mut() {
            Some(parent) => parent.children.push((done.name.clone(), done.value())),
            None => return Ok((done.name.clone(), done.value())),
        }
    }
}

struct Element {
    name: String,
    text: String,
    children: Vec<(String, Value)>,
}

impl Element {
    fn new(name: String) -> Self {
        Self { name, text: String::new(), children: Vec::new() }
    }

    fn value(self) -> Value {
        if self.children.is_empty() {
            return Value::String(self.text);
        }
        if self.children.iter().all(|(name, _)| matches!(name.as_str(), "member" | "item" | "entry")) {
            return Value::Array(self.children.into_iter().map(|(_, value)| value).collect());
        }
        // Of a name that stands twice the first counts.
        let mut object = Map::new();
        for (name, value) in self.children {
            object.entry(name).or_insert(value);
        }
        Value::Object(object)
    }
}

fn add_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// The entities that XML itself defines, and characters by number.
pub(super) fn known(entity: &str) -> Option<String> {
    let named = match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = entity.strip_prefix('#')?;
            let number = match digits.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            char::from_u32(number.ok()?)?
        }
    };
    Some(named.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(text: &str, expect: Value) {
        assert_eq!(read(text).map(|(_, value)| value), Ok(expect), "{text}");
    }

    #[test]
    fn elements_lists_and_text() {
        check("<A><B>x</B><C/></A>", json!({"B": "x", "C": ""}));
        check(
            "<?xml version=\"1.0\"?>\n<A xmlns='u'>\n <B><member>1</member><member>2</member></B>\n</A>",
            json!({"B": ["1", "2"]}),
        );
        check("<A><entry><key>k</key><value>v</value></entry></A>", json!([{"key": "k", "value": "v"}]));
        check("<n:A><n:B>a&amp;&quot;&#37;&#x7B;<![CDATA[<b>]]></n:B></n:A>", json!({"B": "a&\"%{<b>"}));
        check("<A><B>1</B><B>2</B></A>", json!({"B": "1"}));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for text in ["", "no XML", "<A>", "<A></B>", "<A><B></A>", "<!DOCTYPE a [<!ENTITY e 'x'>]><A>&e;</A>"] {
            assert!(read(text).is_err(), "{text}");
        }
        let deep = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(read(&deep(DEEPEST)).is_ok());
        assert!(read(&deep(DEEPEST + 1)).unwrap_err().to_string().ends_with("too deep"));
    }
}
