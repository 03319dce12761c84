//! Every page in the states that matter: fresh, with a problem, with long content.

use perennial_pages::{
    Account, AccountExistsMail, ChangePassword, CodeMail, Device, Failure, Login, Mail, Mailbox, Notice, RecoveryCodes,
    Register, SetUpMfa, VerifyEmail, VerifyMfa, qr_svg,
};

pub(crate) const TOKEN: &str = "kQ3v0cSampleTokenSampleToken";
const LONG: &str = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh_of_the_Outer_Hebrides_and_the_Isles";

/// A page in one state.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) html: String,
}

/// All samples, in the order in which a person meets the pages.
pub(crate) fn all() -> Vec<Sample> {
    [login(), register(), verify_email(), second_factor(), account(), change_password(), failure(), mailbox()]
        .into_iter()
        .flatten()
        .collect()
}

fn sample(name: &'static str, html: String) -> Sample {
    Sample { name, html }
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn login() -> Vec<Sample> {
    let fresh = Login { csrf_token: text(TOKEN), may_register: true, ..Login::default() };
    let problem = Login {
        return_to: Some(text("/reports?year=2026&by=\"team\"")),
        email: text("ann@example.com"),
        problem: Some(text("The e-mail address or the password is wrong.")),
        ..fresh.clone()
    };
    let reuse = Login { notice: Some(Notice::Reuse), email: text("ann@example.com"), ..fresh.clone() };
    let out = Login { notice: Some(Notice::SignedOut), may_register: false, ..fresh.clone() };
    let long = Login {
        notice: Some(Notice::ExpiredIdle),
        email: format!("{LONG}@example.com"),
        problem: Some(format!("Too many attempts for {LONG}. Try again in 4 minutes.")),
        ..fresh.clone()
    };
    vec![
        sample("login", fresh.render()),
        sample("login-problem", problem.render()),
        sample("login-reuse", reuse.render()),
        sample("login-signed-out", out.render()),
        sample("login-long", long.render()),
    ]
}

fn register() -> Vec<Sample> {
    let fresh = Register {
        csrf_token: text(TOKEN),
        password_hint: text("At least 10 characters. Four random words are easy to remember and hard to guess."),
        ..Register::default()
    };
    let problem = Register {
        name: text("Ann Example"),
        email: text("ann@example.com"),
        return_to: Some(text("/welcome")),
        problem: Some(text("This password is too easy to guess: it is among the most used ones.")),
        ..fresh.clone()
    };
    vec![sample("register", fresh.render()), sample("register-problem", problem.render())]
}

fn verify_email() -> Vec<Sample> {
    let fresh =
        VerifyEmail { csrf_token: text(TOKEN), email_hint: text("a•••@example.com"), ..VerifyEmail::default() };
    let problem = VerifyEmail {
        return_to: None,
        problem: Some(text("This code is wrong or too old.")),
        mailbox_url: Some(text("/dev/mailbox")),
        ..fresh.clone()
    };
    let resent = VerifyEmail { resent: true, mailbox_url: Some(text("/dev/mailbox")), ..fresh.clone() };
    vec![
        sample("verify-email", fresh.render()),
        sample("verify-email-problem", problem.render()),
        sample("verify-email-resent", resent.render()),
    ]
}

fn second_factor() -> Vec<Sample> {
    let uri = "otpauth://totp/Perennial:ann%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Perennial";
    let set_up = SetUpMfa {
        return_to: None,
        csrf_token: text(TOKEN),
        qr_svg: qr_svg(uri).expect("a URI of this length fits"),
        secret_groups: text("JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"),
        otpauth_uri: text(uri),
        problem: None,
    };
    let set_up_problem =
        SetUpMfa { problem: Some(text("This code is wrong. Check the clock of your phone.")), ..set_up.clone() };
    let verify = VerifyMfa { csrf_token: text(TOKEN), return_to: None, problem: None };
    let verify_problem = VerifyMfa { problem: Some(text("This code is wrong or was used before.")), ..verify.clone() };
    let codes =
        ["7k2m-9xqd", "h4tr-0bwn", "q8vz-3jce", "m1fy-6spa", "x5gd-2rku", "b9nw-7thv", "e3cj-4zqm", "t6ap-8yfd"];
    let recovery = RecoveryCodes { codes: codes.map(text).to_vec(), continue_to: text("/account") };
    vec![
        sample("set-up-mfa", set_up.render()),
        sample("set-up-mfa-problem", set_up_problem.render()),
        sample("verify-mfa", verify.render()),
        sample("verify-mfa-problem", verify_problem.render()),
        sample("recovery-codes", recovery.render()),
    ]
}

fn device(description: &str, created: &str, last_seen: &str) -> Device {
    Device {
        session_key: format!("kq3{}", created.len()),
        description: text(description),
        created: text(created),
        last_seen: text(last_seen),
        current: false,
    }
}

fn change_password() -> Vec<Sample> {
    let fresh = ChangePassword {
        csrf_token: text(TOKEN),
        email: text("ann@example.com"),
        problem: None,
        password_hint: text("At least 8 characters that are hard to guess."),
    };
    let problem = ChangePassword { problem: Some(text("The current password is not right.")), ..fresh.clone() };
    vec![sample("change-password", fresh.render()), sample("change-password-problem", problem.render())]
}

fn account() -> Vec<Sample> {
    let this = Device { current: true, ..device("Firefox on Linux", "today at 09:12", "now") };
    let full = Account {
        csrf_token: text(TOKEN),
        name: text("Ann Example"),
        email: text("ann@example.com"),
        aal: 2,
        has_second_factor: true,
        may_change_password: true,
        may_set_up_mfa: false,
        session_ends: text("14 April 2026, if you use it every week"),
        devices: vec![
            this.clone(),
            device("Safari on iPhone", "3 March 2026", "2 hours ago"),
            device("Chrome on Windows", "12 February 2026", "yesterday"),
        ],
        ..Account::default()
    };
    let single = Account {
        name: String::new(),
        aal: 1,
        has_second_factor: false,
        may_set_up_mfa: true,
        notice: Some(text("The session has been ended.")),
        devices: vec![this.clone()],
        ..full.clone()
    };
    let long = Account {
        name: text(LONG),
        email: format!("{LONG}@example.com"),
        problem: Some(text("This session had already ended.")),
        devices: vec![this, device(LONG, "12 September 2025 at 23:59", "3 minutes ago")],
        ..full.clone()
    };
    vec![
        sample("account", full.render()),
        sample("account-single", single.render()),
        sample("account-long", long.render()),
    ]
}

fn failure() -> Vec<Sample> {
    let failure = |status, title, detail, way_out_href, way_out_label| {
        Failure {
            status,
            title: text(title),
            detail: text(detail),
            way_out_href: text(way_out_href),
            way_out_label: text(way_out_label),
        }
        .render()
    };
    let stale = "The page was open for too long, or you signed in elsewhere meanwhile. Nothing has changed.";
    vec![
        sample("failure-403", failure(403, "This form is out of date", stale, "/login", "Load it again")),
        sample("failure-404", failure(404, "There is no such page", "Check the address.", "/", "Go to the start page")),
        sample(
            "failure-429",
            failure(429, "Too many attempts", "Wait 4 minutes, then try again.", "/login", "Try again"),
        ),
        sample(
            "failure-503",
            failure(
                503,
                "We cannot reach our database",
                "You stay signed in. Try again in a moment.",
                "/",
                "Try again",
            ),
        ),
    ]
}

fn mailbox() -> Vec<Sample> {
    let code = CodeMail { code: text("482913"), minutes: 10, host: text("app.example.com") };
    let exists = AccountExistsMail { host: text("app.example.com"), login_url: text("https://app.example.com/login") };
    let messages = vec![
        Mail {
            to: text("ann@example.com"),
            subject: code.subject(),
            text: code.text(),
            code: Some(code.code.clone()),
            at: text("a minute ago"),
        },
        Mail {
            to: format!("{LONG}@example.com"),
            subject: exists.subject(),
            text: exists.text(),
            code: None,
            at: text("today at 09:12"),
        },
    ];
    vec![
        sample("mailbox", Mailbox { messages }.render()),
        sample("mailbox-empty", Mailbox { messages: Vec::new() }.render()),
    ]
}
