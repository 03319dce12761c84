//! The servers behind the gateway: connections to them, and one request to one of them.

pub(crate) mod body;
pub(crate) mod encoding;

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::body::Body;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use perennial_protocol::{
    refusal::Refusal,
    route::{Route, Upstream, UpstreamScheme},
};
use tokio::time::Instant;

use self::body::Lent;
pub(crate) use self::body::Outgoing;
use crate::limits;

type Connector = HttpsConnector<HttpConnector>;

/// Clients with their idle connections.
pub(crate) struct Upstreams {
    /// HTTP/1.1, in clear or over TLS.
    one: Client<Connector, Body>,
    /// HTTP/2 where a TLS server offers it.
    negotiated: Client<Connector, Body>,
    /// HTTP/2 in clear.
    two: Client<HttpConnector, Body>,
    turn: AtomicUsize,
}

impl fmt::Debug for Upstreams {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Upstreams(..)")
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// Nobody listens, so nothing was sent.
    Unreached,
    /// It may have been sent.
    Refused(Refusal),
}

impl From<Refusal> for Unanswered {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unanswered> for Refusal {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Unreached => Self::UpstreamUnavailable,
            Unanswered::Refused(refusal) => refusal,
        }
    }
}

impl Upstreams {
    pub(crate) fn new(connect_timeout: Duration) -> Self {
        let tcp = || {
            let mut tcp = HttpConnector::new();
            tcp.set_nodelay(true);
            tcp.set_connect_timeout(Some(connect_timeout));
            tcp.enforce_http(false);
            tcp
        };
        let tls = || HttpsConnectorBuilder::new().with_tls_config(tls()).https_or_http();
        let builder = || {
            let mut builder = Client::builder(TokioExecutor::new());
            builder.pool_idle_timeout(limits::IDLE_CONNECTION).pool_timer(TokioTimer::new()).timer(TokioTimer::new());
            builder
        };
        Self {
            one: builder().build(tls().enable_http1().wrap_connector(tcp())),
            negotiated: builder().build(tls().enable_all_versions().wrap_connector(tcp())),
            two: builder().http2_only(true).build(tcp()),
            turn: AtomicUsize::new(0),
        }
    }

    /// Sends a request to the next upstream of the route, and to the one after it where nothing listens: there
    /// the request was not sent, so nothing can happen twice.
    pub(crate) async fn send(
        &self,
        route: &Route,
        upgrades: bool,
        request: impl Fn(&str) -> Option<Request<Body>>,
        body: Body,
    ) -> Result<Response<Incoming>, Unanswered> {
        let lent = Lent::new(body);
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let timeout = Duration::from(route.timeout);
        for offset in 0..route.upstreams.len() {
            let upstream = &route.upstreams[(first + offset) % route.upstreams.len()];
            let head = request(&url_of(upstream)).ok_or(Refusal::InternalError)?;
            let request = head.map(|_| lent.once_more());
            let answer = in_time(self.sent(upstream, upgrades, request), timeout, &lent).await?;
            match answer {
                Ok(answer) => return Ok(answer),
                Err(error) if error.is_connect() => {
                    tracing::warn!(upstream = %upstream.authority, reason = %deepest(&error), "an upstream cannot be reached");
                }
                Err(error) => return Err(refusal(upstream, &error).into()),
            }
        }
        Err(Unanswered::Unreached)
    }

    async fn sent(
        &self,
        upstream: &Upstream,
        upgrades: bool,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, Error> {
        *request.version_mut() = Version::HTTP_11;
        match upstream.scheme {
            UpstreamScheme::Http => self.one.request(request).await,
            // Another protocol can be asked for over HTTP/1.1 only.
            UpstreamScheme::Https if upgrades => self.one.request(request).await,
            UpstreamScheme::Https => self.negotiated.request(request).await,
            UpstreamScheme::H2c => {
                *request.version_mut() = Version::HTTP_2;
                self.two.request(request).await
            }
        }
    }
}

/// Waits for the answer to begin, for `timeout` after the last piece of the request was taken: a long upload
/// is not an upstream that does not answer.
async fn in_time<T>(answer: impl Future<Output = T>, timeout: Duration, lent: &Lent) -> Result<T, Refusal> {
    tokio::pin!(answer);
    let mut until = Instant::now() + timeout;
    loop {
        tokio::select! {
            answered = &mut answer => return Ok(answered),
            () = tokio::time::sleep_until(until) => {
                let moved_on = lent.taken_at() + timeout;
                if moved_on <= until {
                    return Err(Refusal::UpstreamTimeout);
                }
                until = moved_on;
            }
        }
    }
}

fn url_of(upstream: &Upstream) -> String {
    let scheme = match upstream.scheme {
        UpstreamScheme::Http | UpstreamScheme::H2c => "http",
        UpstreamScheme::Https => "https",
    };
    format!("{scheme}://{}", upstream.authority)
}

/// TLS as this machine trusts it.
fn tls() -> rustls::ClientConfig {
    use rustls_platform_verifier::BuilderVerifierExt;
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier())
        .expect("the provider speaks the default versions, and the system's roots can be read")
        .with_no_client_auth()
}

/// What a failed request comes to: the client's own body may have been the trouble.
fn refusal(upstream: &Upstream, error: &Error) -> Refusal {
    let mut client_broke_off = false;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return Refusal::BodyTooLarge;
        }
        // Only bodies of clients are wrapped so.
        client_broke_off |= error.is::<axum::Error>();
        cause = error.source();
    }
    if client_broke_off {
        return Refusal::InvalidRequest("The body ended early, or its chunks cannot be read.".into());
    }
    tracing::warn!(upstream = %upstream.authority, reason = %deepest(error), "an upstream broke off");
    Refusal::UpstreamUnavailable
}

fn deepest(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
