//! Refreshes over PostgreSQL, in turn with `pgbench` on the same server: each of its clients updates one row of
//! its own by its key and waits for the commit, which is the least that a rotation has to do.

use std::{fs, time::Duration};

use perennial_testkit::Cluster;

use crate::{
    Options, WARM_UP,
    load::{self, Kind},
    machine,
    server::{Place, Server},
};

/// How often the two are measured in turn: a shared machine changes its mind.
const ROUNDS: usize = 5;

const SCRIPT: &str = "UPDATE counter SET value = value + 1 WHERE client = :client_id;\n";

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let cluster = Cluster::own();
    let database = cluster.database();
    database.sql(&format!(
        "CREATE TABLE counter (client INT PRIMARY KEY, value BIGINT NOT NULL) WITH (fillfactor = 70);
         INSERT INTO counter SELECT client, 0 FROM generate_series(0, {}) AS client",
        options.connections - 1
    ));
    let settings = ["server_version", "synchronous_commit", "fsync", "shared_buffers"];
    let settings = settings.map(|name| format!("{name} = {}", database.sql(&format!("SHOW {name}")))).join(", ");
    let (name, url) = (database.name().to_owned(), database.keep());
    let server = Server::start(options, &Place::Database(url), &[])?;
    crate::describe(options, &server)?;
    println!("database  {settings}; data on {}", machine::file_system(cluster.socket_directory())?);
    println!();

    let script = server.data().join("update.sql");
    fs::write(&script, SCRIPT)?;
    let mut jars = server.issue(options.sessions)?;
    load::run(&server, server.address, Kind::Refresh, &mut jars, options.connections, WARM_UP).await?;
    cluster.pgbench(&name, &script, options.connections, WARM_UP.as_secs());
    let mut ratios = Vec::new();
    println!(
        "{:>16} {:>16} {:>7} {:>9} {:>9}   {:>16}",
        "pgbench/s", "refresh/s", "ratio", "p50 ms", "p99 ms", "server ms each"
    );
    for _ in 0..ROUNDS {
        let updates = cluster.pgbench(&name, &script, options.connections, options.seconds);
        let span = Duration::from_secs(options.seconds);
        let refreshes = load::run(&server, server.address, Kind::Refresh, &mut jars, options.connections, span).await?;
        ratios.push(refreshes.rate() / updates);
        println!(
            "{updates:>16.0} {:>16.0} {:>7.2} {:>9.2} {:>9.2}   {:>16}",
            refreshes.rate(),
            refreshes.rate() / updates,
            refreshes.share(50),
            refreshes.share(99),
            refreshes.per_request(refreshes.server),
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!();
    println!("The middle ratio: {:.2}. The server's own count: {}", ratios[ROUNDS / 2], server.refresh_counts().await?);
    Ok(())
}
