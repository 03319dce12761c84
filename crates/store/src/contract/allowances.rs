//! What a store promises about allowances. A window lasts 60 seconds here.

use super::samples::*;
use crate::{Allowance, AllowanceKey, Write};

pub async fn an_allowance_is_spent_up_to_its_limit(store: &Shared) {
    for used in [1, 2, 3] {
        done(apply(store, [spend(1, 3, NOW)]).await);
        assert_eq!(load(store, 1).await, Some(Allowance { used, window_ends_at: at(60) }));
    }
    stale(apply(store, [spend(1, 3, NOW)]).await);
    assert_eq!(load(store, 1).await, Some(Allowance { used: 3, window_ends_at: at(60) }));
}

pub async fn a_window_ends_when_it_was_to_end_however_often_it_is_used(store: &Shared) {
    for seconds in [0, 30, 59] {
        done(apply(store, [spend(1, 10, at(seconds))]).await);
    }
    assert_eq!(load(store, 1).await, Some(Allowance { used: 3, window_ends_at: at(60) }));
}

pub async fn a_window_that_is_over_begins_anew(store: &Shared) {
    done(apply(store, [spend(1, 1, NOW)]).await);
    stale(apply(store, [spend(1, 1, at(59))]).await);
    done(apply(store, [spend(1, 1, at(60))]).await);
    assert_eq!(load(store, 1).await, Some(Allowance { used: 1, window_ends_at: at(120) }));
    done(apply(store, [spend(1, 1, at(500))]).await);
    assert_eq!(load(store, 1).await, Some(Allowance { used: 1, window_ends_at: at(560) }));
}

pub async fn the_limit_is_the_one_of_this_use(store: &Shared) {
    done(apply(store, [spend(1, 2, NOW)]).await);
    done(apply(store, [spend(1, 2, NOW)]).await);
    stale(apply(store, [spend(1, 1, NOW)]).await);
    done(apply(store, [spend(1, 3, NOW)]).await);
    done(apply(store, [spend(1, u32::MAX, NOW)]).await);
    assert_eq!(load(store, 1).await, Some(Allowance { used: 4, window_ends_at: at(60) }));
}

pub async fn a_limit_of_nothing_allows_nothing(store: &Shared) {
    stale(apply(store, [spend(1, 0, NOW)]).await);
    assert_eq!(load(store, 1).await, None);
    done(apply(store, [spend(1, 1, NOW)]).await);
    stale(apply(store, [spend(1, 0, at(60))]).await);
    assert_eq!(load(store, 1).await, Some(Allowance { used: 1, window_ends_at: at(60) }));
}

pub async fn allowances_are_counted_apart(store: &Shared) {
    done(apply(store, [spend(1, 1, NOW)]).await);
    done(apply(store, [spend(2, 1, NOW)]).await);
    stale(apply(store, [spend(2, 1, NOW)]).await);
    assert_eq!(load(store, 3).await, None);
}

pub async fn a_cleared_allowance_counts_from_the_start(store: &Shared) {
    done(apply(store, [spend(1, 1, NOW)]).await);
    done(apply(store, [spend(2, 1, NOW)]).await);
    let clear = || Write::ClearAllowance { key: AllowanceKey([1; 16]) };
    done(apply(store, [clear()]).await);
    assert_eq!(load(store, 1).await, None);
    done(apply(store, [clear()]).await);
    done(apply(store, [spend(1, 1, at(1))]).await);
    assert_eq!(load(store, 1).await, Some(Allowance { used: 1, window_ends_at: at(61) }));
    assert_eq!(load(store, 2).await, Some(Allowance { used: 1, window_ends_at: at(60) }));
}

pub async fn a_use_that_is_given_back_can_be_spent_again(store: &Shared) {
    done(apply(store, [spend(1, 2, NOW)]).await);
    done(apply(store, [spend(1, 2, at(1))]).await);
    done(apply(store, [refund(1)]).await);
    assert_eq!(load(store, 1).await, Some(Allowance { used: 1, window_ends_at: at(60) }));
    done(apply(store, [spend(1, 2, at(2))]).await);
    stale(apply(store, [spend(1, 2, at(3))]).await);
}

pub async fn no_more_is_given_back_than_was_used(store: &Shared) {
    done(apply(store, [refund(1)]).await);
    assert_eq!(load(store, 1).await, None);
    done(apply(store, [spend(1, 2, NOW)]).await);
    for _ in 0..3 {
        done(apply(store, [refund(1)]).await);
    }
    assert_eq!(load(store, 1).await, Some(Allowance { used: 0, window_ends_at: at(60) }));
}

pub async fn what_is_given_back_to_a_window_that_is_over_does_not_outlast_it(store: &Shared) {
    done(apply(store, [spend(1, 1, NOW)]).await);
    done(apply(store, [refund(1)]).await);
    done(apply(store, [spend(1, 1, at(60))]).await);
    assert_eq!(load(store, 1).await, Some(Allowance { used: 1, window_ends_at: at(120) }));
}

fn refund(number: u8) -> Write {
    Write::RefundAllowance { key: AllowanceKey([number; 16]) }
}

async fn load(store: &Shared, number: u8) -> Option<Allowance> {
    store.load_allowance(&AllowanceKey([number; 16])).await.expect("available")
}
