//! HTTP as bytes: what no client would send, and exactly what comes back.

mod parse;
mod table;
mod upstream;

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

pub use parse::RawAnswer;
pub use table::{Case, table};
pub use upstream::RawUpstream;

/// A connection. It blocks the thread that uses it.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// Everything that came back for some bytes.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub answers: Vec<RawAnswer>,
    /// What came and is no whole answer.
    pub rest: Vec<u8>,
    /// Whether the other side closed the connection.
    pub closed: bool,
}

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Bytes,
    Closed,
    Silence,
}

impl Raw {
    /// A connection to `127.0.0.1:PORT` or `http://HOST:PORT`.
    pub fn connect(address: &str) -> Self {
        let address = address.trim_start_matches("http://").trim_end_matches('/').replace("localhost", "127.0.0.1");
        let stream = TcpStream::connect(&address).unwrap_or_else(|error| panic!("{address}: {error}"));
        stream.set_nodelay(true).expect("a connection's option can be set");
        Self { stream, unread: Vec::new() }
    }

    /// Sends exactly these bytes; that the other side is gone shows in what comes back.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next whole answer; nothing if the connection closes or the time passes before its end.
    pub fn answer(&mut self, limit: Duration) -> Option<RawAnswer> {
        let until = Instant::now() + limit;
        loop {
            if let Some((answer, bytes)) = RawAnswer::parse(&self.unread) {
                self.unread.drain(..bytes);
                return Some(answer);
            }
            match self.hear(until) {
                Heard::Bytes => {}
                Heard::Silence => return None,
                Heard::Closed => {
                    return RawAnswer::parse_closed(&self.unread).inspect(|_| self.unread.clear());
                }
            }
        }
    }

    /// Every byte until the connection closes or this time has passed, and whether it closed.
    pub fn rest(&mut self, limit: Duration) -> (Vec<u8>, bool) {
        let until = Instant::now() + limit;
        loop {
            match self.hear(until) {
                Heard::Bytes => {}
                Heard::Closed => return (std::mem::take(&mut self.unread), true),
                Heard::Silence => return (std::mem::take(&mut self.unread), false),
            }
        }
    }

    fn hear(&mut self, until: Instant) -> Heard {
        let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
            return Heard::Silence;
        };
        self.stream.set_read_timeout(Some(left)).expect("a connection's option can be set");
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Heard::Closed,
            Ok(bytes) => {
                self.unread.extend_from_slice(&buffer[..bytes]);
                Heard::Bytes
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Heard::Silence,
            Err(error) if error.kind() == ErrorKind::Interrupted => Heard::Bytes,
            Err(_) => Heard::Closed,
        }
    }
}

/// Sends bytes on a connection of their own and takes what comes back until it closes, or until this much time
/// has passed: a connection that stays open costs all of it.
pub fn exchange(address: &str, bytes: impl AsRef<[u8]>, limit: Duration) -> Exchange {
    let mut raw = Raw::connect(address);
    raw.send(bytes);
    let (mut rest, closed) = raw.rest(limit);
    let mut answers = Vec::new();
    while let Some((answer, bytes)) = RawAnswer::parse(&rest) {
        answers.push(answer);
        rest.drain(..bytes);
    }
    if closed && let Some(answer) = RawAnswer::parse_closed(&rest) {
        answers.push(answer);
        rest.clear();
    }
    Exchange { answers, rest, closed }
}

impl Exchange {
    /// The statuses in their order and what became of the connection: `200 400 closed`, `101 open`, `silent`.
    pub fn outcome(&self) -> String {
        let mut words: Vec<String> = self.answers.iter().map(|answer| answer.status.to_string()).collect();
        if !self.rest.is_empty() {
            words.push(format!("{} bytes", self.rest.len()));
        }
        let end = match (self.closed, words.is_empty()) {
            (true, _) => "closed",
            (false, true) => "silent",
            (false, false) => "open",
        };
        words.push(end.to_owned());
        words.join(" ")
    }
}
