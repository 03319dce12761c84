//! The SQLite store keeps every promise, on a real file.

mod scratch;

use std::sync::Arc;

use perennial_store::{contract::Fresh, store_contract};
use scratch::Directory;

async fn sqlite() -> Fresh {
    let directory = Directory::new();
    Fresh { store: Arc::new(directory.open()), surroundings: Box::new(directory) }
}

store_contract!(sqlite);
