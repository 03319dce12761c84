//! The PostgreSQL store keeps every promise, on a real server.

mod samples;

use std::sync::Arc;

use perennial_store::{contract::Fresh, store_contract};
use perennial_testkit::Cluster;

async fn postgres() -> Fresh {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::shared()));
    let database = cluster.used_database(samples::CLEAN);
    let store = Arc::new(samples::patient_store(&database.url()).await);
    Fresh { store, surroundings: Box::new(database) }
}

store_contract!(postgres);
