//! What the gateway did, as it happens: every exchange becomes one line, the last ones are kept, and whoever looks
//! is told the rest.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use perennial_edge::problem;
use perennial_gateway::Exchange;
use perennial_protocol::{refusal::Refusal, session::EndReason};
use perennial_service::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::sync::broadcast::{Receiver, Sender, error::RecvError};

/// How many exchanges are kept for whoever comes later.
const KEPT: usize = 200;

/// How many may look at once: each holds a connection.
const WATCHERS_MAX: usize = 64;

/// The live view.
pub(super) struct Live(Mutex<State>);

struct State {
    lines: VecDeque<Line>,
    /// `None` when the process is about to end.
    tell: Option<Sender<Line>>,
    next: i64,
}

#[derive(Clone)]
struct Line {
    id: i64,
    text: Arc<str>,
}

impl Default for Live {
    fn default() -> Self {
        // Ids rise over restarts, so that a page which comes back misses nothing.
        let next = SystemClock.now().0 * 1000;
        Self(Mutex::new(State { lines: VecDeque::new(), tell: Some(Sender::new(KEPT)), next }))
    }
}

impl Live {
    /// Tells of every exchange, until there are no more.
    pub(super) async fn follow(&self, mut exchanges: Receiver<Arc<Exchange>>) {
        loop {
            match exchanges.recv().await {
                Ok(exchange) => self.note(&exchange),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn note(&self, exchange: &Exchange) {
        let text: Arc<str> = described(exchange).to_string().into();
        self.with(|state| {
            let line = Line { id: state.next, text };
            state.next += 1;
            state.lines.truncate(KEPT - 1);
            state.lines.push_front(line.clone());
            if let Some(tell) = &state.tell {
                let _ = tell.send(line);
            }
        });
    }

    /// Everybody who looks is let go.
    pub(super) fn end(&self) {
        self.with(|state| state.tell = None);
    }

    /// The lines after `last`, oldest first, and every further one; nothing where too many look already.
    pub(super) fn stream(&self, last: i64) -> Option<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>> {
        let (kept, receiver) = self.with(|state| {
            let tell = state.tell.as_ref().filter(|tell| tell.receiver_count() < WATCHERS_MAX)?;
            let kept: Vec<Line> = state.lines.iter().rev().filter(|line| line.id > last).cloned().collect();
            Some((kept, tell.subscribe()))
        })?;
        let rest = stream::unfold(receiver, |mut receiver| async {
            loop {
                match receiver.recv().await {
                    Ok(line) => return Some((line, receiver)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        let event = |line: Line| Ok(Event::default().id(line.id.to_string()).data(&*line.text));
        Some(Sse::new(stream::iter(kept).chain(rest).map(event)).keep_alive(KeepAlive::default()))
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An exchange for people.
fn described(exchange: &Exchange) -> Value {
    let phases: Vec<Value> =
        exchange.phases.iter().map(|(name, took)| json!([name, took.as_secs_f64() * 1000.0])).collect();
    json!({
        "at": SystemClock.now(),
        "method": exchange.method.as_str(),
        "path": exchange.path,
        "status": exchange.status,
        "verdict": exchange.verdict,
        "session": exchange.session.as_ref().map(|session| session.as_str()),
        "renewed": exchange.renewed,
        "replayed": exchange.replayed,
        "theft": matches!(exchange.refusal, Some(Refusal::SessionEnded(EndReason::Reuse))),
        "why": exchange.refusal.as_ref().map(problem::detail),
        "phases": phases,
    })
}
