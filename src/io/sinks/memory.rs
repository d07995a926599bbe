//! The double: keeps what it is sent, and fails on request.

use super::{Message, Sending, Sink, SinkError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps messages in memory. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemorySink {
    name: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    kept: Vec<Message>,
    failures: VecDeque<SinkError>,
}

impl MemorySink {
    /// An empty one.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), state: Arc::default() }
    }

    /// The next message fails so; calls queue up.
    pub fn fail_next(&self, error: SinkError) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failures.push_back(error);
    }

    /// All messages that went through, in order.
    pub fn kept(&self) -> Vec<Message> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).kept.clone()
    }
}

impl Sink for MemorySink {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let done = match state.failures.pop_front() {
            Some(error) => Err(error),
            None => {
                state.kept.push(message.clone());
                Ok(None)
            }
        };
        Box::pin(std::future::ready(done))
    }
}
