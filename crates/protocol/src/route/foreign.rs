//! A backend that issues its own tokens: where they stand in its answers, and how it wants them back.

use super::ExpiredRule;
use crate::{cookie::SameSite, time::Millis};

/// What the gateway is told of a foreign issuer. Paths are the issuer's own, after a route's rewriting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignIssuer {
    pub login: String,
    pub refresh: String,
    pub logout: Option<String>,
    /// Where the tokens stand in the JSON of its answers (RFC 6901).
    pub access_pointer: String,
    pub refresh_pointer: String,
    pub refresh_travels: RefreshTravels,
    pub access_travels: AccessTravels,
    /// What the browser keeps.
    pub access_cookie: ForeignCookie,
    pub refresh_cookie: ForeignCookie,
    pub same_site: SameSite,
    pub expired: ExpiredRule,
    /// Where a navigation is sent once nothing can be renewed.
    pub login_page: Option<String>,
}

impl ForeignIssuer {
    /// Whether a refresh that is answered so is refused for good. All else, 429 and 404 included, may be a matter of
    /// the moment, and logs nobody out.
    pub const fn refuses(status: u16) -> bool {
        matches!(status, 400 | 401 | 403)
    }

    /// Whether the browser keeps a token of this issuer under this name.
    pub fn keeps(&self, cookie: &str) -> bool {
        self.access_cookie.name == cookie || self.refresh_cookie.name == cookie
    }

    /// Whether an upstream of this issuer reads a token in the cookie of this name.
    pub fn reads(&self, cookie: &str) -> bool {
        let refresh = matches!(&self.refresh_travels, RefreshTravels::Cookie(name) if name == cookie);
        refresh || matches!(&self.access_travels, AccessTravels::Cookie(name) if name == cookie)
    }
}

/// How the issuer wants a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshTravels {
    /// In a cookie of this name.
    Cookie(String),
    /// In this field of a JSON body.
    Json(String),
    /// In a header of this name.
    Header(String),
}

/// How the upstream wants an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessTravels {
    Bearer,
    /// In a cookie of this name.
    Cookie(String),
}

/// An HttpOnly cookie that keeps one of the issuer's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignCookie {
    pub name: String,
    pub lives: Millis,
}
