//! Many clients that refresh without a pause, over one node or several, and what became of them.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use perennial_testkit::{Answer, Browser};
use tokio::task::JoinHandle;

/// Gives each request to the next node, as a load balancer without stickiness does; where a connection is
/// refused, nothing was taken, and the one after it gets the request.
#[derive(Debug, Clone)]
pub(crate) struct Balancer {
    nodes: Arc<RwLock<Vec<String>>>,
    turn: Arc<AtomicUsize>,
}

impl Balancer {
    pub(crate) fn over<U: AsRef<str>>(nodes: impl IntoIterator<Item = U>) -> Self {
        let nodes = nodes.into_iter().map(|url| url.as_ref().to_owned()).collect();
        Self { nodes: Arc::new(RwLock::new(nodes)), turn: Arc::default() }
    }

    /// Other nodes from now on.
    pub(crate) fn set(&self, nodes: Vec<String>) {
        *self.nodes.write().unwrap_or_else(PoisonError::into_inner) = nodes;
    }

    pub(crate) async fn post(&self, browser: &Browser, call: &str) -> Result<Answer, reqwest::Error> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner).clone();
        let start = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut refused = None;
        for offset in 0..nodes.len() {
            match browser.at(&nodes[(start + offset) % nodes.len()]).try_post(call, None).await {
                Err(error) if error.is_connect() => refused = Some(error),
                outcome => return outcome,
            }
        }
        Err(refused.expect("there is a node"))
    }
}

/// What became of the refreshes of one or many sessions.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) refreshed: usize,
    /// No answer: the server was gone. The client tries again.
    pub(crate) unanswered: usize,
    /// 503: the client tries again.
    pub(crate) unavailable: usize,
    /// Anything else would have logged someone out or told them so.
    pub(crate) refused: Vec<String>,
    /// The time that each answered refresh took.
    pub(crate) took: Vec<Duration>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.refreshed += other.refreshed;
        self.unanswered += other.unanswered;
        self.unavailable += other.unavailable;
        self.refused.extend(other.refused);
        self.took.extend(other.took);
    }
}

/// Sessions that refresh without a pause, each as one honest client does, until they are told to stop.
pub(crate) struct Storm {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<(Browser, Tally)>>,
}

impl Storm {
    pub(crate) fn start(browsers: Vec<Browser>, balancer: Balancer, pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let clients = browsers
            .into_iter()
            .map(|browser| tokio::spawn(client(browser, balancer.clone(), Arc::clone(&stop), pause)));
        Self { clients: clients.collect(), stop }
    }

    pub(crate) async fn end(self) -> (Vec<Browser>, Tally) {
        self.stop.store(true, Ordering::Relaxed);
        let (mut browsers, mut total) = (Vec::new(), Tally::default());
        for client in self.clients {
            let (browser, tally) = client.await.expect("a client does not panic");
            browsers.push(browser);
            total.add(tally);
        }
        (browsers, total)
    }
}

async fn client(mut browser: Browser, balancer: Balancer, stop: Arc<AtomicBool>, pause: Duration) -> (Browser, Tally) {
    let mut tally = Tally::default();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        match balancer.post(&browser, "/token").await {
            Ok(answer) if answer.status == 200 => {
                tally.took.push(began.elapsed());
                tally.refreshed += 1;
                browser.keep(&answer);
            }
            Ok(answer) if answer.status == 503 => tally.unavailable += 1,
            Ok(answer) => tally.refused.push(format!("{} {}", answer.status, answer.text)),
            Err(_) => {
                tally.unanswered += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        tokio::time::sleep(pause).await;
    }
    (browser, tally)
}
