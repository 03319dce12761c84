//! Connections that each send one request after the other, and how long the answers took.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::{
    Jars,
    server::{self, Server, Used},
};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The published keys: a small JSON that needs neither a cookie nor the store.
    Constant,
    /// `GET /auth/session` with the cookies of a session.
    ReadSession,
    /// `POST /auth/token`, every one of which rotates.
    Refresh,
    /// `GET /api/items` with the cookies of a session, by one of the ways to an upstream.
    Api(Way),
}

/// How a request comes to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Bare,
    Nginx,
    NginxForwardAuth,
    Gateway,
    GatewayRenewing,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Constant => "(a) GET /.well-known/jwks.json, constant JSON",
            Self::ReadSession => "(b) GET /auth/session, valid access token",
            Self::Refresh => "(c) POST /auth/token, each one rotates",
            Self::Api(Way::Bare) => "(a) the upstream alone",
            Self::Api(Way::Nginx) => "(b) nginx, a plain proxy",
            Self::Api(Way::NginxForwardAuth) => "(c) nginx, auth_request to /auth/verify",
            Self::Api(Way::Gateway) => "(d) our gateway, valid access token",
            Self::Api(Way::GatewayRenewing) => "(e) our gateway, each session renewed every 2 s",
        }
    }

    fn request(self, host: &str, jar: &Jar) -> anyhow::Result<Request<Empty<Bytes>>> {
        let request = Request::builder().header(header::HOST, host);
        let request = match self {
            Self::Constant => request.uri("/.well-known/jwks.json"),
            Self::ReadSession => request.uri("/auth/session").header(header::COOKIE, jar.header()),
            Self::Api(_) => request.uri("/api/items").header(header::COOKIE, jar.header()),
            Self::Refresh => request
                .method(Method::POST)
                .uri("/auth/token")
                .header(header::COOKIE, jar.header())
                .header(header::ORIGIN, format!("http://{host}"))
                .header("x-csrftoken", jar.csrf()?),
        };
        Ok(request.body(Empty::new())?)
    }
}

/// The cookies of a session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Jar(BTreeMap<String, String>);

impl Jar {
    /// The cookies of a line of `session issue --json`.
    pub(crate) fn of_issued(line: &str) -> anyhow::Result<Self> {
        let issued: Value = serde_json::from_str(line)?;
        let cookies = issued["cookies"].as_object().context("an issued session has cookies")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Self(cookies.iter().map(|(name, value)| (name.clone(), text(value))).collect()))
    }

    fn header(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn csrf(&self) -> anyhow::Result<&str> {
        self.0.get("csrftoken").map(String::as_str).context("a session has an anti-CSRF token")
    }

    /// Keeps what an answer sets; answers whether a refresh token was among it.
    fn store(&mut self, response: &Response<Incoming>) -> bool {
        let mut handed_out = false;
        for line in response.headers().get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let pair = line.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=').filter(|(_, value)| !value.is_empty()) {
                handed_out |= name.starts_with("refreshtoken");
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
        handed_out
    }
}

/// What came of one kind of request.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) kind: Kind,
    took: Duration,
    /// In milliseconds, sorted.
    latencies: Vec<f64>,
    pub(crate) server: Used,
    pub(crate) client: Used,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^52")]
    fn count(&self) -> f64 {
        self.latencies.len() as f64
    }

    pub(crate) fn rate(&self) -> f64 {
        self.count() / self.took.as_secs_f64()
    }

    pub(crate) fn share(&self, percent: usize) -> f64 {
        let place = self.latencies.len() * percent / 100;
        self.latencies.get(place).or(self.latencies.last()).copied().unwrap_or_default()
    }

    /// Processor time, in user space and in the kernel.
    pub(crate) fn per_request(&self, used: Used) -> String {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0 / self.count();
        format!("{:.3}+{:.3}", milliseconds(used.user), milliseconds(used.system))
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes of one run are far below 2^52")]
    pub(crate) fn written_per_request(&self) -> f64 {
        self.server.written as f64 / self.count()
    }
}

/// Sends requests of one kind to an address over so many connections for so long; each connection has its own jars.
pub(crate) async fn run(
    server: &Server,
    address: SocketAddr,
    kind: Kind,
    jars: &mut Jars,
    connections: usize,
    span: Duration,
) -> anyhow::Result<Measured> {
    let share = jars.len().div_ceil(connections.max(1)).max(1);
    let shares: Vec<Jars> = jars.chunks(share).map(<[Jar]>::to_vec).collect();
    let (server_before, client_before, began) = (server.used()?, server::used("self")?, Instant::now());
    let clients: Vec<_> = shares
        .into_iter()
        .map(|jars| tokio::spawn(client(address, server.host.clone(), kind, jars, began + span)))
        .collect();
    let (mut latencies, mut kept) = (Vec::new(), Jars::new());
    for client in clients {
        let (jars, own) = client.await??;
        kept.extend(jars);
        latencies.extend(own);
    }
    let took = began.elapsed();
    latencies.sort_by(f64::total_cmp);
    *jars = kept;
    let server = server.used()?.since(server_before);
    Ok(Measured { kind, took, latencies, server, client: server::used("self")?.since(client_before) })
}

impl Used {
    fn since(self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
            written: self.written.saturating_sub(before.written),
        }
    }
}

async fn client(
    address: SocketAddr,
    host: String,
    kind: Kind,
    mut jars: Jars,
    until: Instant,
) -> anyhow::Result<(Jars, Vec<f64>)> {
    let mut sender = connect(address).await?;
    let (mut latencies, mut next, count) = (Vec::new(), 0, jars.len());
    while Instant::now() < until {
        let jar = &mut jars[next % count];
        next += 1;
        let request = kind.request(&host, jar)?;
        let began = Instant::now();
        // nginx closes a connection after so many requests.
        if sender.ready().await.is_err() {
            sender = connect(address).await?;
            sender.ready().await?;
        }
        let response = sender.send_request(request).await?;
        let (status, handed_out) = (response.status(), jar.store(&response));
        let body = response.into_body().collect().await?.to_bytes();
        latencies.push(began.elapsed().as_secs_f64() * 1000.0);
        ensure!(status == StatusCode::OK, "{}: {status} {}", kind.name(), String::from_utf8_lossy(&body));
        let right = kind == Kind::Api(Way::GatewayRenewing) || handed_out == (kind == Kind::Refresh);
        ensure!(right, "every refresh rotates, and nothing else does");
    }
    Ok((jars, latencies))
}

async fn connect(address: SocketAddr) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// The body of one answer as text.
pub(crate) async fn get_text(address: SocketAddr, host: &str, path: &str) -> anyhow::Result<String> {
    let mut sender = connect(address).await?;
    let request = Request::builder().uri(path).header(header::HOST, host).body(Empty::new())?;
    let body = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(body.to_vec())?)
}
