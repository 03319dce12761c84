//! A real HTTP server behind a gateway under test: a script answers, and every request is noted.
//!
//! It speaks HTTP/1.1 and, to whoever begins so, HTTP/2 in clear text. It runs beside the test's runtime.

mod api;
mod asked;
mod events;
mod issuer;
mod paths;
mod reply;
mod socket;

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::net::{TcpListener, TcpStream};

use crate::background::Background;

pub use api::Verifier;
pub use asked::{Asked, Seen, SeenBody};
pub use issuer::{Issuer, IssuerSetup};
pub use paths::by_path;
pub use reply::{Reply, ReplyBody};

type Script = dyn Fn(Asked) -> Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync;

/// The server. It ends with the test.
#[derive(Debug)]
pub struct Upstream {
    port: u16,
    notes: Arc<Notes>,
    _background: Background,
}

/// What the server noted.
#[derive(Debug, Default)]
struct Notes {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    open_streams: AtomicUsize,
}

/// Counts an answer without an end as open, for as long as somebody takes it.
#[derive(Debug)]
struct OpenStream(Arc<Notes>);

impl Upstream {
    /// The script has the whole conversation in its hands: it reads the body or leaves it.
    pub fn start<S, F>(script: S) -> Self
    where
        S: Fn(Asked) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        listener.set_nonblocking(true).expect("a socket can wait for its reader");
        let (background, notes) = (Background::new(), Arc::new(Notes::default()));
        let script: Arc<Script> = Arc::new(move |asked| Box::pin(script(asked)));
        background.spawn(accept(listener, script, notes.clone()));
        Self { port, notes, _background: background }
    }

    /// The script sees each request when its body has been read.
    pub fn answering(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let script = Arc::new(script);
        Self::start(move |mut asked| {
            let script = script.clone();
            async move { script(asked.read().await) }
        })
    }

    /// Every behaviour of `by_path`; what it does not know it echoes.
    pub fn standard() -> Self {
        Self::start(by_path)
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Every request so far, in the order in which their heads came.
    pub fn seen(&self) -> Vec<Seen> {
        self.notes.lock().clone()
    }

    /// The requests whose path begins so.
    pub fn seen_at(&self, prefix: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.target.starts_with(prefix)).collect()
    }

    /// The newest request.
    #[track_caller]
    pub fn last(&self) -> Seen {
        self.seen().pop().expect("a request came this far")
    }

    /// How many connections were ever made to it.
    pub fn connections(&self) -> usize {
        self.notes.connections.load(Ordering::SeqCst)
    }

    /// How many event streams and WebSockets are open.
    pub fn open_streams(&self) -> usize {
        self.notes.open_streams.load(Ordering::SeqCst)
    }
}

impl Notes {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().expect("nobody panics while holding it")
    }

    fn open(self: &Arc<Self>) -> OpenStream {
        self.open_streams.fetch_add(1, Ordering::SeqCst);
        OpenStream(self.clone())
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.open_streams.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn accept(listener: std::net::TcpListener, script: Arc<Script>, notes: Arc<Notes>) {
    let listener = TcpListener::from_std(listener).expect("the runtime has room for a socket");
    loop {
        let (stream, _) = listener.accept().await.expect("the listener stays open");
        let number = notes.connections.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::spawn(serve(stream, number, script.clone(), notes.clone()));
    }
}

async fn serve(stream: TcpStream, connection: usize, script: Arc<Script>, notes: Arc<Notes>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, connection, script.clone(), notes.clone()));
    let server = auto::Builder::new(TokioExecutor::new());
    // Connections break, here on purpose; what was to be seen of it, the other side sees.
    let _ = server.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
}

/// An error closes the connection without an answer.
async fn answer(
    request: Request<Incoming>,
    connection: usize,
    script: Arc<Script>,
    notes: Arc<Notes>,
) -> io::Result<Response<ReplyBody>> {
    let asked = Asked::noted(request, connection, notes);
    script(asked).await.into_response().ok_or_else(|| io::Error::other("the script answers nothing"))
}
