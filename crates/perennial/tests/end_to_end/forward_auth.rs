//! nginx and Caddy in front of an app, as the guide sets them up, with the real binary as their judge.

mod outside;
mod refusals;
mod renewal;

use perennial_testkit::{Answer, Brand, Browser, Nodes, Setup, WebServer, upstream::Upstream};

use crate::BINARY;

/// Longer than the cooldown: the next renewal rotates.
const EXPIRY: i64 = 16 * 60;

/// An app that two web servers stand in front of.
struct Site {
    nodes: Nodes,
    app: Upstream,
    servers: [(Brand, WebServer); 2],
}

impl Site {
    fn start() -> Self {
        Self::start_with(Setup::default())
    }

    fn start_with(setup: Setup) -> Self {
        Self::over(Nodes::start(BINARY, 1, trusting(setup)))
    }

    /// In front of the first of these nodes.
    fn over(nodes: Nodes) -> Self {
        let app = Upstream::standard();
        let perennial = port_of(&nodes);
        let servers = [Brand::Nginx, Brand::Caddy].map(|brand| (brand, WebServer::start(brand, perennial, app.port())));
        Self { nodes, app, servers }
    }

    /// An empty jar in front of each web server.
    fn visitors(&self) -> [(Brand, Browser); 2] {
        self.servers.each_ref().map(|(brand, server)| (*brand, self.nodes.browser(0).at(&server.url())))
    }

    /// Somebody who is logged in, each in a session of its own.
    fn people(&self) -> [(Brand, Browser); 2] {
        let mut issued = self.nodes.issue("usr_ada", 2).into_iter();
        self.visitors().map(|(brand, visitor)| (brand, issued.next().expect("two of them").at(&visitor.url)))
    }

    /// How often any session was renewed.
    fn rotations(&self) -> i64 {
        self.nodes.number("SELECT coalesce(sum(generation), 0) FROM session")
    }

    /// What somebody would have to look into.
    fn suspicions(&self) -> i64 {
        ["reuse_detected", "stale_refused", "jar_conflict", "store_behind"]
            .map(|it| self.nodes.audited(it))
            .iter()
            .sum()
    }
}

/// Where the first of these nodes listens.
fn port_of(nodes: &Nodes) -> u16 {
    nodes.node(0).url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
}

/// Perennial believes whoever stands in front of it on this machine.
fn trusting(setup: Setup) -> Setup {
    setup.with("server.trusted_proxies", "[\"127.0.0.1/32\"]")
}

/// Asks as a web server does that passes this jar's request on.
async fn verify(browser: &Browser, query: &str, lines: &[(&str, &str)]) -> Answer {
    browser.send("GET", &format!("/auth/verify{query}"), lines, None).await
}

/// Nothing that is between Perennial and the web server is told to the client.
#[track_caller]
fn assert_quiet(brand: Brand, answer: &Answer) {
    let between = ["x-perennial", "remote-", "authorization"];
    let told = answer.headers.iter().find(|(name, _)| between.iter().any(|it| name.starts_with(it)));
    assert_eq!(told, None, "{brand:?}");
}

/// The names of the lines in an answer that are Perennial's and the web server's secret.
fn numbered_cookies(answer: &Answer) -> Vec<&str> {
    let numbered = |name: &str| name.starts_with("x-perennial-set-cookie-");
    answer.headers.iter().filter(|(name, _)| numbered(name)).map(|(_, value)| value.as_str()).collect()
}
