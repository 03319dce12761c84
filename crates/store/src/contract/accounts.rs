//! What a store promises about accounts, second factors and recovery codes.

use perennial_protocol::{
    claims::Claims,
    id::Subject,
    login::{Account, Email, SecondFactor},
    time::UnixMillis,
};

use super::samples::*;
use crate::{Applied, Write};

pub async fn an_account_reads_back_exactly_as_it_was_written(store: &Shared) {
    for shape in shapes() {
        put_account(store, &shape).await;
    }
    for shape in shapes() {
        let by_email = store.load_account_by_email(&shape.email).await.expect("available");
        same(by_email.as_ref(), &shape);
        same(load_account(store, &shape.id).await.as_ref(), &shape);
    }
}

/// An account tells its id only when it is printed, so a difference is named by its field.
#[track_caller]
fn same(found: Option<&Account>, expected: &Account) {
    let found = found.expect("the account is there");
    assert_eq!(found.id, expected.id);
    assert_eq!(found.email.as_str(), expected.email.as_str());
    assert_eq!(found.name, expected.name);
    assert_eq!(found.password_hash, expected.password_hash);
    assert_eq!((found.disabled, found.created_at), (expected.disabled, expected.created_at));
    assert_eq!(found.last_login_at, expected.last_login_at);
    let parts = |factor: &SecondFactor| (factor.sealed_secret.clone(), factor.last_step);
    assert_eq!(found.claims, expected.claims);
    assert_eq!(found.second_factor.as_ref().map(parts), expected.second_factor.as_ref().map(parts));
}

fn shapes() -> Vec<Account> {
    let empty = Account {
        name: String::new(),
        password_hash: String::new(),
        created_at: UnixMillis(0),
        last_login_at: Some(UnixMillis(0)),
        second_factor: Some(SecondFactor { sealed_secret: vec![], last_step: 0 }),
        ..account(2)
    };
    let largest = Account {
        email: Email::parse(&format!("{}@{}.example", "a".repeat(64), "b".repeat(180))).expect("an address"),
        name: "\u{10ffff}".repeat(200),
        disabled: true,
        created_at: UnixMillis(i64::MIN),
        last_login_at: Some(UnixMillis(i64::MAX)),
        second_factor: Some(SecondFactor { sealed_secret: (0..=255).collect(), last_step: i64::MAX }),
        claims: claims(&format!(r#"{{"x":"{}"}}"#, "x".repeat(Claims::BYTES_MAX - 8))),
        ..account(3)
    };
    let strange = Account {
        email: Email::parse("öländ+%_'☂@exämple.com").expect("an address"),
        name: "'); DROP TABLE account; -- \"\\\t\r\n\u{202e}🦀".into(),
        second_factor: Some(SecondFactor { sealed_secret: vec![0; 3], last_step: i64::MIN }),
        claims: strange_claims(),
        ..account(4)
    };
    vec![account(1), empty, largest, strange]
}

pub async fn an_account_that_does_not_exist_is_not_found(store: &Shared) {
    put_account(store, &account(1)).await;
    assert!(load_account(store, &subject(2)).await.is_none());
    assert!(store.load_account_by_email(&account(2).email).await.expect("available").is_none());
}

pub async fn an_account_id_that_is_taken_is_refused(store: &Shared) {
    put_account(store, &account(1)).await;
    stale(apply(store, [Write::InsertAccount(Account { id: subject(1), ..account(2) })]).await);
    same(load_account(store, &subject(1)).await.as_ref(), &account(1));
    assert!(store.load_account_by_email(&account(2).email).await.expect("available").is_none());
}

pub async fn an_email_address_that_is_taken_is_refused(store: &Shared) {
    put_account(store, &account(1)).await;
    stale(apply(store, [Write::InsertAccount(Account { email: account(1).email, ..account(2) })]).await);
    same(store.load_account_by_email(&account(1).email).await.expect("available").as_ref(), &account(1));
    assert!(load_account(store, &subject(2)).await.is_none());
}

pub async fn accounts_come_in_the_order_of_the_bytes_of_their_addresses(store: &Shared) {
    let names = ["b", "a", "é", "z", "a.b", "a1", "☂"];
    for (number, name) in (1..).zip(names) {
        put_account(store, &Account { email: email(name), ..account(number) }).await;
    }
    let mut sorted = names.map(email);
    sorted.sort();
    assert_eq!(emails(store, None, 10).await, sorted);
    assert_eq!(emails(store, None, usize::MAX).await, sorted);
    assert_eq!(emails(store, None, 3).await, sorted[..3]);
    assert_eq!(emails(store, None, 0).await, []);
    assert_eq!(emails(store, Some(&sorted[2]), 10).await, sorted[3..]);
    assert_eq!(emails(store, Some(&sorted[2]), 2).await, sorted[3..5]);
    assert_eq!(emails(store, Some(&email("aa")), 10).await, sorted[3..]);
    assert_eq!(emails(store, Some(&sorted[6]), 10).await, []);
}

async fn emails(store: &Shared, after: Option<&Email>, limit: usize) -> Vec<Email> {
    let accounts = store.load_accounts(after, limit).await.expect("available");
    accounts.into_iter().map(|account| account.email).collect()
}

pub async fn the_fields_of_an_account_change_one_by_one(store: &Shared) {
    for number in [1, 2] {
        put_account(store, &account(number)).await;
    }
    let id = || subject(1);
    done(apply(store, [Write::SetPasswordHash { account: id(), password_hash: "$new".into() }]).await);
    let mut expected = Account { password_hash: "$new".into(), ..account(1) };
    same(load_account(store, &id()).await.as_ref(), &expected);
    for disabled in [true, false] {
        done(apply(store, [Write::SetDisabled { account: id(), disabled }]).await);
        expected.disabled = disabled;
        same(load_account(store, &id()).await.as_ref(), &expected);
    }
    for expected_claims in [strange_claims(), Claims::default()] {
        let claims = expected_claims.clone();
        done(apply(store, [Write::SetClaims { account: id(), claims }]).await);
        expected.claims = expected_claims;
        same(load_account(store, &id()).await.as_ref(), &expected);
    }
    done(apply(store, [Write::RecordLogin { account: id(), at: at(3) }]).await);
    expected.last_login_at = Some(at(3));
    same(load_account(store, &id()).await.as_ref(), &expected);
    same(load_account(store, &subject(2)).await.as_ref(), &account(2));
}

pub async fn a_password_hash_is_replaced_only_where_the_former_one_still_stands(store: &Shared) {
    for number in [1, 2] {
        put_account(store, &account(number)).await;
    }
    let replace = |from: &str, to: &str| Write::ReplacePasswordHash {
        account: subject(1),
        from: from.to_owned(),
        to: to.to_owned(),
    };
    let former = account(1).password_hash;
    for (from, to, stands) in [("", "$a", &*former), (&former, "$b", "$b"), (&former, "$c", "$b"), ("$b", "$d", "$d")] {
        done(apply(store, [replace(from, to)]).await);
        let expected = Account { password_hash: stands.to_owned(), ..account(1) };
        same(load_account(store, &subject(1)).await.as_ref(), &expected);
    }
    same(load_account(store, &subject(2)).await.as_ref(), &account(2));
}

pub async fn writes_without_a_guard_do_nothing_to_an_account_that_does_not_exist(store: &Shared) {
    let id = || subject(1);
    done(apply(store, [Write::SetPasswordHash { account: id(), password_hash: "$new".into() }]).await);
    done(apply(store, [Write::SetDisabled { account: id(), disabled: true }]).await);
    done(apply(store, [Write::RecordLogin { account: id(), at: NOW }]).await);
    done(apply(store, [Write::SetClaims { account: id(), claims: strange_claims() }]).await);
    let (from, to) = (String::new(), "$new".to_owned());
    done(apply(store, [Write::ReplacePasswordHash { account: id(), from, to }]).await);
    done(apply(store, [Write::ReplaceRecoveryCodes { account: id(), hashes: vec![hash(1)] }]).await);
    assert!(load_account(store, &id()).await.is_none());
    put_account(store, &account(1)).await;
    stale(use_code(store, 1, &[1]).await);
}

pub async fn a_second_factor_is_put_in_place_of_the_former_one(store: &Shared) {
    put_account(store, &account(1)).await;
    for (secret, last_step) in [(vec![1, 2, 3], 70), (vec![], 5)] {
        done(apply(store, [set_factor(1, &secret, last_step)]).await);
        let second_factor = Some(SecondFactor { sealed_secret: secret, last_step });
        same(load_account(store, &subject(1)).await.as_ref(), &Account { second_factor, ..account(1) });
    }
}

pub async fn a_change_that_expects_a_password_is_stale_once_it_is_another_or_the_account_is_disabled(store: &Shared) {
    let expected = |hash: &str| Write::ExpectPassword { account: subject(1), password_hash: hash.to_owned() };
    let former = account(1).password_hash;
    stale(apply(store, [expected(&former)]).await);
    put_account(store, &account(1)).await;
    done(apply(store, [expected(&former), Write::RecordLogin { account: subject(1), at: at(1) }]).await);
    done(apply(store, [Write::SetPasswordHash { account: subject(1), password_hash: "$new".into() }]).await);
    stale(apply(store, [expected(&former), Write::RecordLogin { account: subject(1), at: at(2) }]).await);
    done(apply(store, [expected("$new")]).await);
    done(apply(store, [Write::SetDisabled { account: subject(1), disabled: true }]).await);
    stale(apply(store, [expected("$new")]).await);
    assert_eq!(load_account(store, &subject(1)).await.expect("there").last_login_at, Some(at(1)));
}

pub async fn a_change_that_expects_no_second_factor_is_stale_where_there_is_one(store: &Shared) {
    let expected = || Write::ExpectNoSecondFactor { account: subject(1) };
    stale(apply(store, [expected()]).await);
    put_account(store, &account(1)).await;
    done(apply(store, [expected(), set_factor(1, &[1], 0)]).await);
    stale(apply(store, [expected(), set_factor(1, &[2], 0)]).await);
    let factor = load_account(store, &subject(1)).await.expect("there").second_factor.expect("set");
    assert_eq!(factor.sealed_secret, [1]);
}

pub async fn a_second_factor_needs_an_account(store: &Shared) {
    stale(apply(store, [set_factor(1, &[1], 0)]).await);
    assert!(load_account(store, &subject(1)).await.is_none());
}

pub async fn a_step_of_the_second_factor_is_accepted_once_and_never_after_a_later_one(store: &Shared) {
    put_account(store, &account(1)).await;
    done(apply(store, [set_factor(1, &[1], 10)]).await);
    for (step, expected) in [(10, Applied::Stale), (9, Applied::Stale), (12, Applied::Done), (12, Applied::Stale)] {
        assert_eq!(apply(store, [advance(1, step)]).await, expected, "step {step}");
    }
    stale(apply(store, [advance(1, 11)]).await);
    let factor = load_account(store, &subject(1)).await.expect("there").second_factor.expect("set");
    assert_eq!((factor.sealed_secret, factor.last_step), (vec![1], 12));
}

pub async fn a_step_needs_an_account_with_a_second_factor(store: &Shared) {
    stale(apply(store, [advance(1, 10)]).await);
    put_account(store, &account(1)).await;
    stale(apply(store, [advance(1, 10)]).await);
    assert!(load_account(store, &subject(1)).await.expect("there").second_factor.is_none());
}

pub async fn a_recovery_code_is_good_once(store: &Shared) {
    put_codes(store, 1, &[1, 2]).await;
    done(use_code(store, 1, &[1]).await);
    stale(use_code(store, 1, &[1]).await);
    done(use_code(store, 1, &[2]).await);
}

pub async fn a_recovery_code_is_good_under_any_key_and_forgotten_under_all(store: &Shared) {
    put_codes(store, 1, &[1, 2, 3]).await;
    done(use_code(store, 1, &[9, 1]).await);
    done(use_code(store, 1, &[2, 3]).await);
    stale(use_code(store, 1, &[3]).await);
}

pub async fn a_recovery_code_is_good_for_its_own_account_only(store: &Shared) {
    put_codes(store, 1, &[1]).await;
    put_codes(store, 2, &[2]).await;
    stale(use_code(store, 2, &[1]).await);
    stale(use_code(store, 1, &[2]).await);
    stale(use_code(store, 1, &[]).await);
    stale(use_code(store, 9, &[1]).await);
    done(use_code(store, 1, &[1]).await);
    done(use_code(store, 2, &[2]).await);
}

pub async fn two_accounts_may_have_the_same_recovery_code(store: &Shared) {
    put_codes(store, 1, &[1]).await;
    put_codes(store, 2, &[1]).await;
    done(use_code(store, 1, &[1]).await);
    done(use_code(store, 2, &[1]).await);
}

pub async fn new_recovery_codes_replace_all_former_ones(store: &Shared) {
    put_codes(store, 1, &[1, 2]).await;
    put_codes(store, 2, &[1]).await;
    // The same code twice is one code.
    done(apply(store, [replace_codes(1, &[2, 3, 3])]).await);
    stale(use_code(store, 1, &[1]).await);
    done(use_code(store, 1, &[2]).await);
    done(apply(store, [replace_codes(1, &[])]).await);
    stale(use_code(store, 1, &[3]).await);
    done(use_code(store, 2, &[1]).await);
}

fn set_factor(number: u8, sealed_secret: &[u8], last_step: i64) -> Write {
    Write::SetSecondFactor { account: subject(number), sealed_secret: sealed_secret.to_vec(), last_step }
}

fn advance(number: u8, step: i64) -> Write {
    Write::AdvanceSecondFactor { account: subject(number), step }
}

fn replace_codes(number: u8, codes: &[u8]) -> Write {
    let account: Subject = subject(number);
    Write::ReplaceRecoveryCodes { account, hashes: codes.iter().map(|code| hash(*code)).collect() }
}

async fn put_codes(store: &Shared, number: u8, codes: &[u8]) {
    put_account(store, &account(number)).await;
    done(apply(store, [replace_codes(number, codes)]).await);
}

async fn use_code(store: &Shared, number: u8, codes: &[u8]) -> Applied {
    let hashes = codes.iter().map(|code| hash(*code)).collect();
    apply(store, [Write::UseRecoveryCode { account: subject(number), hashes }]).await
}
