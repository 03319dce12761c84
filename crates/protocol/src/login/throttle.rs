//! How much guessing is allowed, and whose guesses count against whom.
//!
//! An allowance is spent before a guess is checked, so that parallel guesses cannot slip through. A browser
//! that the person logged in on before has an allowance of its own: others cannot lock the owner out.

use std::net::IpAddr;

use super::{account::Email, known};
use crate::{id::Subject, time::Millis};

/// What uses are counted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Wrong passwords for one account name, whether or not it exists.
    PasswordOf(Email),
    /// Wrong passwords from one address; an IPv6 address counts with its /64.
    PasswordFrom(IpAddr),
    /// Wrong passwords on a browser that this person logged in on before.
    PasswordOn(known::Nonce),
    /// Wrong codes for one person's second factor.
    SecondFactorOf(Subject),
    /// The same, over a whole day.
    SecondFactorOfDaily(Subject),
    /// Wrong codes on a browser that this person logged in on before.
    SecondFactorOn(known::Nonce),
    /// The same, over a whole day.
    SecondFactorOnDaily(known::Nonce),
    /// Messages to one address.
    MailTo(Email),
    /// The same, over a whole day.
    MailToDaily(Email),
    /// Registrations from one address.
    RegistrationFrom(IpAddr),
    /// Forged refresh tokens that name one session.
    ForgedRefreshOf(crate::id::Sid),
    /// Wrong keys of the admin API from one address.
    AdminKeyFrom(IpAddr),
}

impl Scope {
    /// The bytes that identify the scope, unambiguously: a word and its value.
    pub fn bytes(&self) -> Vec<u8> {
        let (word, value): (&str, Vec<u8>) = match self {
            Self::PasswordOf(email) => ("password-of", email.as_str().into()),
            Self::PasswordFrom(address) => ("password-from", network(*address)),
            Self::PasswordOn(nonce) => ("password-on", nonce.to_vec()),
            Self::SecondFactorOf(subject) => ("second-factor-of", subject.as_str().into()),
            Self::SecondFactorOfDaily(subject) => ("second-factor-of-daily", subject.as_str().into()),
            Self::SecondFactorOn(nonce) => ("second-factor-on", nonce.to_vec()),
            Self::SecondFactorOnDaily(nonce) => ("second-factor-on-daily", nonce.to_vec()),
            Self::MailTo(email) => ("mail-to", email.as_str().into()),
            Self::MailToDaily(email) => ("mail-to-daily", email.as_str().into()),
            Self::RegistrationFrom(address) => ("registration-from", network(*address)),
            Self::ForgedRefreshOf(sid) => ("forged-refresh-of", sid.0.to_vec()),
            Self::AdminKeyFrom(address) => ("admin-key-from", network(*address)),
        };
        [word.as_bytes(), &[0], &value].concat()
    }
}

/// An allowance to spend: so many uses of a scope in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    pub scope: Scope,
    pub limit: u32,
    pub window: Millis,
}

/// The configured limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub passwords_per_account: u32,
    pub passwords_per_address: u32,
    pub password_window: Millis,
    pub codes_per_attempt: u8,
    pub mails_per_address_hourly: u32,
}

/// With three codes right at a time, this many guesses a day find one with a chance below 1 in 10 000.
const SECOND_FACTOR_DAILY: u32 = 30;
const SECOND_FACTOR_HOURLY: u32 = 20;

impl Limits {
    /// What one password guess costs.
    pub fn password(&self, email: &Email, address: IpAddr, known: Option<known::Nonce>) -> Vec<Spend> {
        let window = self.password_window;
        match known {
            Some(nonce) => vec![Spend { scope: Scope::PasswordOn(nonce), limit: self.passwords_per_account, window }],
            None => vec![
                Spend { scope: Scope::PasswordOf(email.clone()), limit: self.passwords_per_account, window },
                Spend { scope: Scope::PasswordFrom(address), limit: self.passwords_per_address, window },
            ],
        }
    }

    /// What one guess at a second factor costs, over all attempts to log in.
    pub fn second_factor(&self, subject: &Subject, known: Option<known::Nonce>) -> Vec<Spend> {
        let hourly = |scope| Spend { scope, limit: SECOND_FACTOR_HOURLY, window: Millis::hours(1) };
        let daily = |scope| Spend { scope, limit: SECOND_FACTOR_DAILY, window: Millis::days(1) };
        match known {
            Some(nonce) => vec![hourly(Scope::SecondFactorOn(nonce)), daily(Scope::SecondFactorOnDaily(nonce))],
            None => {
                vec![hourly(Scope::SecondFactorOf(subject.clone())), daily(Scope::SecondFactorOfDaily(subject.clone()))]
            }
        }
    }

    /// What one message to an address costs.
    pub fn mail(&self, email: &Email) -> Vec<Spend> {
        let limit = self.mails_per_address_hourly;
        vec![
            Spend { scope: Scope::MailTo(email.clone()), limit, window: Millis::hours(1) },
            Spend { scope: Scope::MailToDaily(email.clone()), limit: limit.saturating_mul(3), window: Millis::days(1) },
        ]
    }

    /// What one registration costs its address.
    pub fn registration(&self, address: IpAddr) -> Vec<Spend> {
        let limit = self.passwords_per_address;
        vec![Spend { scope: Scope::RegistrationFrom(address), limit, window: Millis::hours(1) }]
    }

    /// What one wrong key of the admin API costs its address.
    pub fn admin_key(&self, address: IpAddr) -> Vec<Spend> {
        let (limit, window) = (self.passwords_per_address, self.password_window);
        vec![Spend { scope: Scope::AdminKeyFrom(address), limit, window }]
    }

    /// What one forged refresh token costs the session it names.
    pub fn forged_refresh(&self, sid: crate::id::Sid) -> Vec<Spend> {
        vec![Spend { scope: Scope::ForgedRefreshOf(sid), limit: 30, window: Millis::minutes(1) }]
    }
}

/// An address as it is counted: IPv4 whole, IPv6 by its /64, which is what one customer gets.
fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets()[..8].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_one_ipv6_network_share_an_allowance() {
        let scope = |text: &str| Scope::PasswordFrom(text.parse().expect("an address")).bytes();
        assert_eq!(scope("2001:db8::1"), scope("2001:db8::ffff:1"));
        assert_ne!(scope("2001:db8::1"), scope("2001:db8:0:1::1"));
        assert_eq!(scope("192.0.2.1"), scope("::ffff:192.0.2.1"));
        assert_ne!(scope("192.0.2.1"), scope("192.0.2.2"));
    }

    #[test]
    fn guesses_on_a_known_browser_cost_neither_the_account_nor_the_address() {
        let limits = Limits {
            passwords_per_account: 10,
            passwords_per_address: 100,
            password_window: Millis::minutes(15),
            codes_per_attempt: 5,
            mails_per_address_hourly: 5,
        };
        let email = Email::parse("ada@example.com").expect("an address");
        let address: IpAddr = "192.0.2.1".parse().expect("an address");
        let scopes = |known| limits.password(&email, address, known).into_iter().map(|spend| spend.scope);
        assert!(scopes(Some([1; 12])).eq([Scope::PasswordOn([1; 12])]));
        assert!(scopes(None).eq([Scope::PasswordOf(email.clone()), Scope::PasswordFrom(address)]));
    }
}
