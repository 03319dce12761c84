//! The database that a URL names: where it is, who asks, and how the way there is protected.
//!
//! `sslmode` means what it means to libpq. `disable`: no TLS. `prefer`, which is also what no `sslmode`
//! means: TLS where the server offers it. `require`: TLS, or no connection. Neither of these two looks at
//! the server's certificate, unless `sslrootcert` names a file of certificates to trust; then, and with
//! `verify-full`, the certificate has to be good and made out to the host's name.

use std::{fmt, net::IpAddr, path::PathBuf};

use tokio_postgres::{
    Config,
    config::{Host, SslMode, TargetSessionAttrs},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{error::ConnectError, limits, tls};

#[derive(Clone)]
pub(crate) struct Target {
    config: Config,
    tls: MakeRustlsConnect,
    is_verified: bool,
}

/// The password stays out of it.
impl fmt::Debug for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Target({})", self.place())
    }
}

/// What stands in the URL about TLS, for this program alone to read.
#[derive(Debug, Default)]
struct Protection {
    mode: Option<String>,
    roots: Option<PathBuf>,
}

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self, ConnectError> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(ConnectError::Url("it does not begin with `postgres://`".into()));
        }
        let (url, protection) = take_protection(url)?;
        // What the driver says about a URL that it cannot read may quote it.
        let mut config: Config = url
            .parse()
            .map_err(|_| ConnectError::Url("write it as `postgres://user:password@host:5432/database`".into()))?;
        let named = |host: &Host| matches!(host, Host::Tcp(name) if !name.is_empty()) || is_socket(host);
        if config.get_hostaddrs().is_empty() && !config.get_hosts().iter().any(named) {
            return Err(ConnectError::Url("it names no host".into()));
        }
        let is_local = config.get_hostaddrs().is_empty() && config.get_hosts().iter().all(is_socket);
        let (mode, trust) = protection.decide()?;
        config.ssl_mode(if is_local { SslMode::Disable } else { mode });
        complete(&mut config);
        let is_here = config.get_hostaddrs().iter().all(|address| address.is_loopback())
            && config.get_hosts().iter().all(|host| is_socket(host) || is_loopback(host));
        let is_verified = is_here || (mode == SslMode::Require && !matches!(trust, tls::Trust::DangerAnyone));
        Ok(Self { config, tls: tls::connector(&trust)?, is_verified })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn tls(&self) -> MakeRustlsConnect {
        self.tls.clone()
    }

    /// Whether it is certain that nobody else answers in the server's place, as far as this machine is.
    pub(crate) fn is_verified(&self) -> bool {
        self.is_verified
    }

    /// The hosts and the database, for people to read.
    pub(crate) fn place(&self) -> String {
        let ports = self.config.get_ports();
        let host = |(number, host): (usize, &Host)| match host {
            Host::Tcp(name) => {
                format!("{name}:{}", ports.get(number).or(ports.first()).copied().unwrap_or(5432))
            }
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        };
        let mut hosts: Vec<String> = self.config.get_hosts().iter().enumerate().map(host).collect();
        if hosts.is_empty() {
            hosts = self.config.get_hostaddrs().iter().map(ToString::to_string).collect();
        }
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        format!("{}/{database}", hosts.join(","))
    }
}

fn is_socket(host: &Host) -> bool {
    match host {
        Host::Tcp(_) => false,
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => false,
    }
}

/// Fills in what the URL leaves open.
fn complete(config: &mut Config) {
    if config.get_application_name().is_none() {
        config.application_name("perennial");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(limits::CONNECT_WAIT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(limits::UNACKNOWLEDGED_WAIT);
    }
    config.keepalives_idle(config.get_keepalives_idle().min(limits::KEEPALIVE_AFTER));
    // A standby lags behind, and what it has not heard of yet is not gone.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
}

/// Takes the parameters out of the URL that the driver does not know.
fn take_protection(url: &str) -> Result<(String, Protection), ConnectError> {
    let mut protection = Protection::default();
    let Some((place, query)) = url.split_once('?') else { return Ok((url.to_owned(), protection)) };
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => protection.mode = Some(mode.to_owned()),
            Some(("sslrootcert", path)) if path.contains('%') => {
                return Err(ConnectError::Url("write the path of `sslrootcert` without `%`".into()));
            }
            Some(("sslrootcert", path)) => protection.roots = Some(path.into()),
            _ => rest.push(pair),
        }
    }
    let url = if rest.is_empty() { place.to_owned() } else { format!("{place}?{}", rest.join("&")) };
    Ok((url, protection))
}

impl Protection {
    fn decide(self) -> Result<(SslMode, tls::Trust), ConnectError> {
        let by_file = |path: Option<PathBuf>, otherwise| path.map_or(otherwise, tls::Trust::File);
        match self.mode.as_deref() {
            Some("disable") => Ok((SslMode::Disable, tls::Trust::DangerAnyone)),
            None | Some("prefer") => Ok((SslMode::Prefer, by_file(self.roots, tls::Trust::DangerAnyone))),
            Some("require") => Ok((SslMode::Require, by_file(self.roots, tls::Trust::DangerAnyone))),
            Some("verify-full") => Ok((SslMode::Require, by_file(self.roots, tls::Trust::System))),
            Some(other) => Err(ConnectError::Url(format!(
                "`sslmode={other}` is not one of disable, prefer, require and verify-full"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, place: &str, mode: SslMode, is_verified: bool) {
        let target = Target::parse(url).expect("a URL");
        assert_eq!(target.place(), place);
        assert_eq!((target.config.get_ssl_mode(), target.is_verified), (mode, is_verified), "{url}");
        assert_eq!(target.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
    }

    #[test]
    fn the_mode_of_tls_comes_from_the_url() {
        let url = "postgres://me:word@db.example/app";
        check(url, "db.example:5432/app", SslMode::Prefer, false);
        check(&format!("{url}?sslmode=prefer"), "db.example:5432/app", SslMode::Prefer, false);
        check(&format!("{url}?sslmode=disable"), "db.example:5432/app", SslMode::Disable, false);
        check(&format!("{url}?sslmode=require"), "db.example:5432/app", SslMode::Require, false);
        check(&format!("{url}?connect_timeout=3&sslmode=verify-full"), "db.example:5432/app", SslMode::Require, true);
    }

    #[test]
    fn this_machine_is_trusted() {
        check("postgres://me@localhost/app?sslmode=disable", "localhost:5432/app", SslMode::Disable, true);
        check("postgres://me@127.0.0.1:5/app?sslmode=disable", "127.0.0.1:5/app", SslMode::Disable, true);
        check("postgres://me@localhost,db/app?sslmode=disable", "localhost:5432,db:5432/app", SslMode::Disable, false);
    }

    #[test]
    fn a_socket_needs_no_tls() {
        let url = "postgresql:///app?user=me&host=/run/postgresql&sslmode=require";
        check(url, "/run/postgresql/app", SslMode::Disable, true);
    }

    #[test]
    fn several_hosts_are_all_named() {
        let url = "postgres://me@one:5433,two:5434/app?sslmode=disable&target_session_attrs=any";
        check(url, "one:5433,two:5434/app", SslMode::Disable, false);
    }

    #[test]
    fn a_url_that_is_not_understood_is_refused_without_its_password() {
        for url in [
            "mysql://me:word@db/app",
            "postgres://me:word@db:port/app",
            "postgres:///app",
            "postgres://me:word@db/app?sslmode=verify-ca",
            "postgres://me:word@db/app?sslmode=on",
            "postgres://me:word@db/app?colour=word",
        ] {
            let refused = Target::parse(url).expect_err("no URL of ours").to_string();
            assert!(!refused.contains(":word") && !refused.contains("=word"), "{refused}");
        }
    }

    #[test]
    fn a_target_shows_no_password() {
        let target = Target::parse("postgres://me:word@db/app").expect("a URL");
        assert_eq!(format!("{target:?}"), "Target(db:5432/app)");
    }
}
