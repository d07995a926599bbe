//! Markup that cannot hold a stranger's: text and attribute values enter escaped, names are ours.

use crate::render::escape;
use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};

/// Markup that is being written. There is no way to put text into it unescaped but [`Html::ours`], which takes what the
/// program itself holds.
///
/// ```
/// use denywatch::render::page::html::{Html, attr};
/// let mut out = Html::default();
/// out.el("p", &[attr("title", "\"><script>")], |out| out.text("<b>"));
/// assert_eq!(out.finish(), "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt;</p>");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Html {
    written: String,
    /// Findings that stand on the page, as [`anchor`] names them.
    places: BTreeSet<String>,
}

/// An attribute with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attr {
    name: &'static str,
    value: String,
}

/// An attribute. Those that run, fetch or style have no effect here: a link is made by [`to`].
pub fn attr(name: &'static str, value: impl Display) -> Attr {
    let acts = name.starts_with("on") || matches!(name, "href" | "src" | "style" | "srcdoc" | "action" | "formaction");
    Attr { name: if acts { "data-refused" } else { name }, value: value.to_string() }
}

/// `class`.
pub fn class(names: impl Display) -> Attr {
    attr("class", names)
}

/// A link to a place in the same page, as [`anchor`] names it.
pub fn to(id: &str) -> Attr {
    Attr { name: "href", value: format!("#{}", anchor(id)) }
}

/// A name of a place in the page: letters, digits and hyphens, 64 at most. An id of ours has 12.
pub fn anchor(id: &str) -> String {
    id.chars().take(64).map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

impl Html {
    /// Nothing yet; [`Html::link`] may lead to these findings.
    pub fn beside<'a>(ids: impl Iterator<Item = &'a String>) -> Self {
        Self { written: String::new(), places: ids.map(|id| anchor(id)).collect() }
    }

    /// A finding's id: a link where it stands on the page, else the id alone.
    pub fn link(&mut self, id: &str) {
        match self.places.contains(&anchor(id)) {
            true => self.el("a", &[to(id)], |out| out.code(id, 24)),
            false => self.code(id, 24),
        }
    }

    /// An element with what stands in it.
    pub fn el(&mut self, tag: &'static str, attrs: &[Attr], inside: impl FnOnce(&mut Self)) {
        self.open(tag, attrs);
        inside(self);
        // Writing into a string does not fail.
        let _ = write!(self.written, "</{tag}>");
    }

    /// An element that holds text alone.
    pub fn line(&mut self, tag: &'static str, attrs: &[Attr], text: &str) {
        self.el(tag, attrs, |out| out.text(text));
    }

    /// A start without an end, such as `meta`, or one that the next element ends.
    pub fn open(&mut self, tag: &'static str, attrs: &[Attr]) {
        self.written.push('<');
        self.written.push_str(tag);
        for attr in attrs {
            let _ = write!(self.written, " {}=\"{}\"", attr.name, escape::html(&attr.value));
        }
        self.written.push('>');
    }

    /// Text, escaped; what is not seen is shown.
    pub fn text(&mut self, text: &str) {
        self.written.push_str(&escape::html(text));
    }

    /// A name in code, shortened in the middle.
    pub fn code(&mut self, text: &str, most: usize) {
        self.line("code", &[], &super::words::middle(text, most));
    }

    /// Text in which a name stands between back-ticks: there it is code.
    pub fn prose(&mut self, text: &str) {
        let paired = text.matches('`').count() / 2 * 2;
        for (n, part) in text.splitn(paired + 1, '`').enumerate() {
            if n % 2 == 1 { self.line("code", &[], part) } else { self.text(part) }
        }
    }

    /// Text of the program's own files, as it is: its style, its script.
    pub fn ours(&mut self, text: &'static str) {
        self.written.push_str(text);
    }

    /// What another writer wrote.
    pub fn add(&mut self, other: Html) {
        self.written.push_str(&other.written);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.written.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// The markup.
    pub fn finish(self) -> String {
        self.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use proptest::prelude::*;

    #[test]
    fn an_attribute_that_acts_does_not() {
        for name in ["onclick", "href", "src", "style", "srcdoc", "action"] {
            let mut out = Html::default();
            out.line("a", &[attr(name, "javascript:x")], "");
            assert_eq!(out.finish(), "<a data-refused=\"javascript:x\"></a>");
        }
        let mut out = Html::default();
        out.line("a", &[to("D-1\" onclick=x")], "a");
        assert_eq!(out.finish(), "<a href=\"#D-1__onclick_x\">a</a>");
    }

    proptest! {
        #[test]
        fn no_text_becomes_markup(text in sample::hostile(), value in sample::hostile()) {
            let mut out = Html::default();
            out.line("p", &[attr("title", &value)], &text);
            let out = out.finish();
            prop_assert_eq!(out.matches('<').count(), 2);
            prop_assert_eq!(out.matches('>').count(), 2);
            prop_assert_eq!(out.matches('"').count(), 2);
        }
    }
}
