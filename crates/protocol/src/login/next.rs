//! What a right password leads to.

use serde::{Deserialize, Serialize};

use super::{account::Account, pending::StepName};
use crate::session::AssuranceLevel;

/// Whether accounts need a second factor: `mfa.policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MfaPolicy {
    /// Nobody is asked, and nobody can set one up.
    Off,
    /// Who has set one up is asked for it.
    Optional,
    /// Who has none must set one up before the first session.
    Required,
}

/// Where a login stands after the first factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Next {
    Session(AssuranceLevel),
    Step(StepName),
}

/// Decides what follows when the first factor was right.
pub fn after_first_factor(account: &Account, policy: MfaPolicy) -> Next {
    match (policy, &account.second_factor) {
        (MfaPolicy::Off, _) | (MfaPolicy::Optional, None) => Next::Session(AssuranceLevel::One),
        (MfaPolicy::Optional | MfaPolicy::Required, Some(_)) => Next::Step(StepName::MfaVerify),
        (MfaPolicy::Required, None) => Next::Step(StepName::MfaSetup),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::Subject,
        login::{Email, SecondFactor},
        time::UnixMillis,
    };

    #[track_caller]
    fn check(policy: MfaPolicy, has_second_factor: bool, expected: Next) {
        let account = Account {
            id: Subject::from_random([1; 12]),
            email: Email::parse("ada@example.com").expect("an address"),
            name: String::new(),
            password_hash: String::new(),
            disabled: false,
            created_at: UnixMillis(0),
            last_login_at: None,
            second_factor: has_second_factor.then(|| SecondFactor { sealed_secret: vec![], last_step: 0 }),
            claims: crate::claims::Claims::default(),
        };
        assert_eq!(after_first_factor(&account, policy), expected);
    }

    #[test]
    fn a_second_factor_is_asked_for_where_there_is_one_and_set_up_where_there_must_be() {
        check(MfaPolicy::Off, false, Next::Session(AssuranceLevel::One));
        check(MfaPolicy::Off, true, Next::Session(AssuranceLevel::One));
        check(MfaPolicy::Optional, false, Next::Session(AssuranceLevel::One));
        check(MfaPolicy::Optional, true, Next::Step(StepName::MfaVerify));
        check(MfaPolicy::Required, false, Next::Step(StepName::MfaSetup));
        check(MfaPolicy::Required, true, Next::Step(StepName::MfaVerify));
    }
}
