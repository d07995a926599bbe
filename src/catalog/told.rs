//! Which words any request must hold that names a certain resource: by them most requests are passed over unread.

use super::{Catalog, template};

/// Services whose ARNs are put together in ways of their own.
const OTHERS: [&str; 2] = ["apigateway", "logs"];
/// Letters and digits of a word that is worth looking for.
const SHORTEST: usize = 3;

impl Catalog {
    /// Words one of which stands, in whatever letter case, in every request of an action from which
    /// [`Catalog::resources_from_request`] tells this resource, unless the request holds an escape. Empty where none is
    /// certain to.
    ///
    /// ```
    /// use denywatch::catalog::Catalog;
    /// let texts = Catalog::embedded().texts_of("sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:orders-7");
    /// assert_eq!(texts, ["orders"]);
    /// ```
    pub fn texts_of(&self, action: &str, resource: &str) -> Vec<String> {
        let Some(action) = self.action(action).filter(|action| !OTHERS.contains(&action.prefix())) else {
            return Vec::new();
        };
        let mut texts = Vec::new();
        for kind in action.resource_types() {
            let Some(parts) = template::capture(kind.arn, resource) else { continue };
            let rule = [action.canonical(), action.prefix().to_owned()].map(|of| format!("{of}@{}", kind.name));
            // A rule may write words that no request has.
            let is_made_up = rule
                .iter()
                .filter_map(|key| self.data.forms.get(key))
                .any(|rule| rule.contains(['\'']) || rule.contains(":linked"));
            let longest = parts.iter().filter_map(|(_, value)| longest_word(value)).max_by_key(String::len);
            match longest.filter(|_| !is_made_up) {
                Some(word) => texts.push(word),
                None => return Vec::new(),
            }
        }
        texts.sort();
        texts.dedup();
        texts
    }
}

fn longest_word(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.max_by_key(|word| word.len()).filter(|word| word.len() >= SHORTEST).map(str::to_ascii_lowercase)
}
