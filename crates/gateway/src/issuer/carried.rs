//! The issuer's tokens that a request brought in the cookies of the browser, and how they travel on.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use perennial_edge::foreign::ForeignToken;
use perennial_protocol::{
    cookie::jar::Jar,
    route::{AccessTravels, ForeignIssuer, Freshness, RefreshTravels},
    time::UnixMillis,
};

use super::tokens::Tokens;

/// What a browser holds.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub(super) access: Option<ForeignToken>,
    pub(super) refresh: Option<ForeignToken>,
}

impl Carried {
    pub(super) fn read(headers: &HeaderMap, told: &ForeignIssuer) -> Self {
        // A byte that is no ASCII, in the cookie of another app on this host, must not hide these.
        let cookies: Vec<_> =
            headers.get_all(header::COOKIE).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let jar = Jar::read(cookies.iter().map(AsRef::as_ref));
        let token = |name: &str| {
            let value = jar.last_value(name).filter(|value| !value.is_empty());
            value.map(|value| ForeignToken::new(value.to_owned()))
        };
        Self { access: token(&told.access_cookie.name), refresh: token(&told.refresh_cookie.name) }
    }

    pub(super) const fn is_somebody(&self) -> bool {
        self.access.is_some() || self.refresh.is_some()
    }

    /// The refresh token, if the request had better go with another access token than it brought.
    pub(super) fn due(&self) -> Option<&ForeignToken> {
        let lasts = self.access.as_ref().is_some_and(|access| freshness(access) == Freshness::Good);
        self.refresh.as_ref().filter(|_| !lasts)
    }

    /// Whether the access token still serves, as far as it says.
    pub(super) fn serves_yet(&self) -> bool {
        self.access.as_ref().is_some_and(|access| freshness(access) != Freshness::Expired)
    }

    pub(super) fn renew(&mut self, tokens: &Tokens) {
        self.access = Some(ForeignToken::new(tokens.access.clone()));
        if let Some(refresh) = &tokens.refresh {
            self.refresh = Some(ForeignToken::new(refresh.clone()));
        }
    }

    /// Sends the access token along as the upstream wants it.
    pub(super) fn present_access(&self, headers: &mut HeaderMap, told: &ForeignIssuer) {
        let Some(access) = &self.access else { return };
        match &told.access_travels {
            AccessTravels::Bearer => {
                headers
                    .extend(secret(&format!("Bearer {}", access.expose())).map(|value| (header::AUTHORIZATION, value)));
            }
            AccessTravels::Cookie(name) => add_cookie(headers, name, access),
        }
    }
}

/// Sends a refresh token along where it travels in the head.
pub(super) fn present_refresh(token: &ForeignToken, headers: &mut HeaderMap, travels: &RefreshTravels) {
    match travels {
        RefreshTravels::Cookie(name) => add_cookie(headers, name, token),
        RefreshTravels::Header(name) => {
            headers.extend(name.parse::<HeaderName>().ok().zip(secret(token.expose())));
        }
        RefreshTravels::Json(_) => {}
    }
}

fn add_cookie(headers: &mut HeaderMap, name: &str, token: &ForeignToken) {
    let pair = format!("{name}={}", token.expose());
    let line = match headers.get(header::COOKIE) {
        Some(others) => [others.as_bytes(), b"; ", pair.as_bytes()].concat(),
        None => pair.into_bytes(),
    };
    if let Ok(mut value) = HeaderValue::from_bytes(&line) {
        value.set_sensitive(true);
        headers.insert(header::COOKIE, value);
    }
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn freshness(access: &ForeignToken) -> Freshness {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Freshness::of(access.expose(), UnixMillis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)))
}
