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
pub(super) fn pieces(pattern: &str) -> Vec<Piece<'_>> {
    let (mut out, mut rest) = (Vec::new(), pattern);
    while let Some((text, tail)) = rest.split_once("${") {
        let Some((name, tail)) = tail.split_once('}') else { break };
        if !text.is_empty() {
            out.push(Piece::Text(text));
        }
        out.push(Piece::Var(name));
        rest = tail;
    }
    if !rest.is_empty() {
        out.push(Piece::Text(rest));
    }
    out
}

/// The variables that only the resource itself can fill: all but partition, region and account.
pub(super) fn own_vars(pattern: &str) -> Vec<&str> {
    let own = |piece| match piece {
        Piece::Var("Partition" | "Region" | "Account") | Piece::Text(_) => None,
        Piece::Var(name) => Some(name),
    };
    pieces(pattern).into_iter().filter_map(own).collect()
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
    let (mut pattern_parts, mut arn_parts) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    for at in 0..5 {
        let (want, have) = (pattern_parts.next()?, arn_parts.next()?);
        if matches!(at, 0 | 2) && want != have || at == 1 && have.is_empty() {
            return None;
        }
    }
    let (want, mut rest) = (pattern_parts.next()?, arn_parts.next()?);
    let pieces = pieces(want);
    let mut out = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        match *piece {
            Piece::Text(text) => rest = rest.strip_prefix(text)?,
            Piece::Var(name) => {
                let value = match pieces.get(at + 1) {
                    Some(Piece::Text(next)) => &rest[..rest.find(next)?],
                    _ => rest,
                };
                // A package may have no namespace: `…/npm//left-pad`.
                // https://docs.aws.amazon.com/codeartifact/latest/ug/repo-policies.html
                let empty = value.is_empty() && name != "PackageNamespace";
                // A bucket's name is the one last part that never holds a slash; with one it is an object.
                if empty || name == "BucketName" && value.contains('/') {
                    return None;
                }
                out.push((name, value));
                rest = &rest[value.len()..];
            }
        }
    }
    rest.is_empty().then_some(out)
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
