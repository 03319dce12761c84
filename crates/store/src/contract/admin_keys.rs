//! What a store promises about the keys of the admin API.

use perennial_protocol::{
    admin_key::{AdminKey, AdminScope},
    time::UnixMillis,
};

use super::samples::*;
use crate::Write;

pub async fn an_admin_key_reads_back_exactly_as_it_was_written(store: &Shared) {
    let full = AdminKey {
        scopes: AdminScope::ALL.into(),
        expires_at: Some(UnixMillis(i64::MAX)),
        last_used_at: Some(UnixMillis(0)),
        revoked_at: Some(UnixMillis(i64::MIN)),
        ..admin_key(2, &"Z".repeat(64))
    };
    let bare = AdminKey { scopes: [].into(), created_at: UnixMillis(0), ..admin_key(3, ".-_") };
    for key in [admin_key(1, "one"), full, bare] {
        put(store, &key).await;
        assert!(load(store, &key.hash).await == Some(key.clone()), "{key:?}");
    }
}

pub async fn an_admin_key_is_found_by_its_hash_only(store: &Shared) {
    let key = admin_key(1, "one");
    put(store, &key).await;
    let mut near = key.hash;
    near[31] ^= 1;
    for hash in [near, [0; 32], admin_key(2, "two").hash] {
        assert!(load(store, &hash).await.is_none());
    }
}

pub async fn an_admin_key_whose_name_or_hash_is_taken_is_refused(store: &Shared) {
    put(store, &admin_key(1, "one")).await;
    done(apply(store, [revoke("one", 5)]).await);
    stale(apply(store, [Write::InsertAdminKey(admin_key(2, "one"))]).await);
    stale(apply(store, [Write::InsertAdminKey(admin_key(1, "two"))]).await);
    assert_eq!(names(store, 10).await, ["one"]);
    put(store, &admin_key(2, "two")).await;
}

pub async fn admin_keys_come_in_the_order_of_the_bytes_of_their_names(store: &Shared) {
    let sorted = [".", "A", "Z", "_", "a", "b"];
    for (number, name) in (1..=6).zip(sorted).rev() {
        put(store, &admin_key(number, name)).await;
    }
    done(apply(store, [revoke("Z", 5)]).await);
    assert_eq!(names(store, 10).await, sorted);
    assert_eq!(names(store, 2).await, sorted[..2]);
    assert!(names(store, 0).await.is_empty());
}

pub async fn an_admin_key_is_revoked_once(store: &Shared) {
    for (number, name) in [(1, "one"), (2, "two")] {
        put(store, &admin_key(number, name)).await;
    }
    done(apply(store, [revoke("one", 5)]).await);
    stale(apply(store, [revoke("one", 6)]).await);
    stale(apply(store, [revoke("three", 6)]).await);
    let expected = AdminKey { revoked_at: Some(at(5)), ..admin_key(1, "one") };
    assert!(load(store, &expected.hash).await == Some(expected));
    assert!(load(store, &admin_key(2, "two").hash).await == Some(admin_key(2, "two")));
}

pub async fn the_last_use_of_an_admin_key_moves_forward_and_never_back(store: &Shared) {
    for (number, name) in [(1, "one"), (2, "two")] {
        put(store, &admin_key(number, name)).await;
    }
    for (used, expected) in [(5, 5), (3, 5), (7, 7)] {
        done(apply(store, [Write::UseAdminKey { name: key_name("one"), at: at(used) }]).await);
        let key = load(store, &admin_key(1, "one").hash).await.expect("it is there");
        assert_eq!(key.last_used_at, Some(at(expected)));
    }
    done(apply(store, [Write::UseAdminKey { name: key_name("three"), at: at(1) }]).await);
    assert!(load(store, &admin_key(2, "two").hash).await == Some(admin_key(2, "two")));
}

async fn put(store: &Shared, key: &AdminKey) {
    done(apply(store, [Write::InsertAdminKey(key.clone())]).await);
}

async fn load(store: &Shared, hash: &[u8; 32]) -> Option<AdminKey> {
    store.load_admin_key(hash).await.expect("the store is available")
}

async fn names(store: &Shared, limit: usize) -> Vec<String> {
    let keys = store.load_admin_keys(limit).await.expect("the store is available");
    keys.iter().map(|key| key.name.to_string()).collect()
}

fn revoke(name: &str, seconds: i64) -> Write {
    Write::RevokeAdminKey { name: key_name(name), at: at(seconds) }
}
