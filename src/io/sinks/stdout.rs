//! Text on a stream: subject, an empty line, body.

#[cfg(all(test, feature = "aws"))]
use super::Receipt;
use super::{Message, Sending, Sink, SinkError};
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Writes messages to a stream, usually standard output.
#[derive(Debug)]
pub struct StreamSink<W>(Mutex<W>);

impl StreamSink<io::Stdout> {
    /// To standard output.
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }
}

impl<W: Write + Send> StreamSink<W> {
    /// To any stream.
    pub fn new(stream: W) -> Self {
        Self(Mutex::new(stream))
    }

    fn write(&self, message: &Message) -> io::Result<()> {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(stream, "{}\n\n{}", message.subject, message.body.trim_end())?;
        stream.flush()
    }
}

impl<W: Write + Send> Sink for StreamSink<W> {
    fn name(&self) -> &'static str {
        "stdout"
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        let done =
            self.write(message).map(|()| None).map_err(|error| SinkError::Permanent(format!("cannot write: {error}")));
        Box::pin(std::future::ready(done))
    }
}

#[cfg(all(test, feature = "aws"))]
mod tests {
    use super::*;
    use std::task::{Context, Poll, Waker};

    /// The sink is ready at once, so no runtime is needed.
    fn done(mut sending: Sending<'_>) -> Result<Option<Receipt>, SinkError> {
        match sending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => done,
            Poll::Pending => unreachable!("a stream does not wait"),
        }
    }

    #[test]
    fn subject_and_body() {
        let sink = StreamSink::new(Vec::new());
        let message = Message { id: "D-1".into(), subject: "s".into(), body: "b\n".into(), ..Message::default() };
        done(sink.send(&message)).unwrap();
        assert_eq!(sink.0.into_inner().unwrap(), b"s\n\nb\n");
    }
}
