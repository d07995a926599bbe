//! The client and its use case against a server on loopback that keeps branches, files and requests as GitHub does.

use super::{Api, GitHub, GitHubError, Repository, RepositoryName};
use crate::app::pull_request::{Asked, Done, PullRequestError, pull_request};
use crate::edit::Change;
use crate::io::doubles::{Reply, Request, Server};
use crate::io::secret::Secret;
use crate::render::pull_request::{PullRequest, marker};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const TOKEN: &str = "ghp_secretsecretsecret";
const OLD: &str = "a\n";
const NEW: &str = "a\nb\n";

/// What the double keeps: commits by hash, branches, requests.
#[derive(Default)]
struct Forge {
    commits: BTreeMap<String, BTreeMap<String, String>>,
    trees: BTreeMap<String, BTreeMap<String, String>>,
    branches: BTreeMap<String, String>,
    requests: Vec<Value>,
}

impl Forge {
    fn new() -> Self {
        let mut forge = Self::default();
        let files = BTreeMap::from([
            ("infra/main.tf".to_owned(), OLD.to_owned()),
            (".github/CODEOWNERS".to_owned(), "/infra/ @acme/platform @ana\n".to_owned()),
        ]);
        let commit = forge.add(files);
        forge.branches.insert("main".into(), commit);
        forge
    }

    fn add(&mut self, files: BTreeMap<String, String>) -> String {
        let hash = format!("{:040x}", self.commits.len() + 1);
        self.commits.insert(hash.clone(), files.clone());
        self.trees.insert(hash.clone(), files);
        hash
    }

    fn file(&self, branch: &str) -> &str {
        &self.commits[&self.branches[branch]]["infra/main.tf"]
    }

    /// Requests whose state and head are asked for, a page at a time.
    fn list(&self, query: &str) -> Value {
        let field =
            |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap_or_default();
        let head = field("head").replace("%3A", ":").replace("%2F", "/");
        let page: usize = field("page").parse().unwrap();
        let fits = |one: &&Value| {
            one["state"] == field("state")
                && (head.is_empty() || format!("acme:{}", one["head"]["ref"].as_str().unwrap()) == head)
        };
        self.requests.iter().filter(fits).skip((page - 1) * 100).take(100).cloned().collect()
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let path = path.strip_prefix("/api/v3/repos/acme/infra").unwrap_or("?");
        let ok = |value: Value| Reply::new(200, value.to_string());
        let refused = |status: u16, told: &str| Reply::new(status, json!({"message": told}).to_string());
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", [""]) => ok(json!({"default_branch": "main"})),
            ("GET", ["git", "ref", "heads", rest @ ..]) => match self.branches.get(&rest.join("/")) {
                Some(hash) => ok(json!({"object": {"sha": hash}})),
                None => refused(404, "Not Found"),
            },
            ("GET", ["contents", rest @ ..]) => {
                let at = query.strip_prefix("ref=").unwrap();
                let commit = self.branches.get(at).map_or(at, String::as_str);
                match self.commits.get(commit).and_then(|files| files.get(&rest.join("/"))) {
                    Some(text) => Reply::new(200, text.clone()),
                    None => refused(404, "Not Found"),
                }
            }
            ("GET", ["git", "commits", hash]) => ok(json!({"tree": {"sha": hash}})),
            ("GET", ["git", "trees", hash]) => {
                let entry = |path: &String| json!({"path": path, "mode": "100755", "type": "blob"});
                ok(json!({"tree": self.trees[*hash].keys().map(entry).collect::<Vec<_>>()}))
            }
            ("POST", ["git", "trees"]) => {
                let mut files = self.trees[body["base_tree"].as_str().unwrap()].clone();
                for one in body["tree"].as_array().unwrap() {
                    assert_eq!(one["mode"], "100755", "the mode stays");
                    files.insert(one["path"].as_str().unwrap().into(), one["content"].as_str().unwrap().into());
                }
                ok(json!({"sha": self.add(files)}))
            }
            ("POST", ["git", "commits"]) => {
                let files = self.trees[body["tree"].as_str().unwrap()].clone();
                ok(json!({"sha": self.add(files)}))
            }
            ("POST", ["git", "refs"]) => {
                let name = body["ref"].as_str().unwrap().strip_prefix("refs/heads/").unwrap().to_owned();
                if self.branches.contains_key(&name) {
                    return refused(422, "Reference already exists");
                }
                self.branches.insert(name, body["sha"].as_str().unwrap().into());
                Reply::new(201, "{}")
            }
            ("PATCH", ["git", "refs", "heads", rest @ ..]) => {
                self.branches.insert(rest.join("/"), body["sha"].as_str().unwrap().into());
                ok(json!({}))
            }
            ("GET", ["pulls"]) => ok(self.list(query)),
            ("POST", ["pulls"]) => {
                let number = self.requests.len() + 1;
                let made = json!({"number": number, "state": "open", "body": body["body"], "title": body["title"],
                    "merged_at": null, "html_url": format!("https://github.example/acme/infra/pull/{number}"),
                    "head": {"ref": body["head"], "repo": {"full_name": "acme/infra"}}});
                self.requests.push(made.clone());
                Reply::new(201, made.to_string())
            }
            ("PATCH", ["pulls", number]) => {
                let at: usize = number.parse().unwrap();
                self.requests[at - 1]["body"] = body["body"].clone();
                self.requests[at - 1]["title"] = body["title"].clone();
                ok(json!({}))
            }
            ("POST", ["issues", _, "labels"] | ["pulls", _, "requested_reviewers"]) => ok(json!([])),
            _ => refused(404, "Not Found"),
        }
    }
}

/// A server on the forge; `before` may answer first.
fn serve(
    forge: &Arc<Mutex<Forge>>,
    before: impl Fn(&Request, usize) -> Option<Reply> + Send + Sync + 'static,
) -> Server {
    let forge = Arc::clone(forge);
    Server::start(move |request, count| {
        assert_eq!(request.header("authorization"), format!("Bearer {TOKEN}"));
        before(request, count).unwrap_or_else(|| forge.lock().unwrap().answer(request))
    })
}

fn client(server: &Server) -> GitHub {
    let api = Api::parse(&format!("{}/api/v3", server.url())).unwrap();
    GitHub { waits: false, ..GitHub::new(api, Secret::new(TOKEN)) }
}

fn request(id: &str) -> PullRequest {
    let paths = ["infra/main.tf".to_owned()];
    PullRequest {
        branch: format!("denywatch/{id}"),
        title: format!("iam(app): allow s3:PutObject [{id}]"),
        body: format!("<!-- denywatch:finding:{id} -->\nDenied 14 times\n\n{}\n", marker(&paths)),
        labels: vec!["denywatch".into()],
    }
}

fn change() -> Vec<Change> {
    vec![Change { path: "infra/main.tf".into(), before: OLD.into(), after: NEW.into() }]
}

type Outcome = Result<(Done, Vec<String>), PullRequestError>;

fn run_with(server: &Server, request: &PullRequest, again: bool) -> Outcome {
    let changes = change();
    // On any other text the change appends its line.
    let redo = |there: &BTreeMap<String, String>| {
        let text = &there["infra/main.tf"];
        let after = if text.contains("b\n") { text.clone() } else { format!("{text}b\n") };
        (after != "gone\nb\n").then(|| vec![Change { path: "infra/main.tf".into(), before: text.clone(), after }])
    };
    run_changes(server, request, (&changes, &redo), again)
}

fn run_changes(
    server: &Server,
    request: &PullRequest,
    (changes, redo): (&[Change], crate::app::pull_request::Redo<'_>),
    again: bool,
) -> Outcome {
    let asked = Asked { request, changes, redo, base: None, again };
    let github = client(server);
    let repository = Repository::new(&github, RepositoryName::parse("acme/infra").unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(pull_request(&repository, &asked))
}

fn run(server: &Server) -> Outcome {
    run_with(server, &request("D-AAAAAAAAAA"), false)
}

fn forge() -> Arc<Mutex<Forge>> {
    Arc::new(Mutex::new(Forge::new()))
}

fn writes(server: &Server) -> Vec<String> {
    let of = |one: &Request| format!("{} {}", one.method, one.target.trim_start_matches("/api/v3/repos/acme/infra"));
    server.seen().iter().filter(|one| one.method != "GET").map(of).collect()
}

#[test]
fn a_request_is_opened_with_labels_and_owners() {
    let forge = forge();
    let server = serve(&forge, |_, _| None);
    let (done, remarks) = run(&server).unwrap();
    let Done::Opened(open) = done else { panic!("{done:?}") };
    assert_eq!((open.number, open.branch.as_str(), remarks.len()), (1, "denywatch/D-AAAAAAAAAA", 0));
    let held = forge.lock().unwrap();
    assert_eq!((held.file("denywatch/D-AAAAAAAAAA"), held.file("main")), (NEW, OLD));
    let seen = server.seen();
    let asked = seen.iter().find(|one| one.target.ends_with("requested_reviewers")).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&asked.body).unwrap(),
        json!({"reviewers": ["ana"], "team_reviewers": ["platform"]})
    );
}

#[test]
fn a_second_run_repeats_nothing() {
    let forge = forge();
    let server = serve(&forge, |_, _| None);
    run(&server).unwrap();
    let before = writes(&server).len();
    let (done, _) = run(&server).unwrap();
    assert!(matches!(done, Done::Updated(ref open) if open.number == 1), "{done:?}");
    // Title, body and labels are told again; no commit, no second request.
    assert_eq!(writes(&server)[before..], ["PATCH /pulls/1", "POST /issues/1/labels"]);
    assert_eq!(forge.lock().unwrap().requests.len(), 1);
}

#[test]
fn another_finding_of_the_same_file_joins_the_open_request() {
    let forge = forge();
    let server = serve(&forge, |_, _| None);
    run(&server).unwrap();
    // Its branch has gone on since.
    let mut held = forge.lock().unwrap();
    let files = BTreeMap::from([("infra/main.tf".to_owned(), "x\n".to_owned())]);
    let commit = held.add(files);
    held.branches.insert("denywatch/D-AAAAAAAAAA".into(), commit);
    drop(held);
    run_with(&server, &request("D-BBBBBBBBBB"), false).unwrap();
    let held = forge.lock().unwrap();
    assert_eq!((held.requests.len(), held.file("denywatch/D-AAAAAAAAAA")), (1, "x\nb\n"));
    let body = held.requests[0]["body"].as_str().unwrap();
    assert!(body.contains("finding:D-AAAAAAAAAA") && body.contains("finding:D-BBBBBBBBBB"), "{body}");
    assert_eq!(held.requests[0]["title"], "iam: 2 changes [D-AAAAAAAAAA, D-BBBBBBBBBB]");
}

#[test]
fn a_policy_file_has_one_open_request_whatever_else_a_change_touches() {
    let (one, other) = ("infra/main.tf".to_owned(), "infra/other.tf".to_owned());
    let about = |id: &str, paths: &[String]| PullRequest {
        body: format!("<!-- denywatch:finding:{id} -->\nDenied 14 times\n\n{}\n", marker(paths)),
        ..request(id)
    };
    let both = [one.clone(), other.clone()];
    let change = |path: &String| Change { path: path.clone(), before: OLD.into(), after: NEW.into() };
    let open = |server: &Server, id: &str, paths: &[String]| {
        let changes: Vec<Change> = paths.iter().map(change).collect();
        let redo = |there: &BTreeMap<String, String>| {
            let done = |(path, text): (&String, &String)| Change {
                path: path.clone(),
                before: text.clone(),
                after: NEW.into(),
            };
            Some(there.iter().map(done).collect())
        };
        run_changes(server, &about(id, paths), (&changes, &redo), false)
    };
    let with_two = || {
        let forge = forge();
        let mut held = forge.lock().unwrap();
        let mut files = held.commits[&held.branches["main"]].clone();
        files.insert(other.clone(), OLD.into());
        let commit = held.add(files);
        held.branches.insert("main".into(), commit);
        drop(held);
        forge
    };
    // One file first, then both: the same request, which is then about both.
    let forge = with_two();
    let server = serve(&forge, |_, _| None);
    open(&server, "D-AAAAAAAAAA", &both[..1]).unwrap();
    open(&server, "D-BBBBBBBBBB", &both).unwrap();
    let (done, _) = open(&server, "D-CCCCCCCCCC", &both[1..]).unwrap();
    assert!(matches!(done, Done::Updated(ref open) if open.number == 1), "{done:?}");
    assert_eq!(forge.lock().unwrap().requests.len(), 1);
    // Each file has its own; a change of both opens no third.
    let server = serve(&with_two(), |_, _| None);
    open(&server, "D-AAAAAAAAAA", &both[..1]).unwrap();
    open(&server, "D-BBBBBBBBBB", &both[1..]).unwrap();
    let before = writes(&server).len();
    assert!(matches!(open(&server, "D-CCCCCCCCCC", &both), Err(PullRequestError::Several(1, 2))));
    assert_eq!(writes(&server).len(), before);
}

#[test]
fn what_does_not_fit_an_open_request_is_told() {
    let forge = forge();
    let server = serve(&forge, |_, _| None);
    run(&server).unwrap();
    let mut held = forge.lock().unwrap();
    let commit = held.add(BTreeMap::from([("infra/main.tf".to_owned(), "gone\n".to_owned())]));
    held.branches.insert("denywatch/D-AAAAAAAAAA".into(), commit);
    drop(held);
    assert!(matches!(run(&server), Err(PullRequestError::DoesNotFit(1))));
}

#[test]
fn a_closed_request_stays_closed() {
    let forge = forge();
    let server = serve(&forge, |_, _| None);
    run(&server).unwrap();
    forge.lock().unwrap().requests[0]["state"] = "closed".into();
    let before = writes(&server).len();
    assert_eq!(run(&server).unwrap().0, Done::Closed(1));
    assert_eq!(writes(&server).len(), before);
    let (done, _) = run_with(&server, &request("D-AAAAAAAAAA"), true).unwrap();
    assert!(matches!(done, Done::Opened(ref open) if open.branch == "denywatch/D-AAAAAAAAAA-2"), "{done:?}");
    assert_eq!(forge.lock().unwrap().requests[0]["state"], "closed");
}

#[test]
fn a_merged_request_makes_way_for_another() {
    let forge = forge();
    let server = serve(&forge, |_, _| None);
    run(&server).unwrap();
    let mut held = forge.lock().unwrap();
    held.requests[0]["state"] = "closed".into();
    held.requests[0]["merged_at"] = "2026-11-20T10:00:00Z".into();
    drop(held);
    let (done, _) = run(&server).unwrap();
    assert!(matches!(done, Done::Opened(ref open) if open.branch.ends_with("-2")), "{done:?}");
}

#[test]
fn a_branch_left_by_a_broken_run_is_taken_over() {
    let forge = forge();
    let broken =
        serve(&forge, |one, _| (one.method == "POST" && one.target.ends_with("/pulls")).then(|| Reply::new(500, "{}")));
    assert!(matches!(run(&broken), Err(PullRequestError::GitHub(GitHubError::Refused { status: 500, .. }))));
    let server = serve(&forge, |_, _| None);
    assert!(matches!(run(&server).unwrap().0, Done::Opened(_)));
}

#[test]
fn an_answer_that_got_lost_opens_no_second_request() {
    let forge = forge();
    let state = Arc::clone(&forge);
    let server = serve(&forge, move |one, _| {
        let is_open = one.method == "POST" && one.target.ends_with("/pulls");
        if !is_open {
            return None;
        }
        let mut held = state.lock().unwrap();
        if held.requests.is_empty() {
            held.answer(one);
            return Some(Reply::new(502, "<html>bad gateway</html>"));
        }
        Some(Reply::new(
            422,
            json!({"message": "Validation Failed", "errors": [{"message": "A pull request already exists"}]})
                .to_string(),
        ))
    });
    let (done, _) = run(&server).unwrap();
    assert!(matches!(done, Done::Opened(ref open) if open.number == 1), "{done:?}");
    assert_eq!(forge.lock().unwrap().requests.len(), 1);
}

#[test]
fn a_stale_checkout_is_refused() {
    let forge = forge();
    let server = serve(&forge, |_, _| None);
    let mut held = forge.lock().unwrap();
    let commit = held.add(BTreeMap::from([("infra/main.tf".to_owned(), "newer\n".to_owned())]));
    held.branches.insert("main".into(), commit);
    drop(held);
    let fault = run(&server).unwrap_err().to_string();
    assert_eq!(fault, "`infra/main.tf` here differs from `main` on GitHub: pull or push first");
    assert!(writes(&server).is_empty());
}

#[test]
fn many_requests_are_read_page_by_page() {
    let forge = forge();
    let server = serve(&forge, |_, _| None);
    let other = |number: usize| {
        json!({"number": number, "state": "open", "body": null, "merged_at": null, "html_url": "",
            "head": {"ref": format!("b{number}"), "repo": {"full_name": "acme/infra"}}})
    };
    forge.lock().unwrap().requests = (1..=250).map(other).collect();
    run(&server).unwrap();
    let (done, _) = run(&server).unwrap();
    assert!(matches!(done, Done::Updated(ref open) if open.number == 251), "{done:?}");
    // One of a fork is not ours, whatever it says.
    let mut held = forge.lock().unwrap();
    held.requests[250]["head"]["repo"]["full_name"] = "evil/infra".into();
    drop(held);
    assert!(matches!(run(&server).unwrap().0, Done::Opened(ref open) if open.number == 252));
}

/// The error where the server answers everything with one reply, and how often it was asked.
#[track_caller]
fn check(reply: Reply, expect: &str, times: usize) {
    let server = Server::start(move |_, _| reply.clone());
    let fault = run(&server).unwrap_err();
    let told = format!("{fault} {fault:?}");
    assert!(fault.to_string().starts_with(expect), "{fault}");
    assert_eq!(server.seen().len(), times, "{fault}");
    assert!(!told.contains(TOKEN) && !told.contains("127.0.0.1"), "{told}");
}

#[test]
fn refusals_are_told_apart() {
    let told = |status: u16, message: &str| Reply::new(status, json!({"message": message}).to_string());
    check(told(401, "Bad credentials"), "GitHub refuses the token", 1);
    check(told(403, "Resource not accessible"), "the token may not read the repository: it needs", 1);
    check(told(404, "Not Found"), "not found, or not for this token: read the repository", 1);
    check(told(409, "Git Repository is empty."), "GitHub answers 409 when asked to read the repository: Git Rep", 1);
    check(
        told(422, "x\u{1b}[31m\n\u{202e}y"),
        "GitHub answers 422 when asked to read the repository: x\\u{1b}[31m\\n\\u{202e}y",
        1,
    );
    check(told(301, "Moved Permanently").with("location", "http://evil.example/"), "GitHub answers 301", 1);
    check(told(429, "slow down").with("retry-after", "1"), "GitHub limits the rate: try again in 1 s", 3);
    check(told(429, "slow down").with("retry-after", "3600"), "GitHub limits the rate: try again in 3600 s", 1);
    check(
        told(403, "secondary rate limit").with("retry-after", "120"),
        "GitHub limits the rate: try again in 120 s",
        1,
    );
    check(told(429, "slow down"), "GitHub limits the rate: try again later", 3);
    check(told(403, "API rate limit exceeded for user"), "GitHub limits the rate: try again later", 1);
    check(told(503, "unicorn"), "GitHub answers 503", 3);
}

#[test]
fn hostile_answers_are_not_used() {
    check(
        Reply::new(200, "<html>"),
        "GitHub's answer when asked to read the repository is not understood: it is no JSON",
        1,
    );
    check(
        Reply::new(200, "{}"),
        "GitHub's answer when asked to read the repository is not understood: it names no branch",
        1,
    );
    for bad in ["../../orgs", "a b", "a\r\nx: y", "-x", "", "a..b"] {
        check(Reply::new(200, json!({"default_branch": bad}).to_string()), "GitHub's answer when asked to read", 1);
    }
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    check(
        Reply::new(200, deep),
        "GitHub's answer when asked to read the repository is not understood: it is no JSON",
        1,
    );
    let forge = forge();
    let server = serve(&forge, |one, _| {
        one.target
            .contains("/git/ref/")
            .then(|| Reply::new(200, json!({"object": {"sha": "../../../user"}}).to_string()))
    });
    let fault = run(&server).unwrap_err().to_string();
    assert_eq!(fault, "GitHub's answer when asked to read a branch is not understood: it holds no hash");
}

#[test]
fn a_server_that_hangs_up_is_asked_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            *seen.lock().unwrap() += 1;
            drop(stream);
        }
    });
    let api = Api::parse(&format!("http://{address}")).unwrap();
    let github = GitHub { waits: false, ..GitHub::new(api, Secret::new(TOKEN)) };
    let repository = Repository::new(&github, RepositoryName::parse("acme/infra").unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fault = runtime.block_on(repository.default_branch()).unwrap_err();
    assert!(matches!(fault, GitHubError::NoAnswer(_)), "{fault}");
    assert!(!fault.to_string().contains(&address.to_string()), "{fault}");
    assert_eq!(*count.lock().unwrap(), 3);
}

#[test]
fn a_review_that_cannot_be_asked_for_is_a_remark() {
    let forge = forge();
    let server = serve(&forge, |one, _| {
        one.target.ends_with("requested_reviewers").then(|| {
            Reply::new(422, json!({"message": "Reviews may only be requested from collaborators"}).to_string())
        })
    });
    let (done, remarks) = run(&server).unwrap();
    assert!(matches!(done, Done::Opened(_)));
    assert!(remarks.len() == 1 && remarks[0].starts_with("no review asked for: GitHub answers 422"), "{remarks:?}");
}

#[test]
fn names_of_repositories() {
    let check = |text: &str, expect: Option<&str>| {
        assert_eq!(RepositoryName::parse(text).map(|name| name.to_string()).as_deref(), expect, "{text}");
    };
    check("acme/infra", Some("acme/infra"));
    check("git@github.com:acme/infra.git", Some("acme/infra"));
    check("ssh://git@github.example:22/acme/infra.git", Some("acme/infra"));
    check("https://github.com/acme/infra.js/", Some("acme/infra.js"));
    for bad in ["", "acme", "acme/", "/infra", "acme/infra/x", "acme/..", "a b/c", "acme/$(id)", "https://github.com"] {
        check(bad, None);
    }
}

/// A connector on which nothing is answered in time.
#[derive(Debug, Clone, Default)]
struct Silent(Arc<Mutex<usize>>);

impl HttpConnector for Silent {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        *self.0.lock().unwrap() += 1;
        HttpConnectorFuture::ready(Err(ConnectorError::timeout("too slow".into())))
    }
}

#[test]
fn what_is_not_answered_in_time_is_asked_again() {
    let silent = Silent::default();
    let connector = SharedHttpConnector::new(silent.clone());
    let github = GitHub { connector, waits: false, ..GitHub::new(Api::default(), Secret::new(TOKEN)) };
    let repository = Repository::new(&github, RepositoryName::parse("acme/infra").unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fault = runtime.block_on(repository.default_branch()).unwrap_err();
    assert_eq!(fault.to_string(), "GitHub: no answer within 10 s");
    assert_eq!(*silent.0.lock().unwrap(), 3);
}
