//! `denywatch pr`: a finding's patch as a pull request in the code that it belongs to.

use super::into::{IntoArgs, words};
use super::patch::{UNCLEAR, UPHELD, chosen};
use super::{DONE, Global, Output, UNREAD, inputs, print};
use crate::advice::{Advice, advise};
use crate::app::audience::Audience;
use crate::delivery::CodePlace;
use crate::edit::{self, Change, Edited, Hints, SourceFile, Wanted, owners, unified};
use crate::io::sources::checkout::{Checkout, checkout};
use crate::io::sources::code;
use crate::io::stores::Filter;
use crate::patch::Patch;
use crate::render::escape::terminal_lines;
use crate::render::pull_request::{Changed, PullRequest, pull_request};
use crate::render::{self, PatchContext};
use crate::triage::Verdict;
use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A wrong use that the parser of the arguments cannot see.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "github"), allow(dead_code, reason = "this build only shows requests"))]
pub(super) enum Misuse {
    #[error("`pr` talks to GitHub and `--offline` forbids it: `--dry-run` shows the request")]
    Offline,
    #[error(
        "no token: set DENYWATCH_GITHUB_TOKEN (or GH_TOKEN, GITHUB_TOKEN), or name a secret with --token-secret; `--dry-run` needs none"
    )]
    NoToken,
    #[error("`{0}` is in no repository with a remote `origin`: name it with --repo OWNER/NAME")]
    NoRepository(String),
    #[error("`{0}` is no repository: expected OWNER/NAME")]
    BadRepository(String),
    #[error(
        "the finding's route has its code in `{folder}` of `{repository}`, and that folder is not here: call it in a checkout, or name the folder with --into"
    )]
    NotHere { folder: String, repository: String },
    #[error(
        "the finding's route has its code in `{0}`, and this checkout is of another repository: go there, or name one with --repo"
    )]
    Elsewhere(String),
    #[error("`--api`: {0}")]
    Api(String),
}

#[derive(Debug, Args)]
pub(super) struct PrArgs {
    /// A finding's id in the ledger, or the beginning of it.
    #[arg(value_name = "ID")]
    id: String,
    /// Show branch, title, body and diff, and send nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    into: IntoArgs,
    /// Which of the finding's policies, counted from 1 in the order of its patches; else the proven one, or the first.
    #[arg(long, value_name = "N")]
    target: Option<usize>,
    #[command(flatten)]
    github: GitHubArgs,
}

/// Where the request is opened.
#[derive(Debug, Args)]
#[cfg_attr(not(feature = "github"), allow(dead_code, reason = "this build only shows requests"))]
struct GitHubArgs {
    /// The repository; else that of the remote `origin`.
    #[arg(long, value_name = "OWNER/NAME")]
    repo: Option<String>,
    /// The branch to go into; else the repository's own.
    #[arg(long, value_name = "BRANCH")]
    base: Option<String>,
    /// GitHub's API; that of a GitHub Enterprise Server is https://HOST/api/v3.
    #[arg(long, value_name = "URL", env = "GITHUB_API_URL", default_value = "https://api.github.com")]
    api: String,
    /// The secret that holds the token: an ARN of Secrets Manager or Parameter Store, or `ssm:NAME`. Else the token is
    /// in DENYWATCH_GITHUB_TOKEN, GH_TOKEN or GITHUB_TOKEN.
    #[arg(long, value_name = "NAME")]
    token_secret: Option<String>,
    /// Open another request where a person closed the first one.
    #[arg(long)]
    again: bool,
}

pub(super) fn run(args: &PrArgs, global: &Global) -> anyhow::Result<u8> {
    if global.offline && !args.dry_run {
        return Err(Misuse::Offline.into());
    }
    let (world, mut problems) = inputs::world(global)?;
    let ledger = inputs::ledger(global)?;
    let all = advise(&ledger.findings(&Filter::default())?, world.context());
    let advice = inputs::pick(&all, &args.id)?;
    let patches: Vec<&Patch> = advice.patches.iter().filter(|patch| patch.document.is_some()).collect();
    if patches.is_empty() {
        print::problems(&problems);
        print::say(false, &format!("{}: nothing to patch: {}", advice.id, advice.diagnosis.summary));
        return Ok(if advice.verdict == Verdict::Unclear { UNCLEAR } else { UPHELD });
    }
    let patch = patches[chosen(&patches, args.target)?];
    let settings = inputs::settings(global)?;
    let home = Audience::new(&settings).code(advice, &world.tags(advice));
    let folder = folder(args, home.as_ref())?;
    let (files, more) = code::read(&folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    problems.extend(more);
    let place = checkout(&folder);
    agree(args, home.as_ref(), place.as_ref())?;
    let home = home.map(|home| home.repository);
    let source = Source { advice, patch, files, hints: args.into.hints()?, place, home };
    let (edited, more) = source.edit(&BTreeMap::new())?;
    problems.extend(more);
    print::problems(&problems);
    let code = match edited {
        Edited::Changed { changes, notes } => {
            changed(args, &source, &source.in_repository(changes), &notes, &folder, global)?
        }
        Edited::Already(found) => {
            print::say(global.quiet, &format!("nothing to change: {}", words(&found)));
            DONE
        }
        Edited::Full(places) => {
            places.iter().for_each(|place| print::say(false, &words(place)));
            print::say(
                false,
                "there is no room for it, so there is no request: `denywatch patch ID --into DIR` prints a policy of its own",
            );
            UNCLEAR
        }
        Edited::Undecided(places) => {
            places.iter().for_each(|place| print::say(false, &words(place)));
            print::say(
                false,
                "no single place is certain, so there is no request: `denywatch patch ID --into DIR` prints a policy of its own",
            );
            UNCLEAR
        }
    };
    Ok(if problems.is_empty() { code } else { UNREAD })
}

/// The folder with the code: named, or the route's, or this one.
fn folder(args: &PrArgs, home: Option<&CodePlace>) -> anyhow::Result<PathBuf> {
    let of_route = home.and_then(|home| home.folder.as_ref());
    match (&args.into.into, of_route) {
        (Some(named), _) => Ok(named.clone()),
        (None, Some(folder)) if Path::new(folder).is_dir() => Ok(PathBuf::from(folder)),
        (None, Some(folder)) => {
            let repository = home.map(|home| home.repository.clone()).unwrap_or_default();
            Err(Misuse::NotHere { folder: folder.clone(), repository }.into())
        }
        (None, None) => Ok(PathBuf::from(".")),
    }
}

/// The code that is read must be that of the repository that is written to.
fn agree(args: &PrArgs, home: Option<&CodePlace>, place: Option<&Checkout>) -> anyhow::Result<()> {
    let (None, Some(home)) = (&args.github.repo, home) else { return Ok(()) };
    let Some(origin) = place.and_then(|place| place.origin.as_deref()) else { return Ok(()) };
    let ends = origin.trim_end_matches('/').trim_end_matches(".git").to_ascii_lowercase();
    let wanted = home.repository.to_ascii_lowercase();
    match ends.ends_with(&format!("/{wanted}")) || ends.ends_with(&format!(":{wanted}")) {
        true => Ok(()),
        false => Err(Misuse::Elsewhere(home.repository.clone()).into()),
    }
}

/// The code, and what is to be changed in it.
struct Source<'a> {
    advice: &'a Advice,
    patch: &'a Patch,
    files: Vec<SourceFile>,
    hints: Hints,
    place: Option<Checkout>,
    /// The repository that the finding's route names.
    #[cfg_attr(not(feature = "github"), allow(dead_code, reason = "this build only shows requests"))]
    home: Option<String>,
}

impl Source<'_> {
    /// The change, with some files of other text; their paths are the repository's.
    fn edit(&self, other: &BTreeMap<String, String>) -> anyhow::Result<(Edited, Vec<crate::record::Problem>)> {
        let context = PatchContext { finding: Some(self.advice.id.clone()), ..PatchContext::default() };
        let name = render::policy_name(self.patch, &context)?;
        let wanted = Wanted { patch: self.patch, principal: &self.advice.principal, name: &name };
        let text = |file: &SourceFile| other.get(&self.path(&file.path)).unwrap_or(&file.text).clone();
        let files: Vec<SourceFile> =
            self.files.iter().map(|file| SourceFile { path: file.path.clone(), text: text(file) }).collect();
        Ok(edit::edit(&wanted, &files, &self.hints))
    }

    /// A path of the folder as the repository has it.
    fn path(&self, path: &str) -> String {
        match self.place.as_ref().map(|place| place.inside.as_str()) {
            None | Some("") => path.to_owned(),
            Some(inside) => format!("{inside}/{path}"),
        }
    }

    fn in_repository(&self, changes: Vec<Change>) -> Vec<Change> {
        changes.into_iter().map(|change| Change { path: self.path(&change.path), ..change }).collect()
    }
}

fn changed(
    args: &PrArgs,
    source: &Source<'_>,
    changes: &[Change],
    notes: &[String],
    folder: &Path,
    global: &Global,
) -> anyhow::Result<u8> {
    let paths: Vec<String> = changes.iter().map(|change| change.path.clone()).collect();
    let told = Changed { paths: &paths, added: added(changes), notes };
    let request = pull_request(source.advice, source.patch, told).context("this patch has no document")?;
    if args.dry_run {
        return shown(&request, source, changes, args, global);
    }
    send(args, source, &request, changes, folder, global)
}

/// Terraform's resources that the change makes.
fn added(changes: &[Change]) -> usize {
    let count = |text: &str| text.lines().filter(|line| line.trim_start().starts_with("resource \"")).count();
    changes.iter().map(|change| count(&change.after).saturating_sub(count(&change.before))).sum()
}

/// What would be sent; reviewers as the CODEOWNERS here has them.
fn shown(
    request: &PullRequest,
    source: &Source<'_>,
    changes: &[Change],
    args: &PrArgs,
    global: &Global,
) -> anyhow::Result<u8> {
    let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    let rules = source.place.as_ref().and_then(|place| place.codeowners.as_deref()).unwrap_or_default();
    let reviewers = owners(rules, &paths);
    let diff = unified(changes);
    let PullRequest { branch, title, body, labels } = request;
    if global.output != Output::Text {
        let value = json!({"branch": branch, "base": args.github.base, "title": title, "body": body, "labels": labels,
            "reviewers": reviewers, "files": paths, "diff": diff});
        print::json(&value, global.output == Output::Json)?;
        return Ok(DONE);
    }
    let names = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let head = format!("branch: {branch}\ntitle: {title}\nlabels: {}\nreviewers: {}", names(labels), names(&reviewers));
    print::out(&format!("{}\n\n{}\n{}", terminal_lines(&head), terminal_lines(body), terminal_lines(&diff)))?;
    Ok(DONE)
}

#[cfg(feature = "github")]
fn send(
    args: &PrArgs,
    source: &Source<'_>,
    request: &PullRequest,
    changes: &[Change],
    folder: &Path,
    global: &Global,
) -> anyhow::Result<u8> {
    use crate::app::pull_request::{Asked, Done, pull_request};
    use crate::io::github::{Api, GitHub, Repository, RepositoryName};
    let api = Api::parse(&args.github.api).map_err(|fault| Misuse::Api(fault.to_string()))?;
    let origin = source.place.as_ref().and_then(|place| place.origin.as_ref());
    let name = match (args.github.repo.as_ref().or(source.home.as_ref()), origin) {
        (Some(named), _) => RepositoryName::parse(named).ok_or_else(|| Misuse::BadRepository(named.clone()))?,
        (None, Some(origin)) => {
            RepositoryName::parse(origin).ok_or_else(|| Misuse::NoRepository(folder.display().to_string()))?
        }
        (None, None) => return Err(Misuse::NoRepository(folder.display().to_string()).into()),
    };
    let redo = |there: &BTreeMap<String, String>| match source.edit(there) {
        Ok((Edited::Changed { changes, .. }, _)) => Some(source.in_repository(changes)),
        Ok((Edited::Already(_), _)) => Some(Vec::new()),
        Ok((Edited::Undecided(_) | Edited::Full(_), _)) | Err(_) => None,
    };
    let asked = Asked { request, changes, redo: &redo, base: args.github.base.as_deref(), again: args.github.again };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (done, remarks) = runtime.block_on(async {
        let github = GitHub::new(api, token(args.github.token_secret.as_deref()).await?);
        let repository = Repository::new(&github, name);
        anyhow::Ok(pull_request(&repository, &asked).await?)
    })?;
    remarks.iter().for_each(|remark| print::say(global.quiet, remark));
    let (word, number, url) = match &done {
        Done::Opened(open) => ("opened", open.number, Some(&open.url)),
        Done::Updated(open) => ("updated", open.number, Some(&open.url)),
        Done::Closed(number) => ("closed", *number, None),
    };
    if global.output != Output::Text {
        print::json(&json!({"outcome": word, "number": number, "url": url}), global.output == Output::Json)?;
    } else if let Some(url) = url {
        print::out(&format!("{word} #{number}: {}\n", crate::render::escape::terminal(url)))?;
    }
    if matches!(done, Done::Closed(_)) {
        print::say(false, &format!("#{number} was closed by a person: nothing was done; --again opens another"));
    }
    Ok(DONE)
}

#[cfg(feature = "github")]
async fn token(secret: Option<&str>) -> anyhow::Result<crate::io::secret::Secret> {
    use crate::io::aws::secret::Secrets;
    use crate::io::aws::{Aws, Options};
    use crate::io::secret::SecretRef;
    let Some(name) = secret else {
        return Ok(crate::io::config::github_token().ok_or(Misuse::NoToken)?);
    };
    let name = SecretRef::parse("--token-secret", name)?;
    let region = name.region().map(str::to_owned);
    let aws = Aws::load(&Options { profile: None, region }).await;
    Ok(Secrets::new(aws.signed().clone()).get(&name).await?)
}

#[cfg(not(feature = "github"))]
fn send(_: &PrArgs, _: &Source<'_>, _: &PullRequest, _: &[Change], _: &Path, _: &Global) -> anyhow::Result<u8> {
    anyhow::bail!(
        "this build cannot reach GitHub: build it with `cargo build --release --features github`, or add --dry-run"
    )
}
