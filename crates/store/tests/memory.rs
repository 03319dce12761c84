//! The memory store keeps every promise.

use std::sync::Arc;

use perennial_store::{MemoryStore, contract::Fresh, store_contract};

async fn memory() -> Fresh {
    Fresh { store: Arc::new(MemoryStore::default()), surroundings: Box::new(()) }
}

store_contract!(memory);
