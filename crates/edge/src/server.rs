//! The accept loop: connections with limits, header time-outs and a shutdown that drops no request.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, Method, Version, header},
};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use perennial_protocol::refusal::Refusal;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::ServiceExt;

use crate::{client::Peer, problem};

/// The bounds of a listener.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    pub connections: usize,
    /// How long a client may take to send its headers, and how long an idle connection is kept.
    pub header_timeout: Duration,
    /// How long a shutdown waits for requests that are under way.
    pub shutdown_grace: Duration,
}

/// The largest request head, in bytes: cookies of a crowded domain fit, a flood does not.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// How long, once the shutdown came, an open connection may still begin a request. What a client has sent
/// may not have been read yet, and it cannot know that it was too late.
const LAST_REQUESTS: Duration = Duration::from_millis(200);

/// A place among the connections that may be open. A request carries it along for whoever keeps the connection beyond
/// its answer.
#[derive(Debug, Clone)]
pub struct Place(#[expect(dead_code, reason = "it is held")] Arc<OwnedSemaphorePermit>);

/// Serves until `shutdown` comes, then lets every request finish within the grace.
pub async fn serve(listener: TcpListener, app: Router, limits: ServerLimits, shutdown: impl Future<Output = ()>) {
    let connections = Connections {
        app,
        builder: connection_builder(limits),
        places: Arc::new(Semaphore::new(limits.connections)),
        open: GracefulShutdown::new(),
        stopping: Arc::default(),
    };
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = connections.take(&listener) => {}
            () = &mut shutdown => break,
        }
    }
    connections.stopping.store(true, Ordering::Relaxed);
    connections.take_the_rest(listener);
    if connections.open.count() > 0 {
        tokio::time::sleep(LAST_REQUESTS).await;
    }
    if tokio::time::timeout(limits.shutdown_grace, connections.open.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way when the shutdown's grace was over");
    }
}

/// The connections of a listener, and what each is served with.
struct Connections {
    app: Router,
    builder: Builder<TokioExecutor>,
    places: Arc<Semaphore>,
    open: GracefulShutdown,
    /// From now on every answer is the last of its connection.
    stopping: Arc<AtomicBool>,
}

impl Connections {
    /// Waits for a place and a connection, and serves it.
    async fn take(&self, listener: &TcpListener) {
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or a client that left at once: neither ends the server.
                tracing::warn!(reason = %error, "a connection could not be accepted");
                return tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        self.serve(stream, peer, place);
    }

    /// Serves what the system has connected already, and closes the listener: a queue that is closed drops
    /// what is in it. It asks the system itself, because the runtime may not have heard of the last ones.
    fn take_the_rest(&self, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else { return };
        while let (Ok(place), Ok((stream, peer))) = (Arc::clone(&self.places).try_acquire_owned(), listener.accept()) {
            if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
                self.serve(stream, peer, place);
            }
        }
    }

    /// Serves a connection on a task of its own.
    fn serve(&self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        let _ = stream.set_nodelay(true);
        let place = Place(Arc::new(place));
        let service = connected(self.app.clone(), peer, place.clone(), Arc::clone(&self.stopping));
        let connection = self.builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let connection = self.open.watch(connection.into_owned());
        tokio::spawn(async move {
            // A client that goes away, or speaks no HTTP, concerns nobody else.
            let _ = connection.await;
            drop(place);
        });
    }
}

fn connection_builder(limits: ServerLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// The app as one connection sees it: every request knows its peer.
///
/// A chunked body is the last of its connection. One that named a length too is not to be told from it any more
/// (hyper reads the chunks and forgets the length), and whoever stands in front may have gone by that length: what
/// they take for the rest of the body must not be read as a request (RFC 9112 §6.1).
fn connected(
    app: Router,
    peer: SocketAddr,
    place: Place,
    stopping: Arc<AtomicBool>,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send + 'static,
> + Clone
+ Send {
    hyper::service::service_fn(move |request: Request<Incoming>| {
        let (app, place, stopping) = (app.clone(), place.clone(), Arc::clone(&stopping));
        async move {
            let is_http1 = request.version() <= Version::HTTP_11;
            let is_last =
                request.method() == Method::CONNECT || request.headers().contains_key(header::TRANSFER_ENCODING);
            let mut response = if request.method() == Method::CONNECT {
                // A tunnel to anywhere is not what these listeners are for.
                problem::plain(&Refusal::MethodNotAllowed)
            } else {
                let mut request = request.map(axum::body::Body::new);
                request.extensions_mut().insert(Peer(peer.ip()));
                request.extensions_mut().insert(place);
                app.oneshot(request).await?
            };
            if is_http1 && (is_last || stopping.load(Ordering::Relaxed)) {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        }
    })
}
