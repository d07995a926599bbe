//! The functions of Terraform that names and lists are made with.
//! See <https://developer.hashicorp.com/terraform/language/functions>.

use super::value::{Piece, Val, joined};

/// What a call is worth; unknown for a function that is not known here.
pub(super) fn call(name: &str, args: &[Val]) -> Val {
    let known = match name {
        "format" => format(args),
        "join" => join(args),
        "lower" => mapped(args, |text| text.to_lowercase()),
        "upper" => mapped(args, |text| text.to_uppercase()),
        "trimspace" => mapped(args, |text| text.trim().to_owned()),
        "replace" => replace(args),
        "concat" | "flatten" | "setunion" => Some(concat(name, args)),
        "merge" => merge(args),
        "toset" | "tolist" | "tomap" | "tostring" | "distinct" | "sort" | "sensitive" | "nonsensitive" => {
            args.first().cloned()
        }
        "coalesce" | "try" => args.iter().find(|arg| !matches!(arg, Val::Null)).cloned(),
        "lookup" => lookup(args),
        "element" => element(args),
        _ => None,
    };
    known.unwrap_or(Val::Unknown)
}

fn mapped(args: &[Val], change: fn(&str) -> String) -> Option<Val> {
    match args.first()? {
        Val::Text(pieces) => Some(joined(pieces.iter().map(|piece| match piece {
            Piece::Lit(text) => Piece::Lit(change(text)),
            hole @ Piece::Hole(_) => hole.clone(),
        }))),
        _ => None,
    }
}

/// `%s`, `%d` and `%%`; anything else is left unknown.
fn format(args: &[Val]) -> Option<Val> {
    let spec = args.first()?.as_text()?;
    let mut rest = args[1..].iter();
    let mut pieces = Vec::new();
    let mut parts = spec.split('%');
    pieces.push(Piece::Lit(parts.next()?.to_owned()));
    while let Some(part) = parts.next() {
        if part.is_empty() {
            pieces.push(Piece::Lit(format!("%{}", parts.next()?)));
            continue;
        }
        let behind = part.strip_prefix(['s', 'd', 'v'])?;
        pieces.extend(rest.next()?.clone().into_pieces());
        pieces.push(Piece::Lit(behind.to_owned()));
    }
    Some(joined(pieces))
}

fn join(args: &[Val]) -> Option<Val> {
    let between = args.first()?.as_text()?;
    let mut pieces = Vec::new();
    for list in &args[1..] {
        let Val::List(items) = list else { return None };
        for item in items {
            if !pieces.is_empty() {
                pieces.push(Piece::Lit(between.clone()));
            }
            pieces.extend(item.clone().into_pieces());
        }
    }
    Some(joined(pieces))
}

fn replace(args: &[Val]) -> Option<Val> {
    let [text, from, to] = args else { return None };
    let (text, from, to) = (text.as_text()?, from.as_text()?, to.as_text()?);
    // Between slashes stands a regular expression.
    let is_pattern = from.len() > 1 && from.starts_with('/') && from.ends_with('/');
    (!from.is_empty() && !is_pattern).then(|| Val::text(&text.replace(&from, &to)))
}

fn concat(name: &str, args: &[Val]) -> Val {
    let mut items = Vec::new();
    for arg in args {
        match arg {
            Val::List(more) if name == "flatten" => {
                for one in more {
                    match one {
                        Val::List(inner) => items.extend(inner.iter().cloned()),
                        other => items.push(other.clone()),
                    }
                }
            }
            Val::List(more) => items.extend(more.iter().cloned()),
            _ => return Val::Unknown,
        }
    }
    Val::List(items)
}

fn merge(args: &[Val]) -> Option<Val> {
    let mut fields: Vec<(String, Val)> = Vec::new();
    for arg in args {
        let Val::Map(more) = arg else { return None };
        for (key, value) in more {
            fields.retain(|(name, _)| name != key);
            fields.push((key.clone(), value.clone()));
        }
    }
    Some(Val::Map(fields))
}

fn lookup(args: &[Val]) -> Option<Val> {
    let key = args.get(1)?.as_text()?;
    match args.first()? {
        map @ Val::Map(_) => map.get(&key).or(args.get(2)).cloned(),
        _ => None,
    }
}

fn element(args: &[Val]) -> Option<Val> {
    let at: usize = args.get(1)?.as_text()?.parse().ok()?;
    match args.first()? {
        Val::List(items) if !items.is_empty() => items.get(at % items.len()).cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::Hole;
    use super::*;

    #[track_caller]
    fn check(name: &str, args: &[Val], expect: &str) {
        assert_eq!(call(name, args).shown(), expect);
    }

    #[test]
    fn names_are_made_of_known_and_unknown_parts() {
        let list = Val::List(vec![Val::text("a"), Val::hole(Hole::Any), Val::text("b")]);
        check("join", &[Val::text("-"), list], "a-*-b");
        check("format", &[Val::text("%s-100%%-%d"), Val::text("a"), Val::Number("3".into())], "a-100%-3");
        check("format", &[Val::text("%05d"), Val::Number("3".into())], "*");
        check("lower", &[Val::text("AbC")], "abc");
        check("replace", &[Val::text("a_b"), Val::text("_"), Val::text("-")], "a-b");
        check("replace", &[Val::text("a_b"), Val::text("/_/"), Val::text("-")], "*");
        check("unheard_of", &[], "*");
    }
}
