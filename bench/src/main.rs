//! Rough speed in one run: what the service answers a second, beside what the same server does with a constant
//! answer and what the disk can do at all. Client and server share one machine and its loopback.
//!
//! `cargo build --release -p perennial && cargo run --release -p perennial-bench [-- --postgres|--gateway]`

#![expect(clippy::print_stdout, reason = "a command speaks on its standard output")]

mod gateway;
mod load;
mod machine;
mod postgres;
mod server;

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use crate::{
    load::{Jar, Kind, Measured},
    server::{Place, Server},
};

/// Measures a server that it starts itself, in a directory of its own.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// The binary; build it with --release.
    #[arg(default_value = "target/release/perennial")]
    binary: PathBuf,
    /// Where the database is to be; a folder is made in it and removed.
    #[arg(long, default_value = "target")]
    directory: PathBuf,
    /// Connections that each send one request after the other.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Sessions that the connections share.
    #[arg(long, default_value_t = 256)]
    sessions: usize,
    /// How long each kind of request is measured.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=15))]
    seconds: u64,
    /// Measures refreshes over a PostgreSQL of its own, in turn with `pgbench` on the same one.
    #[arg(long)]
    postgres: bool,
    /// Measures the ways to an upstream: alone, behind nginx, behind nginx that asks us, behind our gateway.
    #[arg(long)]
    gateway: bool,
}

const WARM_UP: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if options.postgres {
        return postgres::run(&options).await;
    }
    if options.gateway {
        return gateway::run(&options).await;
    }
    let server = Server::start(&options, &Place::Folder, &[])?;
    describe(&options, &server)?;

    let mut jars = server.issue(options.sessions)?;
    let mut measured = Vec::new();
    for kind in [Kind::Constant, Kind::ReadSession, Kind::Refresh] {
        load::run(&server, server.address, kind, &mut jars, options.connections, WARM_UP).await?;
        let span = Duration::from_secs(options.seconds);
        measured.push(load::run(&server, server.address, kind, &mut jars, options.connections, span).await?);
    }
    report(&measured);
    let syncs = machine::syncs_per_second(&server.data())?;
    println!();
    println!("The disk alone, 4 KiB written and synced, one after the other: {syncs:.0} a second.");
    println!("The server's own count: {}", server.refresh_counts().await?);
    Ok(())
}

fn describe(options: &Options, server: &Server) -> anyhow::Result<()> {
    println!("machine   {}", machine::describe(&server.data())?);
    println!("server    {} ({}), tokens.cooldown = 0ms", server.version, options.binary.display());
    println!("command   {}", std::env::args().collect::<Vec<_>>().join(" "));
    println!(
        "load      {} connections, HTTP/1.1 kept alive, {} sessions, {} s each after {} s of warm-up; client and \
         server on this machine",
        options.connections,
        options.sessions,
        options.seconds,
        WARM_UP.as_secs()
    );
    println!();
    Ok(())
}

fn report(measured: &[Measured]) {
    println!(
        "{:<44} {:>9} {:>7} {:>9} {:>9}   {:>16} {:>16} {:>11}",
        "request", "a second", "ratio", "p50", "p99", "server user+sys", "client user+sys", "written"
    );
    println!(
        "{:<44} {:>9} {:>7} {:>9} {:>9}   {:>16} {:>16} {:>11}",
        "", "", "", "ms", "ms", "ms / request", "", "B / request"
    );
    let base = measured.first().map_or(1.0, Measured::rate);
    for it in measured {
        println!(
            "{:<44} {:>9.0} {:>7.2} {:>9.2} {:>9.2}   {:>16} {:>16} {:>11.0}",
            it.kind.name(),
            it.rate(),
            it.rate() / base,
            it.share(50),
            it.share(99),
            it.per_request(it.server),
            it.per_request(it.client),
            it.written_per_request(),
        );
    }
}

/// What a session's requests carry.
pub(crate) type Jars = Vec<Jar>;
