//! The e-mail texts. A paragraph is one line, which every mail reader wraps to its own width. Subjects carry no
//! code, because mail servers write subjects to their logs.

/// The code that confirms an e-mail address.
#[derive(Clone, Default)]
pub struct CodeMail {
    pub code: String,
    /// How long the code is good.
    pub minutes: u32,
    /// What the person signs in to, such as `app.example.com`.
    pub host: String,
}

/// Sent when somebody registers an address that already has an account. The page they see does not tell.
#[derive(Clone, Default)]
pub struct AccountExistsMail {
    pub host: String,
    /// Full address of the sign-in page.
    pub login_url: String,
}

/// Sent when the password of an account was changed, so that its owner hears of it even where it was not them.
#[derive(Clone, Default)]
pub struct PasswordChangedMail {
    pub host: String,
}

crate::closed!(CodeMail, AccountExistsMail, PasswordChangedMail);

impl CodeMail {
    #[must_use]
    pub fn subject(&self) -> String {
        format!("Your code for {}", self.host)
    }

    #[must_use]
    pub fn text(&self) -> String {
        let Self { code, minutes, host } = self;
        let unit = if *minutes == 1 { "minute" } else { "minutes" };
        format!(
            "Your code is {code}\n\n\
             Enter it at {host} to confirm this e-mail address. It works once, for {minutes} {unit}.\n\n\
             Give this code to nobody. We will never ask you for it.\n\n\
             Did you not ask for it? Then somebody may have mistyped their address. You can ignore this message: \
             nothing happens without the code.\n"
        )
    }
}

impl AccountExistsMail {
    #[must_use]
    pub fn subject(&self) -> String {
        format!("You already have an account at {}", self.host)
    }

    #[must_use]
    pub fn text(&self) -> String {
        let Self { host, login_url } = self;
        format!(
            "Somebody, probably you, tried to create an account at {host} with this e-mail address. It already has \
             one, so nothing was changed.\n\n\
             Was it you? Sign in with the password you already have:\n\n\
             {login_url}\n\n\
             If you have forgotten that password, reset it. Registering again will not help.\n\n\
             Was it not you? Then there is nothing to do. Your account and your password are as they were.\n"
        )
    }
}

impl PasswordChangedMail {
    #[must_use]
    pub fn subject(&self) -> String {
        format!("Your password for {} was changed", self.host)
    }

    #[must_use]
    pub fn text(&self) -> String {
        let Self { host } = self;
        format!(
            "The password of your account at {host} was just changed. Every other device was signed out.\n\n\
             Was it you? Then there is nothing to do.\n\n\
             Was it not you? Then somebody knows your old password and uses a device on which you are signed in. \
             Write to whoever runs {host} at once.\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{AccountExistsMail, CodeMail, PasswordChangedMail};

    fn code_mail(minutes: u32) -> CodeMail {
        CodeMail { code: "482913".to_owned(), minutes, host: "app.example.com".to_owned() }
    }

    #[test]
    fn the_code_is_in_the_text_and_not_in_the_subject() {
        let mail = code_mail(10);
        assert!(mail.text().contains("482913") && mail.text().contains("10 minutes"));
        assert!(!mail.subject().contains("482913"));
    }

    #[test]
    fn one_minute_is_singular() {
        assert!(code_mail(1).text().contains("for 1 minute.\n"));
    }

    #[test]
    fn the_owner_of_a_changed_password_is_told_where_and_what_to_do() {
        let mail = PasswordChangedMail { host: "app.example.com".to_owned() };
        assert!(mail.subject().contains("app.example.com") && mail.text().contains("Was it not you?"));
    }

    #[test]
    fn the_owner_of_an_existing_account_is_told_how_to_sign_in() {
        let mail = AccountExistsMail {
            host: "app.example.com".to_owned(),
            login_url: "https://app.example.com/login".to_owned(),
        };
        assert!(mail.subject().contains("app.example.com"));
        assert!(mail.text().contains("\nhttps://app.example.com/login\n"));
    }
}
