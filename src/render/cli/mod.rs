//! A bash script of AWS CLI commands: it checks the account, applies, and undoes when called with `undo`.
//!
//! Only three places of a script hold data: comments of one line, assignments of one quoted word, and the policy in a
//! quoted here-document. All code is fixed text from the `.sh` files beside this one.

mod read;

use super::escape::shell_quote;
use super::hcl::instance_of;
use super::job::{Job, Lodging, place};
use super::permission::permissions;
use super::{Format, RenderError, check};
use crate::arn::Arn;
use crate::diagnosis::TargetKind;
use crate::patch::holder;
use crate::principal::PrincipalKind;
use serde_json::{Value, json};

const START: &str = include_str!("start.sh");
const START_OF_SET: &str = include_str!("start_of_set.sh");
const WORK: &str = include_str!("work.sh");
const END: &str = include_str!("end.sh");
const APPEND: &str = include_str!("append.sh");
const SWAP: &str = include_str!("swap.sh");
const FULL: &str = include_str!("full.sh");
const SET_ASIDE: &str = include_str!("set_aside.sh");
const END_OF_SET: &str = include_str!("end_of_set.sh");

/// A DynamoDB policy's length in bytes, which has no holder of its own.
/// See <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-considerations.html>.
const MOST: usize = 20_480;

/// The here-document's end; no line of pretty-printed JSON is a bare word.
const MARK: &str = "DENYWATCH_PATCH";

/// A script before it is text.
struct Script {
    /// Comment lines besides the job's notes.
    undo: String,
    /// Variables, in the order they are written.
    vars: Vec<(&'static str, String)>,
    /// What stands in the here-document: the policy, or a function's permissions.
    data: Value,
    /// The fixed code after the policy.
    body: Vec<&'static str>,
}

/// Writes the patch as a script and reads it back.
pub(super) fn render(job: &Job<'_>) -> Result<String, RenderError> {
    let Some(script) = script(job)? else {
        return explain(job);
    };
    let script = Script { vars: [environment(job)?, script.vars].concat(), ..script };
    let text = write(job, &script);
    read::check(&text, &script.vars, &code(job, &script), &script.data)?;
    Ok(text)
}

/// What differs from kind to kind; `None` where no command of ours changes such a policy.
fn script(job: &Job<'_>) -> Result<Option<Script>, RenderError> {
    let state = ("state", format!("{}.state", job.name));
    let limit = holder(job.target.kind).map_or(MOST, |holder| holder.quota().limit).to_string();
    let is_set = job.target.kind == TargetKind::PermissionSet;
    let swap = |vars: Vec<(&'static str, String)>, code: &[&'static str]| {
        let undo = format!("bash THIS-FILE undo (puts back {}/before.json, kept by apply)", state.1);
        let mut body = vec![APPEND];
        body.extend(code);
        body.extend([if is_set { SET_ASIDE } else { FULL }, SWAP]);
        let name = is_set.then(|| ("name", job.name.clone()));
        let head = [state.clone(), ("limit", limit.clone())];
        let vars = head.into_iter().chain(name).chain(vars).collect();
        Ok(Some(Script { undo, vars, data: job.addition.clone(), body }))
    };
    match job.target.kind {
        TargetKind::RolePolicy | TargetKind::UserPolicy | TargetKind::GroupPolicy => own(job).map(Some),
        TargetKind::PermissionSet => {
            let arn = job.target_arn()?;
            match arn.as_ref().and_then(|arn| Some((arn, instance_of(arn)?))) {
                Some((arn, instance)) => swap(
                    vec![("set_known", arn.to_string()), ("set_instance", instance)],
                    &[include_str!("set_by_arn.sh"), include_str!("set.sh")],
                ),
                None => swap(
                    vec![("set_name", job.target_name()?)],
                    &[include_str!("set_by_name.sh"), include_str!("set.sh")],
                ),
            }
        }
        TargetKind::ManagedPolicy | TargetKind::PermissionsBoundary => {
            let (var, find) = managed(job)?;
            let undo = "bash THIS-FILE undo (makes the version before the default again and deletes ours)".to_owned();
            let body = vec![APPEND, find, include_str!("version.sh")];
            Ok(Some(Script { undo, vars: vec![state, var], data: job.addition.clone(), body }))
        }
        TargetKind::TrustPolicy => swap(vec![("role", job.target_name()?)], &[include_str!("trust.sh")]),
        TargetKind::BucketPolicy => {
            swap(vec![("bucket", not_an_option(job.target_name()?)?)], &[include_str!("bucket.sh")])
        }
        TargetKind::KeyPolicy => swap(vec![("key", job.target_name()?)], &[include_str!("key.sh")]),
        TargetKind::QueuePolicy => swap(vec![("queue", job.target_name()?)], &[include_str!("queue.sh")]),
        TargetKind::TopicPolicy => {
            swap(vec![("topic", job.need_arn("topic's ARN")?.to_string())], &[include_str!("topic.sh")])
        }
        TargetKind::SecretPolicy => {
            let secret = match job.target_arn()? {
                Some(arn) => arn.to_string(),
                None => job.target_name()?,
            };
            swap(vec![("secret", secret)], &[include_str!("secret.sh")])
        }
        TargetKind::RepositoryPolicy => {
            swap(vec![("repository", job.target_name()?)], &[include_str!("repository.sh")])
        }
        TargetKind::FunctionPolicy => function(job),
        TargetKind::ResourcePolicy => match job.target_arn()?.filter(is_table) {
            Some(arn) => swap(vec![("resource", arn.to_string())], &[include_str!("table.sh")]),
            None => Ok(None),
        },
        TargetKind::SessionPolicy | TargetKind::VpcEndpointPolicy | TargetKind::Scp | TargetKind::Rcp => Ok(None),
    }
}

/// A policy of its own on a role, user or group.
fn own(job: &Job<'_>) -> Result<Script, RenderError> {
    let name = job.target_name()?;
    let (kind, calls) = match job.target.kind {
        TargetKind::UserPolicy => ("user", include_str!("user.sh")),
        TargetKind::GroupPolicy => ("group", include_str!("group.sh")),
        _ => ("role", include_str!("role.sh")),
    };
    let managed = include_str!("managed.sh");
    let inline =
        format!("aws iam delete-{kind}-policy --{kind}-name={} --policy-name={}", shell_quote(&name), job.name);
    let mut vars = vec![("name", job.name.clone()), (kind, name)];
    Ok(match (job.lodging()?, job.inline_limit()) {
        (Lodging::Inline, Some(limit)) => {
            vars.push(("limit", limit.to_string()));
            let body = vec![calls, managed, include_str!("inline.sh")];
            Script { undo: inline, vars, data: job.addition.clone(), body }
        }
        (Lodging::Inline, None) => return Err(RenderError::Missing("quota of inline policies")),
        (Lodging::Managed(parts), _) => {
            let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
            let undo = format!("bash THIS-FILE undo (detaches and deletes managed policy {})", names.join(", "));
            let data = Value::Object(parts.iter().cloned().collect());
            Script { undo, vars, data, body: vec![calls, managed, include_str!("parts.sh")] }
        }
    })
}

/// The managed policy to change, or the principal whose boundary it is: a denial names that one alone, so that the
/// script has to look the policy up.
fn managed(job: &Job<'_>) -> Result<((&'static str, String), &'static str), RenderError> {
    let arn =
        job.target_arn()?.filter(|arn| job.target.kind == TargetKind::PermissionsBoundary && arn.service == "iam");
    let bearer = job.context.principal.as_ref().filter(|_| job.target.kind == TargetKind::PermissionsBoundary);
    let bearer = bearer.and_then(|principal| Some((principal.kind, principal.name.as_deref()?)));
    let of_role = |name| ("role", "role name", name, include_str!("boundary_of_role.sh"));
    let of_user = |name| ("user", "user name", name, include_str!("boundary_of_user.sh"));
    let found = match (arn.as_ref().map(Arn::resource_type_and_id), bearer) {
        (Some(("role", path)), _) => of_role(path),
        (Some(("user", path)), _) => of_user(path),
        (None, Some((PrincipalKind::Role, name))) => of_role(name),
        (None, Some((PrincipalKind::User, name))) => of_user(name),
        _ => return Ok((("policy", job.managed_policy()?.to_string()), "")),
    };
    let (kind, what, path, find) = found;
    let name = path.rsplit('/').next().unwrap_or(path);
    Ok(((kind, check::name(what, name, 64, check::IAM_SIGNS)?), find))
}

/// A function's policy is written permission by permission; `None` where a statement says more than one can.
fn function(job: &Job<'_>) -> Result<Option<Script>, RenderError> {
    let Some(all) = permissions(&job.addition) else { return Ok(None) };
    let undo = "bash THIS-FILE undo (removes the permissions by their ids)".to_owned();
    let vars = vec![("function", job.target_name()?)];
    Ok(Some(Script { undo, vars, data: json!(all), body: vec![include_str!("function.sh")] }))
}

/// Account, profile and region, as far as they are known.
fn environment(job: &Job<'_>) -> Result<Vec<(&'static str, String)>, RenderError> {
    let mut vars = Vec::new();
    // A permission set is changed from the organisation's management account, whatever account refused the call.
    if let Some(account) = job.account.as_ref().filter(|_| job.target.kind != TargetKind::PermissionSet) {
        vars.push(("account", account.clone()));
    }
    if let Some(profile) = &job.context.profile {
        vars.push(("AWS_PROFILE", check::name("profile name", profile, 128, "_+=,.@-/: ")?));
    }
    let arn = job.target.arn.as_deref().and_then(|arn| arn.parse::<Arn>().ok());
    let region = arn.map(|arn| arn.region).filter(|region| !region.is_empty());
    if let Some(region) = region.or_else(|| set_region(job)) {
        let region = check::name("region", &region, 32, "-")?;
        vars.extend([("AWS_REGION", region.clone()), ("AWS_DEFAULT_REGION", region)]);
    }
    Ok(vars)
}

/// The Region of Identity Center, which the path of a permission set's role names; `None` where the path is hidden, and
/// in us-east-1, whose roles have no Region in their path.
/// See <https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html>.
fn set_region(job: &Job<'_>) -> Option<String> {
    let principal = job.context.principal.as_ref().filter(|_| job.target.kind == TargetKind::PermissionSet)?;
    let role: Arn = principal.arn.as_deref()?.parse().ok()?;
    let (region, _) = role.resource.strip_prefix("role/aws-reserved/sso.amazonaws.com/")?.split_once('/')?;
    Some(region.to_owned())
}

/// DynamoDB tables and streams take a policy that names the revision it replaces.
/// See <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutResourcePolicy.html>.
fn is_table(arn: &Arn) -> bool {
    arn.service == "dynamodb"
}

/// Some names reach a command that has no `--name=value` form for them; a bucket's never begins with a dash anyway.
fn not_an_option(name: String) -> Result<String, RenderError> {
    if name.starts_with('-') { Err(RenderError::Name { what: "bucket name", name }) } else { Ok(name) }
}

fn write(job: &Job<'_>, script: &Script) -> String {
    let mut out = String::from("#!/usr/bin/env bash\n");
    let usage = ["usage: bash THIS-FILE [apply|undo]".to_owned(), format!("undo: {}", script.undo)];
    for line in job.notes.iter().chain(&usage) {
        out.push_str(&format!("# {line}\n"));
    }
    for (name, value) in &script.vars {
        out.push_str(&format!("{name}={}\n", shell_quote(value)));
    }
    out.push_str(&head(job, &script.vars));
    out.push_str(&format!("cat > \"$work/patch.json\" <<'{MARK}'\n{:#}\n{MARK}\n", script.data));
    out.extend(script.body.iter().copied());
    out.push_str(end(job));
    out
}

/// The fixed code between the variables and the policy.
fn head(job: &Job<'_>, vars: &[(&'static str, String)]) -> String {
    let mut out = String::new();
    let is_set = job.target.kind == TargetKind::PermissionSet;
    if job.account.is_none() && !is_set {
        out.push_str("account=${ACCOUNT:?the account is not known: run ACCOUNT=123456789012 bash THIS-FILE}\n");
    }
    for (name, _) in vars.iter().filter(|(name, _)| name.starts_with("AWS_")) {
        out.push_str(&format!("export {name}\n"));
    }
    let start = if is_set { START_OF_SET } else { START };
    format!("{out}set -euo pipefail\n{start}{WORK}")
}

/// All code of the script: what is neither comment nor data.
fn code(job: &Job<'_>, script: &Script) -> String {
    format!("{}{}{}", head(job, &script.vars), script.body.concat(), end(job))
}

fn end(job: &Job<'_>) -> &'static str {
    if job.target.kind == TargetKind::PermissionSet { END_OF_SET } else { END }
}

/// No command, but who changes such a policy and by what statements, all of it comments.
fn explain(job: &Job<'_>) -> Result<String, RenderError> {
    let who = match job.target.kind {
        TargetKind::SessionPolicy => "whoever calls AssumeRole passes this policy: change it there",
        TargetKind::Scp | TargetKind::Rcp => "the organisation's administrators change this policy: ask them",
        TargetKind::VpcEndpointPolicy => "the owner of the VPC endpoint changes this policy (ec2 modify-vpc-endpoint)",
        TargetKind::FunctionPolicy => "aws lambda add-permission cannot say this: the function's owner must decide",
        _ => "the owner of the resource changes this policy",
    };
    let mut out = String::from("#!/usr/bin/env bash\n");
    let head = [format!("no command here: {who}"), format!("{}:", place(job.target.kind))];
    for line in job.notes.iter().chain(&head) {
        out.push_str(&format!("# {line}\n"));
    }
    for line in format!("{:#}", job.addition).lines() {
        out.push_str(&format!("#   {line}\n"));
    }
    read::check_comments(&out, &job.addition)?;
    Ok(out)
}

fn unfaithful(why: &str) -> RenderError {
    RenderError::Unfaithful { format: Format::Cli, why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::PatchContext;
    use crate::render::tests::{patch_of, sample};

    /// The script with one passage changed must not pass for the document; a changed comment may.
    #[track_caller]
    fn check(kind: TargetKind, from: &str, to: &str, expect: bool) {
        let (patch, context) = (patch_of(kind, "app", sample("k$(x)")), PatchContext::default());
        let job = Job::new(&patch, &context).unwrap();
        let script = script(&job).unwrap().unwrap();
        let script = Script { vars: [environment(&job).unwrap(), script.vars].concat(), ..script };
        let text = write(&job, &script);
        assert!(text.contains(from), "{text}");
        let text = text.replacen(from, to, 1);
        assert_eq!(read::check(&text, &script.vars, &code(&job, &script), &script.data).is_ok(), expect);
    }

    #[test]
    fn a_changed_script_is_refused() {
        use TargetKind::{BucketPolicy, RolePolicy};
        check(RolePolicy, "# undo", "# take back", true);
        check(RolePolicy, "# undo", "undo", false);
        check(RolePolicy, "role=app", "role=app2", false);
        check(RolePolicy, "role=app", "role=app id", false);
        check(RolePolicy, "role=app", "role='app", false);
        check(RolePolicy, "role=app\n", "", false);
        check(RolePolicy, "set -eu", "set -u", false);
        check(RolePolicy, "\"Allow\"", "\"Deny\"", false);
        check(RolePolicy, "<<'DENYWATCH_PATCH'", "<<DENYWATCH_PATCH", false);
        check(RolePolicy, "\nDENYWATCH_PATCH\n", "\nDENYWATCH_PATCH\nid\n", false);
        check(BucketPolicy, "esac", "esac\nid", false);
    }
}
