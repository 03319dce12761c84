//! An authenticator app.

use std::time::{SystemTime, UNIX_EPOCH};

use totp_rs::{Builder, Secret};

/// The code of a base32 secret, `steps` of 30 seconds from now.
pub fn code_at(secret: &str, steps: i64) -> String {
    let secret = Secret::try_from_base32(secret).expect("base32");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let time = now.saturating_add_signed(steps * 30);
    Builder::new().with_secret(secret).build_noncompliant().generate(time).to_string()
}
