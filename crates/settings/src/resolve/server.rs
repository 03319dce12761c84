//! Where the service listens, and under which origin it is known.

use std::net::SocketAddr;

use ipnet::IpNet;

use super::Resolver;
use crate::{origin::Origin, settings::Server, sources::Mode};

impl Resolver<'_> {
    pub(super) fn public_url(&mut self) -> Option<Origin> {
        let origin: Origin = self.parsed("server.public_url", self.schema.server.public_url.parse())?;
        if self.mode == Mode::Dev && !origin.is_loopback() {
            self.refuse("server.public_url", "must be a loopback host in dev, such as \"http://localhost:8080\"");
        }
        Some(origin)
    }

    pub(super) fn server(&mut self, public_url: Option<&Origin>) -> Option<Server> {
        let listen = self.address("server.listen", &self.schema.server.listen);
        let admin_listen = self.address("server.admin_listen", &self.schema.server.admin_listen);
        if listen.is_some_and(|listen| listen.port() != 0 && Some(listen) == admin_listen) {
            self.refuse("server.admin_listen", "is the same as `server.listen`: give it a port of its own");
        }
        let networks: Vec<_> = self.schema.server.trusted_proxies.iter().map(|text| self.network(text)).collect();
        let trusted_proxies = networks.into_iter().collect::<Option<_>>();
        Some(Server {
            listen: listen?,
            admin_listen: admin_listen?,
            public_url: public_url?.clone(),
            trusted_proxies: trusted_proxies?,
        })
    }

    fn address(&mut self, key: &str, text: &str) -> Option<SocketAddr> {
        let Ok(address) = text.parse::<SocketAddr>() else {
            self.refuse(key, format!("is \"{text}\": write an IP address and a port, such as \"127.0.0.1:8080\""));
            return None;
        };
        if self.mode == Mode::Dev && !address.ip().is_loopback() {
            self.refuse(key, "must be a loopback address in dev, such as \"127.0.0.1:8080\"");
        }
        Some(address)
    }

    fn network(&mut self, text: &str) -> Option<IpNet> {
        let key = "server.trusted_proxies";
        match text.parse::<IpNet>() {
            Ok(network) if network.prefix_len() == 0 => {
                self.refuse(
                    key,
                    format!("holds \"{text}\", which believes everybody: name the networks of your proxies"),
                );
                None
            }
            Ok(network) => Some(network),
            Err(_) => {
                let example = text
                    .parse::<std::net::IpAddr>()
                    .map_or_else(|_| "10.0.0.0/8".to_owned(), |address| IpNet::from(address).to_string());
                self.refuse(key, format!("holds \"{text}\", which is no network: write it like \"{example}\""));
                None
            }
        }
    }
}
