//! What every store promises: one function per promise, and `store_contract!`, which makes each of them a
//! test of the store at hand.
//!
//! A promise gets a store with nothing in it, and panics when the store does not keep the promise. The
//! times in it are made up: no store looks at a clock.

pub mod accounts;
pub mod admin_keys;
pub mod allowances;
pub mod changes;
pub mod concurrency;
pub mod foreign;
pub mod pending;
mod samples;
pub mod sessions;

use std::{any::Any, fmt};

use tokio::runtime::Builder;

pub use samples::{NOW, Shared, numbered_session};

/// A store with nothing in it.
pub struct Fresh {
    pub store: Shared,
    /// What has to be there as long as the store, such as its directory.
    pub surroundings: Box<dyn Any>,
}

impl fmt::Debug for Fresh {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Fresh({:?})", self.store)
    }
}

/// Checks one promise of the store that `make` makes.
pub fn check(make: impl AsyncFnOnce() -> Fresh, promise: impl AsyncFnOnce(&Shared)) {
    let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("threads can be started");
    runtime.block_on(async {
        let Fresh { store, surroundings } = make().await;
        promise(&store).await;
        drop(store);
        drop(surroundings);
    });
}

/// Makes every promise a test, or those of one group. `$make` is an async function that answers a
/// `contract::Fresh`.
#[macro_export]
macro_rules! store_contract {
    ($make:expr) => {
        $crate::store_contract! { $make, sessions }
        $crate::store_contract! { $make, accounts }
        $crate::store_contract! { $make, pending }
        $crate::store_contract! { $make, allowances }
        $crate::store_contract! { $make, admin_keys }
        $crate::store_contract! { $make, foreign }
        $crate::store_contract! { $make, changes }
        $crate::store_contract! { $make, concurrency }
    };
    ($make:expr, sessions) => {
        $crate::store_contract! { $make, sessions:
            a_session_reads_back_exactly_as_it_was_written
            every_reason_of_an_end_reads_back
            sessions_that_do_not_exist_are_left_out
            a_sid_that_is_taken_is_refused
            a_session_key_that_is_taken_is_refused
            rotate_moves_the_row_and_the_time_of_activity_and_nothing_else
            rotate_follows_a_token_that_is_many_generations_ahead
            rotate_needs_a_session
            rotate_needs_the_generation_it_was_decided_for
            rotate_needs_the_lateness_it_was_decided_for
            an_ended_session_is_never_rotated
            confirm_holds_at_the_same_generation_only
            touch_moves_the_time_of_activity_forward_and_never_back
            the_first_end_of_a_session_stands
            every_session_of_a_subject_ends_but_for_the_one_that_stays
            reauthenticate_replaces_how_the_person_proved_who_they_are
            reauthenticate_needs_a_session_that_has_not_ended
            writes_without_a_guard_do_nothing_to_a_session_that_does_not_exist
            the_sessions_of_a_subject_come_newest_first_up_to_the_limit
            the_sessions_of_a_subject_are_those_that_live
            ends_are_told_in_the_order_of_their_times
            ends_are_told_after_a_place_and_up_to_the_limit
        }
    };
    ($make:expr, accounts) => {
        $crate::store_contract! { $make, accounts:
            an_account_reads_back_exactly_as_it_was_written
            an_account_that_does_not_exist_is_not_found
            an_account_id_that_is_taken_is_refused
            an_email_address_that_is_taken_is_refused
            accounts_come_in_the_order_of_the_bytes_of_their_addresses
            the_fields_of_an_account_change_one_by_one
            a_password_hash_is_replaced_only_where_the_former_one_still_stands
            writes_without_a_guard_do_nothing_to_an_account_that_does_not_exist
            a_second_factor_is_put_in_place_of_the_former_one
            a_change_that_expects_a_password_is_stale_once_it_is_another_or_the_account_is_disabled
            a_change_that_expects_no_second_factor_is_stale_where_there_is_one
            a_second_factor_needs_an_account
            a_step_of_the_second_factor_is_accepted_once_and_never_after_a_later_one
            a_step_needs_an_account_with_a_second_factor
            a_recovery_code_is_good_once
            a_recovery_code_is_good_under_any_key_and_forgotten_under_all
            a_recovery_code_is_good_for_its_own_account_only
            two_accounts_may_have_the_same_recovery_code
            new_recovery_codes_replace_all_former_ones
        }
    };
    ($make:expr, pending) => {
        $crate::store_contract! { $make, pending:
            a_pending_step_reads_back_exactly_as_it_was_written
            a_token_hash_that_is_taken_is_refused
            a_pending_step_is_found_under_the_first_hash_that_is_known
            attempts_are_spent_down_to_the_last
            an_attempt_needs_a_step_whose_time_is_not_over
            a_new_code_takes_one_resend_and_gives_new_attempts
            a_new_code_needs_a_step_whose_time_is_not_over
            a_new_code_needs_a_step_that_waits_for_one
            a_step_is_consumed_once
            the_steps_of_one_person_are_removed_and_no_others
            a_step_can_be_consumed_with_its_last_attempt
            a_step_whose_time_is_over_is_not_consumed_and_can_still_be_loaded
        }
    };
    ($make:expr, allowances) => {
        $crate::store_contract! { $make, allowances:
            an_allowance_is_spent_up_to_its_limit
            a_window_ends_when_it_was_to_end_however_often_it_is_used
            a_window_that_is_over_begins_anew
            the_limit_is_the_one_of_this_use
            a_limit_of_nothing_allows_nothing
            allowances_are_counted_apart
            a_cleared_allowance_counts_from_the_start
            a_use_that_is_given_back_can_be_spent_again
            no_more_is_given_back_than_was_used
            what_is_given_back_to_a_window_that_is_over_does_not_outlast_it
        }
    };
    ($make:expr, admin_keys) => {
        $crate::store_contract! { $make, admin_keys:
            an_admin_key_reads_back_exactly_as_it_was_written
            an_admin_key_is_found_by_its_hash_only
            an_admin_key_whose_name_or_hash_is_taken_is_refused
            admin_keys_come_in_the_order_of_the_bytes_of_their_names
            an_admin_key_is_revoked_once
            the_last_use_of_an_admin_key_moves_forward_and_never_back
        }
    };
    ($make:expr, foreign) => {
        $crate::store_contract! { $make, foreign:
            a_lease_reads_back_exactly_as_it_was_written
            a_result_reads_back_exactly_as_it_was_written
            all_that_is_kept_under_the_hashes_is_told_once
            a_lease_that_stands_is_not_given_again
            a_lease_that_ran_out_is_given_once_more
            a_lease_holds_under_every_hash_or_under_none
            a_finish_needs_the_lease_that_stands
            a_result_stands_until_its_time_is_over
            a_lease_that_is_released_is_given_again_at_once
            a_release_takes_back_nothing_but_its_own_lease
            results_are_kept_less_long_once_their_successor_is_named
            a_lease_in_the_place_of_a_result_has_no_successor
            leases_and_results_are_forgotten_after_their_time
        }
    };
    ($make:expr, changes) => {
        $crate::store_contract! { $make, changes:
            a_change_of_nothing_is_done
            later_writes_of_a_change_see_earlier_ones
            a_guard_that_does_not_hold_undoes_every_earlier_write
            a_change_of_every_kind_of_write_is_done
            loads_see_what_was_applied_before_they_began
            audit_events_come_newest_first_up_to_the_limit
            an_audit_event_reads_back_exactly_as_it_was_written
            sweep_forgets_what_is_over_and_keeps_the_rest
            sweep_forgets_at_most_so_many_rows_of_each
            the_names_of_a_swept_session_are_free_again
        }
    };
    ($make:expr, concurrency) => {
        $crate::store_contract! { $make, concurrency:
            one_of_many_rotations_of_a_generation_wins
            one_of_many_acceptances_of_a_step_wins
            one_of_many_takers_of_the_last_attempt_wins
            one_of_many_consumers_of_a_step_wins
            one_of_many_users_of_a_recovery_code_wins
            one_of_many_accounts_with_one_address_is_inserted
            an_allowance_is_never_overspent
            an_end_and_a_rotation_leave_an_ended_session
            one_of_many_takers_of_a_lease_wins
            one_of_many_takers_of_a_lease_under_several_hashes_wins
            a_lease_that_ran_out_has_one_more_winner
            a_stale_change_harms_none_of_those_around_it
            many_sessions_rotate_beside_each_other
            a_caller_that_goes_away_breaks_nothing
        }
    };
    ($make:expr, $group:ident: $($promise:ident)*) => {
        mod $group {
            use super::*;

            $(
                #[test]
                fn $promise() {
                    $crate::contract::check($make, $crate::contract::$group::$promise);
                }
            )*
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_promise_is_in_the_list() {
        let list = include_str!("mod.rs");
        let files = [
            include_str!("sessions.rs"),
            include_str!("accounts.rs"),
            include_str!("admin_keys.rs"),
            include_str!("pending.rs"),
            include_str!("allowances.rs"),
            include_str!("foreign.rs"),
            include_str!("changes.rs"),
            include_str!("concurrency.rs"),
        ];
        for line in files.iter().flat_map(|file| file.lines()) {
            if let Some((name, _)) = line.strip_prefix("pub async fn ").and_then(|rest| rest.split_once('(')) {
                assert!(list.lines().any(|line| line.trim() == name), "{name} is not in the list of the macro");
            }
        }
    }
}
