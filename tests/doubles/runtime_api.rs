//! Lambda's Runtime API: hands out events one by one and keeps the answers.
//! See <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use super::{Reply, Request, Server};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, SystemTime};

/// What the function said to one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The body of its response.
    Response(String),
    /// The body of its error.
    Error(String),
}

/// The Runtime API with a list of events to hand out.
pub struct RuntimeApi {
    server: Server,
    said: Receiver<Said>,
}

impl RuntimeApi {
    /// Serves `events` in turn, each with `limit` to its deadline; then it hands out no more and keeps the function waiting.
    pub fn start(events: Vec<String>, limit: Duration) -> Self {
        let (tell, said) = channel();
        let (events, tell) = (Mutex::new(events.into_iter()), Mutex::new(tell));
        let server = Server::start(move |request: &Request, _| {
            if request.target.ends_with("/invocation/next") {
                let event = events.lock().unwrap().next();
                return match event {
                    Some(event) => next(&event, limit),
                    None => {
                        std::thread::sleep(Duration::from_secs(600));
                        Reply::new(500, "")
                    }
                };
            }
            let body = request.body.clone();
            let said = if request.target.ends_with("/response") { Said::Response(body) } else { Said::Error(body) };
            // The test may have ended.
            let _ = tell.lock().unwrap().send(said);
            Reply::new(202, "")
        });
        Self { server, said }
    }

    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> String {
        self.server.authority()
    }

    /// What the function says next.
    pub fn wait(&self, at_most: Duration) -> Result<Said, RecvTimeoutError> {
        self.said.recv_timeout(at_most)
    }
}

fn next(event: &str, limit: Duration) -> Reply {
    let deadline = SystemTime::now() + limit;
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis().to_string();
    Reply::new(200, event)
        .with("content-type", "application/json")
        .with("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        .with("lambda-runtime-deadline-ms", &deadline)
        .with("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-2:111122223333:function:denywatch")
        .with("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
}
