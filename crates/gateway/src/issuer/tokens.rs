//! The tokens in the JSON of an issuer's answer.

use std::fmt;

use perennial_protocol::route::{ForeignCookie, ForeignIssuer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits;

/// What an issuer hands out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: Option<String>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Tokens(..)")
    }
}

/// Why tokens are of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoCookie;

impl Tokens {
    /// Takes the tokens out of an answer. Nothing where no access token is in it; a refresh token is taken out all
    /// the same.
    pub(super) fn take(answer: &mut Value, told: &ForeignIssuer) -> Result<Option<Self>, NoCookie> {
        let access = taken(answer, &told.access_pointer);
        let refresh = taken(answer, &told.refresh_pointer);
        let fits = |token: Option<String>, cookie: &ForeignCookie| match token {
            Some(token) if !fits(&token, cookie) => Err(NoCookie),
            token => Ok(token),
        };
        let refresh = fits(refresh, &told.refresh_cookie)?;
        Ok(fits(access, &told.access_cookie)?.map(|access| Self { access, refresh }))
    }
}

/// Takes a text that is not empty out of the place that a pointer names (RFC 6901).
fn taken(answer: &mut Value, pointer: &str) -> Option<String> {
    let (parent, last) = pointer.rsplit_once('/')?;
    let last = last.replace("~1", "/").replace("~0", "~");
    let found = match answer.pointer_mut(parent)? {
        Value::Object(fields) => fields.shift_remove(&last)?,
        Value::Array(items) => items.get_mut(last.parse::<usize>().ok()?)?.take(),
        _ => return None,
    };
    match found {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Whether browsers keep the token as it is (RFC 6265bis §4.1.1, §5.7).
fn fits(token: &str, cookie: &ForeignCookie) -> bool {
    let octet = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\');
    token.bytes().all(octet) && cookie.name.len() + token.len() <= limits::COOKIE_BYTES_MAX
}
