//! One repository: its branches, files, commits and pull requests.

use super::{GitHub, GitHubError};
use serde_json::{Value, json};
use std::fmt;

/// The most pages of a list that are read, a hundred entries each.
const PAGES_MAX: u32 = 20;

/// `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryName {
    owner: String,
    name: String,
}

impl RepositoryName {
    /// Reads `owner/name`, or the address of a remote as git has it; `None` for anything else.
    ///
    /// ```
    /// use denywatch::io::github::RepositoryName;
    /// let name = |text| RepositoryName::parse(text).map(|name| name.to_string());
    /// assert_eq!(name("git@github.com:acme/infra.git").as_deref(), Some("acme/infra"));
    /// assert_eq!(name("https://github.com/acme/infra").as_deref(), Some("acme/infra"));
    /// assert_eq!(name("acme/../infra"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let path = match text.split_once("://") {
            Some((_, rest)) => rest.split_once('/')?.1,
            None => text.split_once(':').map_or(text, |(_, path)| path),
        };
        let (owner, name) = path.trim_end_matches('/').trim_end_matches(".git").split_once('/')?;
        let plain = |text: &str| {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            !text.is_empty() && text.len() <= 100 && text.bytes().all(fits) && !text.bytes().all(|b| b == b'.')
        };
        (plain(owner) && plain(name)).then(|| Self { owner: owner.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// A file to commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path in the repository.
    pub path: String,
    /// Its whole text.
    pub text: String,
}

/// A pull request that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its number.
    pub number: u64,
    /// Its branch, which is in this repository.
    pub branch: String,
    /// Its Markdown; empty when there is none.
    pub body: String,
    /// Where a person looks at it, as GitHub says.
    pub url: String,
}

/// A pull request that is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Its number.
    pub number: u64,
    /// Whether its change was taken.
    pub merged: bool,
}

/// A repository as the token sees it.
#[derive(Debug, Clone)]
pub struct Repository<'a> {
    github: &'a GitHub,
    name: RepositoryName,
}

impl<'a> Repository<'a> {
    /// Nothing is sent yet.
    pub fn new(github: &'a GitHub, name: RepositoryName) -> Self {
        Self { github, name }
    }

    fn path(&self, rest: &str) -> String {
        format!("/repos/{}{rest}", self.name)
    }

    /// The branch that changes go into unless another is named.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn default_branch(&self) -> Result<String, GitHubError> {
        let what = "read the repository";
        let found = self.github.json(what, "GET", self.path(""), None).await?;
        let branch = found["default_branch"].as_str().filter(|name| is_branch(name));
        branch.map(str::to_owned).ok_or(GitHubError::Answer { what, why: "it names no branch" })
    }

    /// The commit at the end of a branch; `None` when there is no such branch.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn head(&self, branch: &str) -> Result<Option<String>, GitHubError> {
        let what = "read a branch";
        let path = self.path(&format!("/git/ref/heads/{}", encoded(branch)));
        match self.github.json(what, "GET", path, None).await {
            Ok(found) => hash(what, &found["object"]["sha"]).map(Some),
            Err(GitHubError::NotFound { .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// A file's text at a commit or branch; `None` when there is none.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn file(&self, path: &str, at: &str) -> Result<Option<String>, GitHubError> {
        let url = self.path(&format!("/contents/{}?ref={}", encoded(path), encoded_whole(at)));
        self.github.text("read a file", url).await
    }

    /// Makes a commit of these files on a parent; branches stay where they are.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn commit(&self, parent: &str, message: &str, files: &[File]) -> Result<String, GitHubError> {
        let what = "read a commit";
        let found = self.github.json(what, "GET", self.path(&format!("/git/commits/{parent}")), None).await?;
        let base = hash(what, &found["tree"]["sha"])?;
        let modes = self.modes(&base).await?;
        let entry = |file: &File| {
            let mode = modes.iter().find(|(path, _)| *path == file.path).map_or("100644", |(_, mode)| mode.as_str());
            json!({"path": file.path, "mode": mode, "type": "blob", "content": file.text})
        };
        let tree: Vec<Value> = files.iter().map(entry).collect();
        let what = "write the changed files";
        let body = json!({"base_tree": base, "tree": tree});
        let made = self.github.json(what, "POST", self.path("/git/trees"), Some(body)).await?;
        let tree = hash(what, &made["sha"])?;
        let what = "write a commit";
        let body = json!({"message": message, "tree": tree, "parents": [parent]});
        let made = self.github.json(what, "POST", self.path("/git/commits"), Some(body)).await?;
        hash(what, &made["sha"])
    }

    /// How files stand in a tree: an executable one stays executable.
    async fn modes(&self, tree: &str) -> Result<Vec<(String, String)>, GitHubError> {
        let path = self.path(&format!("/git/trees/{tree}?recursive=1"));
        let found = self.github.json("read the tree of files", "GET", path, None).await?;
        let entry = |one: &Value| {
            let mode = one["mode"].as_str().filter(|mode| ["100644", "100755"].contains(mode))?;
            Some((one["path"].as_str()?.to_owned(), mode.to_owned()))
        };
        Ok(found["tree"].as_array().into_iter().flatten().filter_map(entry).collect())
    }

    /// Makes a branch, or moves the one of this name that an earlier run left without a request.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn put_branch(&self, branch: &str, commit: &str) -> Result<(), GitHubError> {
        let body = json!({"ref": format!("refs/heads/{branch}"), "sha": commit});
        match self.github.json("make a branch", "POST", self.path("/git/refs"), Some(body)).await {
            Ok(_) => Ok(()),
            Err(fault) if fault.is_conflict() => self.move_branch(branch, commit, true).await,
            Err(fault) => Err(fault),
        }
    }

    /// Moves a branch; forward only, unless forced.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn move_branch(&self, branch: &str, commit: &str, force: bool) -> Result<(), GitHubError> {
        let path = self.path(&format!("/git/refs/heads/{}", encoded(branch)));
        let body = json!({"sha": commit, "force": force});
        self.github.json("move a branch", "PATCH", path, Some(body)).await.map(drop)
    }

    /// Requests of this repository's own branches that are open against a base.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn open_requests(&self, base: &str) -> Result<Vec<Open>, GitHubError> {
        let all = self.requests(&format!("state=open&base={}", encoded_whole(base))).await?;
        let own = all.iter().filter(|one| self.is_own(one));
        Ok(own.filter_map(open).collect())
    }

    /// Requests of a branch that are closed, the newest first.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn closed_requests(&self, branch: &str) -> Result<Vec<Closed>, GitHubError> {
        let head = encoded_whole(&format!("{}:{branch}", self.name.owner));
        let all = self.requests(&format!("state=closed&head={head}")).await?;
        // GitHub ignores a `head` that it cannot read, and lists everything.
        let of_branch = all.iter().filter(|one| self.is_own(one) && one["head"]["ref"] == branch);
        let closed =
            |one: &Value| Some(Closed { number: one["number"].as_u64()?, merged: one["merged_at"].is_string() });
        Ok(of_branch.filter_map(closed).collect())
    }

    fn is_own(&self, request: &Value) -> bool {
        let name = request["head"]["repo"]["full_name"].as_str();
        name.is_some_and(|name| name.eq_ignore_ascii_case(&self.name.to_string()))
    }

    async fn requests(&self, query: &str) -> Result<Vec<Value>, GitHubError> {
        let what = "list pull requests";
        let mut all = Vec::new();
        for page in 1..=PAGES_MAX {
            let path = self.path(&format!("/pulls?{query}&per_page=100&page={page}"));
            let found = self.github.json(what, "GET", path, None).await?;
            let Value::Array(found) = found else { return Err(GitHubError::Answer { what, why: "it is no list" }) };
            let is_last = found.len() < 100;
            all.extend(found);
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    /// Opens a request.
    ///
    /// # Errors
    /// [`GitHubError`]; [`GitHubError::is_conflict`] where the branch has one already.
    pub async fn open(&self, title: &str, body: &str, branch: &str, base: &str) -> Result<Open, GitHubError> {
        let what = "open a pull request";
        let asked = json!({"title": title, "body": body, "head": branch, "base": base, "maintainer_can_modify": true});
        let made = self.github.json(what, "POST", self.path("/pulls"), Some(asked)).await?;
        open(&made).ok_or(GitHubError::Answer { what, why: "it is no pull request" })
    }

    /// Gives a request that is open another title and body.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn update(&self, number: u64, title: &str, body: &str) -> Result<(), GitHubError> {
        let path = self.path(&format!("/pulls/{number}"));
        let asked = json!({"title": title, "body": body});
        self.github.json("update a pull request", "PATCH", path, Some(asked)).await.map(drop)
    }

    /// Adds labels; those that there are stay.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn label(&self, number: u64, labels: &[String]) -> Result<(), GitHubError> {
        let path = self.path(&format!("/issues/{number}/labels"));
        self.github.json("label a pull request", "POST", path, Some(json!({"labels": labels}))).await.map(drop)
    }

    /// Asks users and teams (`org/team`) to review.
    ///
    /// # Errors
    /// [`GitHubError`], as where one of them may not see the repository.
    pub async fn ask_reviewers(&self, number: u64, names: &[String]) -> Result<(), GitHubError> {
        let (teams, users): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| name.contains('/'));
        let slugs: Vec<&str> = teams.iter().filter_map(|team| team.split_once('/')).map(|(_, slug)| slug).collect();
        let path = self.path(&format!("/pulls/{number}/requested_reviewers"));
        let body = json!({"reviewers": users, "team_reviewers": slugs});
        self.github.json("ask for a review", "POST", path, Some(body)).await.map(drop)
    }
}

fn open(request: &Value) -> Option<Open> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some(Open {
        number: request["number"].as_u64()?,
        branch: request["head"]["ref"].as_str().filter(|name| is_branch(name))?.to_owned(),
        body: text(&request["body"]),
        url: text(&request["html_url"]),
    })
}

/// A commit's or tree's hash: what goes into a path must be one.
fn hash(what: &'static str, value: &Value) -> Result<String, GitHubError> {
    let is_hash = |text: &&str| matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    let found = value.as_str().filter(is_hash).map(str::to_owned);
    found.ok_or(GitHubError::Answer { what, why: "it holds no hash" })
}

/// What git takes as the name of a branch, and a little less.
/// See <https://git-scm.com/docs/git-check-ref-format>.
fn is_branch(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "-_./+@#,=".contains(c);
    !name.is_empty()
        && name.len() <= 244
        && name.chars().all(plain)
        && !name.contains("..")
        && !name.contains("//")
        && !name.starts_with(['/', '-', '.'])
        && !name.ends_with(['/', '.'])
}

/// A path for a URL: all but plain letters as `%XX`, slashes kept.
fn encoded(text: &str) -> String {
    text.split('/').map(encoded_whole).collect::<Vec<_>>().join("/")
}

fn encoded_whole(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => char::from(byte).to_string(),
        b'.' if text != "." && text != ".." => ".".to_owned(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}
