//! ARN patterns of the data, such as `arn:${Partition}:sqs:${Region}:${Account}:${QueueName}`.

use super::Call;

/// A stretch of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Text that stands as it is.
    Text(&'t str),
    /// A `${Variable}`, by its name.
    Var(&'t str),
}

/// The pieces of a pattern in order.
pub(super) fn pieces(pattern: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = pattern;
    std::iter::from_fn(move || {
        let (piece, tail) = first(rest)?;
        rest = tail;
        Some(piece)
    })
}

/// The first piece and what stands behind it; `None` where nothing is left.
fn first(text: &str) -> Option<(Piece<'_>, &str)> {
    let var = text.find("${").and_then(|from| Some((from, from + 2 + text[from + 2..].find('}')?)));
    match var {
        Some((0, to)) => Some((Piece::Var(&text[2..to]), &text[to + 1..])),
        Some((from, _)) => Some((Piece::Text(&text[..from]), &text[from..])),
        None => (!text.is_empty()).then_some((Piece::Text(text), "")),
    }
}

/// The variables that only the resource itself can fill: all but partition, region and account.
pub(super) fn own_vars(pattern: &str) -> Vec<&str> {
    let own = |piece| match piece {
        Piece::Var("Partition" | "Region" | "Account") | Piece::Text(_) => None,
        Piece::Var(name) => Some(name),
    };
    pieces(pattern).filter_map(own).collect()
}

/// The first word of the resource part, which tells types apart: `table` of `…:table/${T}/index/${I}`; may be empty.
pub(super) fn head(pattern: &str) -> &str {
    let resource = pattern.splitn(6, ':').nth(5).unwrap_or("");
    resource.split(['/', ':', '$']).next().unwrap_or("")
}

/// Writes the ARN, or nothing where a value is missing or would break the form.
pub(super) fn fill<'v>(pattern: &str, call: &Call<'_>, value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
    let mut out = String::with_capacity(pattern.len());
    for piece in pieces(pattern) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Var("Partition") => out.push_str(place(call.partition)?),
            Piece::Var("Region") => out.push_str(place(call.region)?),
            Piece::Var("Account") => out.push_str(place(call.account)?),
            Piece::Var(name) => out.push_str(value(name)?),
        }
    }
    Some(out)
}

fn place(text: &str) -> Option<&str> {
    let fit = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'*'));
    fit.then_some(text)
}

/// Reads an ARN by a pattern: the values of all variables, or nothing where it has another form.
///
/// Region and account may be anything without a colon, empty too: the data is not always right about them.
pub(super) fn capture<'a, 'p>(pattern: &'p str, arn: &'a str) -> Option<Vec<(&'p str, &'a str)>> {
    let mut values = Vec::new();
    read(pattern, arn, |name, value| values.push((name, value)))?;
    Some(values)
}

/// Whether an ARN has the form of a pattern.
pub(super) fn is_of(pattern: &str, arn: &str) -> bool {
    read(pattern, arn, |_, _| {}).is_some()
}

/// Hands over the variables and their values, in order.
fn read<'a, 'p>(pattern: &'p str, arn: &'a str, mut put: impl FnMut(&'p str, &'a str)) -> Option<()> {
    let (mut pattern_parts, mut arn_parts) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    for at in 0..5 {
        let (want, have) = (pattern_parts.next()?, arn_parts.next()?);
        if matches!(at, 0 | 2) && want != have || at == 1 && have.is_empty() {
            return None;
        }
    }
    let (want, mut rest) = (pattern_parts.next()?, arn_parts.next()?);
    let mut pieces = pieces(want).peekable();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Text(text) => rest = rest.strip_prefix(text)?,
            Piece::Var(name) => {
                let value = match pieces.peek() {
                    Some(Piece::Text(next)) => &rest[..rest.find(*next)?],
                    _ => rest,
                };
                // A package may have no namespace: `…/npm//left-pad`.
                // https://docs.aws.amazon.com/codeartifact/latest/ug/repo-policies.html
                let empty = value.is_empty() && name != "PackageNamespace";
                // A bucket's name is the one last part that never holds a slash; with one it is an object.
                if empty || name == "BucketName" && value.contains('/') {
                    return None;
                }
                put(name, value);
                rest = &rest[value.len()..];
            }
        }
    }
    rest.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: &str = "arn:${Partition}:ecs:${Region}:${Account}:task/${ClusterName}/${TaskId}";

    #[track_caller]
    fn check(pattern: &str, arn: &str, expect: Option<&[(&str, &str)]>) {
        assert_eq!(capture(pattern, arn).as_deref(), expect);
    }

    #[test]
    fn arns_are_read_by_their_pattern() {
        check(TASK, "arn:aws:ecs:eu-west-1:1:task/c/t", Some(&[("ClusterName", "c"), ("TaskId", "t")]));
        check(TASK, "arn:aws:ecs:eu-west-1:1:task/c", None);
        let package = "arn:${P}:c:${R}:${A}:package/${PackageNamespace}/${PackageName}";
        check(
            package,
            "arn:aws:c:r:1:package//left-pad",
            Some(&[("PackageNamespace", ""), ("PackageName", "left-pad")]),
        );
        check(TASK, "arn:aws:ecs:eu-west-1:1:service/c/t", None);
        check(TASK, "arn:aws:ec2:eu-west-1:1:task/c/t", None);
        check("arn:${Partition}:s3:::${B}/${K}", "arn:aws:s3:::b/k/x:y", Some(&[("B", "b"), ("K", "k/x:y")]));
        check("arn:${Partition}:s3:::${B}", "arn:aws:s3:::", None);
    }

    #[test]
    fn heads_and_variables() {
        assert_eq!(head(TASK), "task");
        assert_eq!(head("arn:${Partition}:sqs:${Region}:${Account}:${QueueName}"), "");
        assert_eq!(own_vars(TASK), ["ClusterName", "TaskId"]);
    }

    #[test]
    fn an_arn_is_filled_or_not_written() {
        let call = Call { partition: "aws", region: "eu-west-1", account: "1", ..Call::default() };
        assert_eq!(fill(TASK, &call, |_| Some("x")).as_deref(), Some("arn:aws:ecs:eu-west-1:1:task/x/x"));
        assert_eq!(fill(TASK, &call, |name| (name == "TaskId").then_some("x")), None);
        assert_eq!(fill(TASK, &Call::default(), |_| Some("x")), None);
    }
}
