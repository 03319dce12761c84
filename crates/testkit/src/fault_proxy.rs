//! A TCP proxy that breaks what passes, as planned: connections and exchanges are counted from 1.
//!
//! It knows no HTTP. An exchange begins with the first bytes from the client, or with the first that follow
//! bytes from the target; that is a request of HTTP/1.1 where nobody sends two at once.

mod line;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{net::TcpListener, sync::watch};

use crate::background::Background;

/// What happens to one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request passes; the connection is closed when the first byte of the answer comes.
    DropAnswer,
    /// So many bytes of the request pass; then the connection is closed.
    CutRequest(usize),
    /// So many bytes of the answer pass; then the connection is closed.
    CutAnswer(usize),
    /// The request waits so long.
    DelayRequest(Duration),
    /// The answer waits so long.
    DelayAnswer(Duration),
}

/// What the proxy does with everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    /// Nothing moves; connections are kept, and new ones wait.
    Frozen,
    /// Nobody listens, and no connection is left.
    Refusing,
}

/// The proxy. It ends with the test.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    mode: watch::Sender<Mode>,
    listens: watch::Receiver<bool>,
    plan: Arc<Plan>,
    _background: Background,
}

/// What was planned, and how far it got.
#[derive(Debug, Default)]
struct Plan(Mutex<Progress>);

#[derive(Debug, Default)]
struct Progress {
    connections: usize,
    exchanges: usize,
    faulty_exchanges: HashMap<usize, Fault>,
    faulty_connections: HashMap<usize, Fault>,
}

impl FaultProxy {
    /// In front of this port of the same machine.
    pub fn start(target: u16) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        listener.set_nonblocking(true).expect("a socket can wait for its reader");
        let (background, plan) = (Background::new(), Arc::new(Plan::default()));
        let ((mode, modes), (listening, listens)) = (watch::channel(Mode::Open), watch::channel(true));
        background.spawn(accept(listener, Side { target, plan: plan.clone(), modes, listening }));
        Self { port, mode, listens, plan, _background: background }
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Plans a fault for the next exchange.
    pub fn next_exchange(&self, fault: Fault) {
        let mut progress = self.plan.lock();
        let number = progress.exchanges + 1;
        progress.faulty_exchanges.insert(number, fault);
    }

    /// Plans a fault for the exchange of this number.
    pub fn exchange(&self, number: usize, fault: Fault) {
        self.plan.lock().faulty_exchanges.insert(number, fault);
    }

    /// Plans a fault for every exchange of the connection of this number.
    pub fn connection(&self, number: usize, fault: Fault) {
        self.plan.lock().faulty_connections.insert(number, fault);
    }

    pub fn connections(&self) -> usize {
        self.plan.lock().connections
    }

    pub fn exchanges(&self) -> usize {
        self.plan.lock().exchanges
    }

    /// From now on nothing moves.
    pub fn freeze(&self) {
        self.mode.send_replace(Mode::Frozen);
    }

    /// From now on connections are refused, and those that exist are closed.
    pub async fn refuse(&self) {
        self.mode.send_replace(Mode::Refusing);
        self.wait_until(false).await;
    }

    /// Everything moves again.
    pub async fn heal(&self) {
        self.mode.send_replace(Mode::Open);
        self.wait_until(true).await;
    }

    async fn wait_until(&self, listening: bool) {
        self.listens.clone().wait_for(|listens| *listens == listening).await.expect("it runs as long as this");
    }
}

impl Plan {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().expect("nobody panics while holding it")
    }

    fn begin_connection(&self) -> usize {
        let mut progress = self.lock();
        progress.connections += 1;
        progress.connections
    }

    /// The fault of an exchange that begins on this connection.
    fn begin_exchange(&self, connection: usize) -> Option<Fault> {
        let mut progress = self.lock();
        progress.exchanges += 1;
        let number = progress.exchanges;
        progress.faulty_exchanges.get(&number).or_else(|| progress.faulty_connections.get(&connection)).copied()
    }
}

/// What the task that accepts connections knows.
struct Side {
    target: u16,
    plan: Arc<Plan>,
    modes: watch::Receiver<Mode>,
    listening: watch::Sender<bool>,
}

async fn accept(listener: std::net::TcpListener, mut side: Side) {
    let mut listener = Some(TcpListener::from_std(listener).expect("the runtime has room for a socket"));
    let port = listener.as_ref().and_then(|listener| listener.local_addr().ok()).expect("it is bound").port();
    loop {
        let mode = *side.modes.borrow_and_update();
        match (mode, &listener) {
            (Mode::Refusing, Some(_)) => listener = None,
            (Mode::Open, None) => {
                listener = Some(TcpListener::bind(("127.0.0.1", port)).await.expect("the port is still ours"));
            }
            (Mode::Open, Some(open)) => tokio::select! {
                biased;
                changed = side.modes.changed() => if changed.is_err() { return },
                Ok((client, _)) = open.accept() => {
                    tokio::spawn(line::run(client, side.target, side.plan.clone(), side.modes.clone()));
                }
            },
            (Mode::Frozen, _) | (Mode::Refusing, None) => {
                if side.modes.changed().await.is_err() {
                    return;
                }
            }
        }
        side.listening.send_replace(listener.is_some());
    }
}
