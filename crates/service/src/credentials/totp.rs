//! Time-based one-time passwords (RFC 6238): 20 random bytes, SHA-1, six digits, 30 seconds, one step of
//! tolerance each way: what every authenticator app speaks.

use perennial_protocol::{login::code::OneTimeCode, time::UnixMillis};
use totp_rs::{Builder, Secret, Totp};
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// The length of a new secret, as RFC 4226 §4 asks for.
pub const SECRET_BYTES: usize = 20;

/// The time step that `code` is right for, if it is right at `now`.
pub fn matching_step(secret: &[u8], code: &OneTimeCode, now: UnixMillis) -> Option<i64> {
    let seconds = u64::try_from(now.unix_seconds()).ok()?;
    let step = totp(secret).check(code.expose(), seconds)?;
    i64::try_from(step).ok()
}

/// The secret as a person types it into an app: base32.
pub fn base32(secret: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(Secret::from(secret.to_vec()).to_base32())
}

/// The address that an app opens or scans.
pub fn otpauth_uri(secret: &[u8], issuer: &str, account: &str) -> Zeroizing<String> {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let (issuer, account, secret) = (encode(issuer), encode(account), base32(secret));
    Zeroizing::new(format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", *secret))
}

fn totp(secret: &[u8]) -> Totp {
    Builder::new().with_secret(secret.to_vec()).build_noncompliant()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> OneTimeCode {
        OneTimeCode::parse(text).expect("six digits")
    }

    #[test]
    fn the_last_six_digits_of_the_standards_test_values_are_accepted() {
        let secret = b"12345678901234567890";
        for (seconds, digits) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            let now = UnixMillis(seconds * 1000);
            assert_eq!(matching_step(secret, &code(digits), now), Some(seconds / 30), "at {seconds}");
        }
    }

    #[test]
    fn a_code_is_right_during_its_own_step_and_one_before_and_after() {
        let secret = b"12345678901234567890";
        let code_of_step_5 = code(&totp(secret).generate(5 * 30).to_string());
        let at_step = |step: i64| matching_step(secret, &code_of_step_5, UnixMillis(step * 30_000));
        assert_eq!([3, 4, 5, 6, 7].map(at_step), [None, Some(5), Some(5), Some(5), None]);
    }

    #[test]
    fn names_are_escaped_in_the_address() {
        let uri = otpauth_uri(b"12345678901234567890", "My App", "ada@example.com");
        assert_eq!(
            *uri,
            "otpauth://totp/My%20App:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=My%20App"
        );
    }
}
