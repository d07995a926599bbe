//! What an expression is worth before anything is deployed: known in whole, in part, or not at all.

use std::fmt::Write as _;

/// A value, as far as the code tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Val {
    /// Nothing is known.
    Unknown,
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    /// Text, with holes where a part of it is known only when it is deployed.
    Text(Vec<Piece>),
    List(Vec<Val>),
    Map(Vec<(String, Val)>),
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Piece {
    /// These letters.
    Lit(String),
    /// Not known, but of a known sort.
    Hole(Hole),
}

/// What stands in a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hole {
    /// The account of the deployment.
    Account,
    /// Its Region.
    Region,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    Partition,
    /// The 26 digits that Terraform puts behind a `name_prefix`.
    /// See <https://developer.hashicorp.com/terraform/plugin/sdkv2/resources#unique-naming>.
    Unique,
    /// The six characters that Secrets Manager puts behind a secret's name in its ARN.
    /// See <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html>.
    Suffix,
    /// Anything, also nothing.
    Any,
}

/// How surely a text is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It is another text.
    No,
    /// It could be this one.
    Possible,
    /// It is this one.
    Certain,
}

impl Val {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(vec![Piece::Lit(text.to_owned())])
    }

    pub(super) fn hole(hole: Hole) -> Self {
        Self::Text(vec![Piece::Hole(hole)])
    }

    /// The whole text; `None` where a part is not known, or where it is no text.
    pub(super) fn as_text(&self) -> Option<String> {
        match self {
            Self::Text(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Lit(text) => Some(text.as_str()),
                    Piece::Hole(_) => None,
                })
                .collect(),
            Self::Number(text) => Some(text.clone()),
            Self::Bool(yes) => Some(yes.to_string()),
            Self::Unknown | Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// As a part of a text.
    pub(super) fn into_pieces(self) -> Vec<Piece> {
        match self.as_text() {
            Some(text) => vec![Piece::Lit(text)],
            None => match self {
                Self::Text(pieces) => pieces,
                _ => vec![Piece::Hole(Hole::Any)],
            },
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Val> {
        match self {
            Self::Map(fields) => fields.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A JSON value, as state, plans and `.tfvars.json` hold it.
    pub(super) fn from_json(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(yes) => Self::Bool(*yes),
            serde_json::Value::Number(number) => Self::Number(number.to_string()),
            serde_json::Value::String(text) => Self::text(text),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(fields) => {
                Self::Map(fields.iter().map(|(name, value)| (name.clone(), Self::from_json(value))).collect())
            }
        }
    }

    /// Whether this is the text, in the account that is meant.
    pub(super) fn fit(&self, text: &str, account: Option<&str>) -> Fit {
        match self {
            Self::Text(pieces) => {
                // A queue of that name may be in another Region, and be another queue.
                let sure = ![Hole::Any, Hole::Region].iter().any(|hole| pieces.contains(&Piece::Hole(*hole)));
                match (fits(pieces, text, account, &mut 10_000), sure) {
                    (false, _) => Fit::No,
                    (true, true) => Fit::Certain,
                    (true, false) => Fit::Possible,
                }
            }
            Self::Number(_) | Self::Bool(_) if self.as_text().as_deref() == Some(text) => Fit::Certain,
            Self::Unknown => Fit::Possible,
            Self::Number(_) | Self::Bool(_) | Self::Null | Self::List(_) | Self::Map(_) => Fit::No,
        }
    }

    /// Whether this is the text if only it is deployed in that Region.
    pub(super) fn is_in_some_region(&self, text: &str, account: Option<&str>) -> bool {
        let Self::Text(pieces) = self else { return false };
        let has = |hole| pieces.contains(&Piece::Hole(hole));
        has(Hole::Region) && !has(Hole::Any) && fits(pieces, text, account, &mut 10_000)
    }

    /// The letters that are known, words that any name could have left out, to tell a pattern from one that fits much.
    pub(super) fn known_letters(&self) -> usize {
        match self {
            Self::Text(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Lit(text) => telling(text),
                    Piece::Hole(Hole::Any) => 0,
                    Piece::Hole(_) => 1,
                })
                .sum(),
            _ => 0,
        }
    }

    /// The text with `*` for what is not known: for people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(pieces) => pieces.iter().fold(String::new(), |mut out, piece| {
                let _ = match piece {
                    Piece::Lit(text) => write!(out, "{text}"),
                    Piece::Hole(_) => write!(out, "*"),
                };
                out
            }),
            other => other.as_text().unwrap_or_else(|| "*".to_owned()),
        }
    }
}

/// Words that say nothing of whose name it is.
const COMMON: [&str; 14] = [
    "app",
    "aws",
    "ec2",
    "exec",
    "execution",
    "iam",
    "instance",
    "lambda",
    "main",
    "policy",
    "role",
    "service",
    "task",
    "user",
];

fn telling(text: &str) -> usize {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| !COMMON.contains(&word.to_ascii_lowercase().as_str())).map(|word| word.chars().count()).sum()
}

/// Joins neighbours that are known, so that equal texts are equal values.
pub(super) fn joined(pieces: impl IntoIterator<Item = Piece>) -> Val {
    let mut out: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (out.last_mut(), piece) {
            (Some(Piece::Lit(before)), Piece::Lit(text)) => before.push_str(&text),
            (_, piece) => out.push(piece),
        }
    }
    Val::Text(out)
}

/// Matches with backtracking; `steps` bounds it, and a match that takes more is none.
fn fits(pieces: &[Piece], text: &str, account: Option<&str>, steps: &mut usize) -> bool {
    *steps = steps.saturating_sub(1);
    if *steps == 0 {
        return false;
    }
    match pieces.split_first() {
        None => text.is_empty(),
        Some((Piece::Lit(known), rest)) => {
            text.strip_prefix(known.as_str()).is_some_and(|behind| fits(rest, behind, account, steps))
        }
        Some((Piece::Hole(hole), rest)) => {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            let ends = ends.filter(|&end| hole.takes(&text[..end], account));
            ends.collect::<Vec<_>>().into_iter().any(|end| fits(rest, &text[end..], account, steps))
        }
    }
}

impl Hole {
    fn takes(self, text: &str, account: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::Account => match account {
                Some(account) => text == account,
                None => text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()),
            },
            Self::Region => {
                let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
                plain && text.matches('-').count() >= 2 && text.ends_with(|letter: char| letter.is_ascii_digit())
            }
            Self::Partition => text == "aws" || text.starts_with("aws-") && !text.contains(':'),
            Self::Unique => text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            Self::Suffix => text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lit(text: &str) -> Piece {
        Piece::Lit(text.to_owned())
    }

    #[track_caller]
    fn check(pieces: &[Piece], text: &str, expect: Fit) {
        assert_eq!(Val::Text(pieces.to_vec()).fit(text, Some("111122223333")), expect, "{text}");
    }

    #[test]
    fn a_name_with_holes_may_be_meant() {
        let name = [Piece::Hole(Hole::Any), lit("-codepipeline-role-"), Piece::Hole(Hole::Any)];
        check(&name, "shop-codepipeline-role-dev", Fit::Possible);
        check(&name, "shop-codebuild-role-dev", Fit::No);
        check(&[lit("app")], "app", Fit::Certain);
        check(&[lit("app")], "app2", Fit::No);
    }

    #[test]
    fn a_hole_of_a_known_sort_is_as_good_as_known() {
        let queue = [
            lit("arn:"),
            Piece::Hole(Hole::Partition),
            lit(":sqs:"),
            Piece::Hole(Hole::Region),
            lit(":"),
            Piece::Hole(Hole::Account),
            lit(":orders"),
        ];
        // But for the Region, in another of which a queue of that name is another.
        check(&queue, "arn:aws:sqs:eu-west-1:111122223333:orders", Fit::Possible);
        check(&queue, "arn:aws:sqs:eu-west-1:444455556666:orders", Fit::No);
        check(&queue, "arn:aws:sqs:x:111122223333:orders", Fit::No);
        let prefix = [lit("app-"), Piece::Hole(Hole::Unique)];
        check(&prefix, "app-20261112093000123400000001", Fit::Certain);
        check(&prefix, "app-blue", Fit::No);
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let mut pieces = Vec::new();
        for _ in 0..40 {
            pieces.extend([Piece::Hole(Hole::Any), lit("a")]);
        }
        check(&pieces, &"a".repeat(39), Fit::No);
    }
}
