//! The account page: who is signed in here, how, and on which other devices; and a new password.

use askama::Template;

/// `/account`. Posts `session_key` to `/account/sessions/end`, and to `/logout`, `/logout-all` and
/// `/mfa/setup/begin`.
#[derive(Clone, Default, Template)]
#[template(path = "account.html")]
pub struct Account {
    pub csrf_token: String,
    /// The person's name, or empty.
    pub name: String,
    pub email: String,
    /// Assurance level of this session: 2 once a second factor was used.
    pub aal: u8,
    pub has_second_factor: bool,
    /// Whether to offer a new password.
    pub may_change_password: bool,
    /// Whether to offer to set up the second factor.
    pub may_set_up_mfa: bool,
    /// When this session ends at the latest, in words.
    pub session_ends: String,
    /// What has just been done. Never text from the request.
    pub notice: Option<String>,
    pub problem: Option<String>,
    pub devices: Vec<Device>,
}

/// One session of the account.
#[derive(Clone, Default)]
pub struct Device {
    pub session_key: String,
    /// Such as `Firefox on Linux`.
    pub description: String,
    pub created: String,
    pub last_seen: String,
    /// The session that asks. It is ended by signing out, so it has no button of its own.
    pub current: bool,
}

/// `/account/password`. Posts `current_password` and `new_password`.
#[derive(Clone, Default, Template)]
#[template(path = "change_password.html")]
pub struct ChangePassword {
    pub csrf_token: String,
    /// For password managers: which account's password it is.
    pub email: String,
    pub problem: Option<String>,
    /// What makes a password good here.
    pub password_hint: String,
}

crate::page!(Account, ChangePassword);
crate::closed!(Device);

impl Account {
    /// What stands in the round portrait: the first letter of the name, or of the address.
    fn initial(&self) -> String {
        let letter = self.name.trim().chars().chain(self.email.chars()).find(|c| c.is_alphanumeric());
        letter.unwrap_or('•').to_uppercase().collect()
    }

    fn has_other_devices(&self) -> bool {
        self.devices.iter().any(|device| !device.current)
    }
}

impl Device {
    fn is_handheld(&self) -> bool {
        ["iPhone", "iPad", "iOS", "Android", "Mobile", "Phone"].iter().any(|word| self.description.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::Account;

    fn check(name: &str, email: &str, initial: &str) {
        let account = Account { name: name.to_owned(), email: email.to_owned(), ..Account::default() };
        assert_eq!(account.initial(), initial);
    }

    #[test]
    fn the_portrait_shows_the_first_letter_there_is() {
        check("ann", "x@example.com", "A");
        check("  ", "x@example.com", "X");
        check("«Émile»", "x@example.com", "É");
        check("", "", "•");
    }
}
