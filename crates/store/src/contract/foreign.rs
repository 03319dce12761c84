//! What a store promises about refreshes of foreign tokens. A lease lasts until `at(30)` here.

use perennial_protocol::time::UnixMillis;

use super::samples::*;
use crate::{ForeignRefresh, ForeignState, LeaseId, SealedResult, Write};

pub async fn a_lease_reads_back_exactly_as_it_was_written(store: &Shared) {
    assert!(load_foreign(store, &[hash(1)]).await.is_empty());
    done(apply(store, [lease(1, 7, 0)]).await);
    check(store, 1, leased(1, 7, 30)).await;
    let until = UnixMillis(i64::MAX);
    let for_ever = Write::LeaseForeignRefresh { token_hash: hash(2), lease: LeaseId([0; 16]), until, now: NOW };
    done(apply(store, [for_ever]).await);
    let state = ForeignState::Leased(LeaseId([0; 16]));
    check(store, 2, ForeignRefresh { token_hash: hash(2), state, ends_at: until }).await;
}

pub async fn a_result_reads_back_exactly_as_it_was_written(store: &Shared) {
    let largest = (0..=u8::MAX).cycle().take(SealedResult::BYTES_MAX).collect();
    for (number, bytes, successor) in [(1, vec![], None), (2, vec![0, 255], Some(hash(9))), (3, largest, Some(hash(0)))]
    {
        done(apply(store, [lease(number, 7, 0)]).await);
        let (sealed, kept_until) = (sealed(bytes), at(i64::from(number) * 1000));
        let (token_hash, lease) = (hash(number), LeaseId([7; 16]));
        let finish = Write::FinishForeignRefresh { token_hash, lease, sealed: sealed.clone(), successor, kept_until };
        done(apply(store, [finish]).await);
        let state = ForeignState::Done { sealed, successor };
        check(store, number, ForeignRefresh { token_hash, state, ends_at: kept_until }).await;
    }
}

pub async fn all_that_is_kept_under_the_hashes_is_told_once(store: &Shared) {
    done(apply(store, [lease(1, 7, 0), lease(2, 8, 0)]).await);
    let mut found = load_foreign(store, &[hash(9), hash(2), hash(1), hash(2)]).await;
    found.sort_by_key(|refresh| refresh.token_hash);
    assert!(found == [leased(1, 7, 30), leased(2, 8, 30)], "{found:?}");
    assert!(load_foreign(store, &[]).await.is_empty());
    assert!(load_foreign(store, &[hash(3), hash(9)]).await.is_empty());
}

pub async fn a_lease_that_stands_is_not_given_again(store: &Shared) {
    done(apply(store, [lease(1, 7, 0)]).await);
    stale(apply(store, [lease(1, 8, 0)]).await);
    stale(apply(store, [lease(1, 7, 29)]).await);
    check(store, 1, leased(1, 7, 30)).await;
    done(apply(store, [lease(2, 8, 0)]).await);
}

pub async fn a_lease_that_ran_out_is_given_once_more(store: &Shared) {
    done(apply(store, [lease(1, 7, 0)]).await);
    done(apply(store, [lease(1, 8, 30)]).await);
    stale(apply(store, [lease(1, 9, 30)]).await);
    check(store, 1, leased(1, 8, 60)).await;
}

pub async fn a_lease_holds_under_every_hash_or_under_none(store: &Shared) {
    done(apply(store, [lease(2, 7, 0)]).await);
    stale(apply(store, [lease(1, 8, 0), lease(2, 8, 0)]).await);
    assert!(load_foreign(store, &[hash(1)]).await.is_empty());
    done(apply(store, [lease(1, 8, 30), lease(2, 8, 30)]).await);
    done(apply(store, [finish(1, 8), release(2, 8)]).await);
    check(store, 1, finished(1)).await;
    assert!(load_foreign(store, &[hash(2)]).await.is_empty());
}

pub async fn a_finish_needs_the_lease_that_stands(store: &Shared) {
    stale(apply(store, [finish(1, 7)]).await);
    done(apply(store, [lease(1, 7, 0)]).await);
    stale(apply(store, [finish(1, 8)]).await);
    done(apply(store, [lease(1, 8, 30)]).await);
    stale(apply(store, [finish(1, 7)]).await);
    check(store, 1, leased(1, 8, 60)).await;
    done(apply(store, [finish(1, 8)]).await);
    stale(apply(store, [finish(1, 8)]).await);
    check(store, 1, finished(1)).await;
}

pub async fn a_result_stands_until_its_time_is_over(store: &Shared) {
    done(apply(store, [lease(1, 7, 0)]).await);
    done(apply(store, [finish(1, 7)]).await);
    stale(apply(store, [lease(1, 8, 30)]).await);
    stale(apply(store, [lease(1, 8, 99)]).await);
    check(store, 1, finished(1)).await;
    done(apply(store, [lease(1, 8, 100)]).await);
    check(store, 1, leased(1, 8, 130)).await;
}

pub async fn a_lease_that_is_released_is_given_again_at_once(store: &Shared) {
    done(apply(store, [lease(1, 7, 0)]).await);
    done(apply(store, [release(1, 7)]).await);
    assert!(load_foreign(store, &[hash(1)]).await.is_empty());
    done(apply(store, [lease(1, 8, 0)]).await);
}

pub async fn a_release_takes_back_nothing_but_its_own_lease(store: &Shared) {
    done(apply(store, [lease(1, 7, 0)]).await);
    done(apply(store, [release(1, 8)]).await);
    done(apply(store, [release(2, 7)]).await);
    check(store, 1, leased(1, 7, 30)).await;
    done(apply(store, [finish(1, 7)]).await);
    done(apply(store, [release(1, 7)]).await);
    check(store, 1, finished(1)).await;
}

pub async fn results_are_kept_less_long_once_their_successor_is_named(store: &Shared) {
    for (number, successor) in [(1, Some(hash(101))), (2, Some(hash(102))), (3, None)] {
        done(apply(store, [lease(number, 7, 0)]).await);
        done(apply(store, [finish_with(number, 7, successor)]).await);
    }
    done(apply(store, [lease(101, 7, 0)]).await);
    let successors = vec![hash(101), hash(9), hash(3)];
    let shorten = |seconds| Write::ShortenForeignResults { successors: successors.clone(), until: at(seconds) };
    for (asked, ends) in [(50, 50), (70, 50), (20, 20)] {
        done(apply(store, [shorten(asked)]).await);
        check(store, 1, ForeignRefresh { ends_at: at(ends), ..finished_with(1, Some(hash(101))) }).await;
    }
    check(store, 2, finished_with(2, Some(hash(102)))).await;
    check(store, 3, finished(3)).await;
    check(store, 101, leased(101, 7, 30)).await;
    done(apply(store, [Write::ShortenForeignResults { successors: vec![], until: NOW }]).await);
}

pub async fn a_lease_in_the_place_of_a_result_has_no_successor(store: &Shared) {
    done(apply(store, [lease(1, 7, 0)]).await);
    done(apply(store, [finish_with(1, 7, Some(hash(9)))]).await);
    done(apply(store, [lease(1, 8, 100)]).await);
    done(apply(store, [Write::ShortenForeignResults { successors: vec![hash(9)], until: NOW }]).await);
    check(store, 1, leased(1, 8, 130)).await;
}

pub async fn leases_and_results_are_forgotten_after_their_time(store: &Shared) {
    done(apply(store, [lease(1, 7, 0)]).await);
    for number in 2..=5 {
        done(apply(store, [lease(number, 7, 0)]).await);
        done(apply(store, [finish(number, 7)]).await);
    }
    assert_eq!(sweep(store, 30, 100).await, 0);
    assert_eq!(sweep(store, 31, 100).await, 1);
    assert!(load_foreign(store, &[hash(1)]).await.is_empty());
    check(store, 2, finished(2)).await;
    for (limit, expected) in [(0, 0), (3, 3), (3, 1), (3, 0)] {
        assert_eq!(sweep(store, 101, limit).await, expected);
    }
}

async fn sweep(store: &Shared, before: i64, limit: usize) -> usize {
    store.sweep_foreign_refreshes(at(before), limit).await.expect("the store is available")
}

/// A lease of holder `by` at `at(seconds)`, for 30 seconds.
pub(super) fn lease(number: u8, by: u8, seconds: i64) -> Write {
    let (token_hash, lease) = (hash(number), LeaseId([by; 16]));
    Write::LeaseForeignRefresh { token_hash, lease, until: at(seconds + 30), now: at(seconds) }
}

/// A result by holder `by` that is kept until `at(100)`.
pub(super) fn finish(number: u8, by: u8) -> Write {
    finish_with(number, by, None)
}

pub(super) fn finish_with(number: u8, by: u8, successor: Option<[u8; 32]>) -> Write {
    let (token_hash, lease, sealed) = (hash(number), LeaseId([by; 16]), sealed(vec![number]));
    Write::FinishForeignRefresh { token_hash, lease, sealed, successor, kept_until: at(100) }
}

pub(super) fn release(number: u8, by: u8) -> Write {
    Write::ReleaseForeignRefresh { token_hash: hash(number), lease: LeaseId([by; 16]) }
}

/// What `lease(number, by, ends - 30)` leaves.
fn leased(number: u8, by: u8, ends: i64) -> ForeignRefresh {
    let state = ForeignState::Leased(LeaseId([by; 16]));
    ForeignRefresh { token_hash: hash(number), state, ends_at: at(ends) }
}

/// What `finish(number, _)` leaves.
pub(super) fn finished(number: u8) -> ForeignRefresh {
    finished_with(number, None)
}

fn finished_with(number: u8, successor: Option<[u8; 32]>) -> ForeignRefresh {
    let state = ForeignState::Done { sealed: sealed(vec![number]), successor };
    ForeignRefresh { token_hash: hash(number), state, ends_at: at(100) }
}

fn sealed(bytes: Vec<u8>) -> SealedResult {
    SealedResult::checked(bytes).expect("the samples' results are small")
}

async fn check(store: &Shared, number: u8, expected: ForeignRefresh) {
    let found = load_foreign(store, &[hash(number)]).await;
    assert!(found == [expected.clone()], "{found:?} instead of {expected:?}");
}

pub(super) async fn load_foreign(store: &Shared, hashes: &[[u8; 32]]) -> Vec<ForeignRefresh> {
    store.load_foreign_refreshes(hashes).await.expect("the store is available")
}
