//! Writes to accounts, second factors and recovery codes.

use perennial_protocol::{claims::Claims, id::Subject, login::Account, time::UnixMillis};

use crate::{
    order::{Order, Place, Table},
    rows::account_columns,
    value::values,
};

/// Two accounts that are inserted at once meet at their address, so that it is their place.
pub(super) fn insert(account: &Account) -> Order {
    const SQL: &str = concat!(
        "INSERT INTO perennial.account (",
        account_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING"
    );
    let second_factor = account.second_factor.as_ref();
    let values = values![
        account.id.as_str(),
        account.email.as_str(),
        &account.name,
        &account.password_hash,
        account.disabled,
        account.created_at.0,
        account.last_login_at.map(|at| at.0),
        second_factor.map(|factor| &factor.sealed_secret),
        second_factor.map(|factor| factor.last_step),
        account.claims.to_json(),
    ];
    Order::guarded(SQL, values, Place::new(Table::Account, account.email.as_str()))
}

pub(super) fn set_password_hash(account: &Subject, password_hash: &str) -> Order {
    Order::regardless(
        "UPDATE perennial.account SET password_hash = $2 WHERE id = $1",
        values![account.as_str(), password_hash],
        place(account),
    )
}

pub(super) fn replace_password_hash(account: &Subject, from: &str, to: &str) -> Order {
    Order::regardless(
        "UPDATE perennial.account SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
        values![account.as_str(), from, to],
        place(account),
    )
}

pub(super) fn set_claims(account: &Subject, claims: &Claims) -> Order {
    Order::regardless(
        "UPDATE perennial.account SET claims = $2 WHERE id = $1",
        values![account.as_str(), claims.to_json()],
        place(account),
    )
}

pub(super) fn set_disabled(account: &Subject, disabled: bool) -> Order {
    Order::regardless(
        "UPDATE perennial.account SET disabled = $2 WHERE id = $1",
        values![account.as_str(), disabled],
        place(account),
    )
}

pub(super) fn record_login(account: &Subject, at: UnixMillis) -> Order {
    Order::regardless(
        "UPDATE perennial.account SET last_login_at = $2 WHERE id = $1",
        values![account.as_str(), at.0],
        place(account),
    )
}

/// The row stays locked until the commit, so that what was expected still holds then.
pub(super) fn expect_password(account: &Subject, password_hash: &str) -> Order {
    Order::guarded(
        "SELECT 1 FROM perennial.account WHERE id = $1 AND NOT disabled AND password_hash = $2 FOR UPDATE",
        values![account.as_str(), password_hash],
        place(account),
    )
}

/// The same.
pub(super) fn expect_no_second_factor(account: &Subject) -> Order {
    Order::guarded(
        "SELECT 1 FROM perennial.account WHERE id = $1 AND sealed_secret IS NULL FOR UPDATE",
        values![account.as_str()],
        place(account),
    )
}

pub(super) fn set_second_factor(account: &Subject, secret: &[u8], last_step: i64) -> Order {
    Order::guarded(
        "UPDATE perennial.account SET sealed_secret = $2, last_step = $3 WHERE id = $1",
        values![account.as_str(), secret, last_step],
        place(account),
    )
}

/// An account without a second factor has no last step, and NULL is not earlier than anything.
pub(super) fn advance_second_factor(account: &Subject, step: i64) -> Order {
    Order::guarded(
        "UPDATE perennial.account SET last_step = $2 WHERE id = $1 AND last_step < $2",
        values![account.as_str(), step],
        place(account),
    )
}

/// Two statements: the second one sees what others put there while it waited for the lock on the account.
pub(super) fn replace_recovery_codes(account: &Subject, hashes: &[[u8; 32]]) -> Vec<Order> {
    vec![
        Order::of_many_rows("DELETE FROM perennial.recovery_code WHERE account = $1", values![account.as_str()]),
        Order::of_many_rows(
            "INSERT INTO perennial.recovery_code (account, hash)
             SELECT account.id, code.hash FROM perennial.account, unnest($2::bytea[]) AS code (hash)
             WHERE account.id = $1 ON CONFLICT DO NOTHING",
            values![account.as_str(), hashes],
        ),
    ]
}

pub(super) fn use_recovery_code(account: &Subject, hashes: &[[u8; 32]]) -> Order {
    Order::guarded(
        "DELETE FROM perennial.recovery_code WHERE account = $1 AND hash = ANY($2)",
        values![account.as_str(), hashes],
        place(account),
    )
}

fn place(account: &Subject) -> Place {
    Place::new(Table::Account, account.as_str())
}
