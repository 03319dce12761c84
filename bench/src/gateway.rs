//! The ways to an upstream, one after the other in one run: the upstream alone, behind nginx, behind nginx that asks
//! our forward-auth, behind our gateway, and behind our gateway while every session is renewed every two seconds.
//!
//! The upstream runs in this process and answers a small constant JSON. Each nginx is one process, as it comes.

use std::{
    convert::Infallible,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::Context;
use http::{Response, header};
use http_body_util::Full;
use hyper::{body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use perennial_testkit::{Brand, WebServer, free_ports};
use tokio::net::TcpListener;

use crate::{
    Options, WARM_UP, describe,
    load::{self, Kind, Measured, Way},
    report,
    server::{Place, Server},
};

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let upstream = upstream().await?;
    let route = ("PERENNIAL__GATEWAY__ROUTES", format!("[{{ path = \"/api\", upstream = \"http://{upstream}\" }}]"));
    let trusted = ("PERENNIAL__SERVER__TRUSTED_PROXIES", "127.0.0.1/32".to_owned());
    let steady = Server::start(options, &Place::Folder, &[route.clone(), trusted.clone()])?;
    let overlap = [("PERENNIAL__TOKENS__OVERLAP", "1s".to_owned()), ("PERENNIAL__TOKENS__COOLDOWN", "1s".to_owned())];
    let ttl = ("PERENNIAL__TOKENS__ACCESS_TTL", "2s".to_owned());
    let renewing = Server::start(options, &Place::Folder, &[&[route, trusted, ttl][..], &overlap[..]].concat())?;
    describe(options, &steady)?;

    let folder = steady.data();
    let plain = PlainNginx::start(&folder, upstream)?;
    let asking = WebServer::start(Brand::Nginx, steady.address.port(), upstream.port());
    let asking: SocketAddr = asking_address(&asking)?;
    let ways = [
        (Way::Bare, &steady, upstream),
        (Way::Nginx, &steady, plain.address),
        (Way::NginxForwardAuth, &steady, asking),
        (Way::Gateway, &steady, steady.address),
        (Way::GatewayRenewing, &renewing, renewing.address),
    ];
    let mut measured: Vec<Measured> = Vec::new();
    for (way, server, address) in ways {
        let mut jars = server.issue(options.sessions)?;
        let kind = Kind::Api(way);
        load::run(server, address, kind, &mut jars, options.connections, WARM_UP).await?;
        let span = Duration::from_secs(options.seconds);
        measured.push(load::run(server, address, kind, &mut jars, options.connections, span).await?);
    }
    report(&measured);
    println!();
    println!("Server time is that of perennial alone; the upstream's is in the client's, nginx's in neither.");
    println!("Refreshes of (e), by the server's own count: {}", renewing.refresh_counts().await?);
    Ok(())
}

fn asking_address(asking: &WebServer) -> anyhow::Result<SocketAddr> {
    let url = asking.url();
    let port = url.rsplit(':').next().and_then(|port| port.trim_end_matches('/').parse().ok());
    Ok((Ipv4Addr::LOCALHOST, port.context("the web server has a port")?).into())
}

/// A server that answers a small JSON, in this process.
async fn upstream() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let answer = service_fn(async |_| {
                let mut response = Response::new(Full::new(Bytes::from_static(br#"{"items":[1,2,3]}"#)));
                response
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
                Ok::<_, Infallible>(response)
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    Ok(address)
}

/// nginx that passes everything on, over connections that it keeps.
struct PlainNginx {
    process: Child,
    address: SocketAddr,
}

impl PlainNginx {
    fn start(folder: &Path, upstream: SocketAddr) -> anyhow::Result<Self> {
        let [port] = free_ports();
        let here = folder.display();
        let config = format!(
            "daemon off; master_process off; pid {here}/nginx.pid; error_log {here}/nginx.log;\n\
             events {{}}\n\
             http {{ access_log off;\n\
             client_body_temp_path {here}/nb; proxy_temp_path {here}/np; fastcgi_temp_path {here}/nf;\n\
             uwsgi_temp_path {here}/nu; scgi_temp_path {here}/ns;\n\
             upstream app {{ server {upstream}; keepalive 64; }}\n\
             server {{ listen 127.0.0.1:{port}; keepalive_requests 10000000;\n\
             location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }} }}\n"
        );
        fs::write(folder.join("nginx.conf"), config)?;
        let mut command = Command::new(std::env::var_os("PERENNIAL_NGINX").unwrap_or_else(|| "nginx".into()));
        command.arg("-c").arg(folder.join("nginx.conf")).stdin(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().context("nginx does not start: `apt-get install nginx`")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        for _ in 0..100 {
            if std::net::TcpStream::connect(address).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { process, address })
    }
}

impl Drop for PlainNginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
