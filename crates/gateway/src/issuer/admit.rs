//! Admit: whether a request may act with the cookies that came along.
//!
//! There is no anti-CSRF token here: the pages are the backend's, and know of none. The first wall is `SameSite`, the
//! second is where browsers say that the request comes from.

use http::HeaderMap;
use perennial_protocol::{
    origin::{Absence, OriginHeaders},
    refusal::Refusal,
};

use super::Visit;

pub(super) fn admit(visit: &Visit<'_>) -> Result<(), Refusal> {
    let upgrades = visit.upgrades();
    let rides = visit.carried.is_somebody();
    let acts = !visit.accepted.head.method.is_safe();
    // A login that a foreign page sends would log its own account in.
    if visit.call.is_none() && !(rides && (acts || upgrades)) {
        return Ok(());
    }
    // Programs that are no browsers name no origin, and no page can keep a browser from it. With an upgrade every
    // browser names it.
    let absence = if rides && upgrades { Absence::Refused } else { Absence::Undecided };
    let allowed = visit.gateway.settings.origins.admits(origin_headers(&visit.accepted.head.headers), absence);
    if allowed { Ok(()) } else { Err(Refusal::CsrfFailed) }
}

/// A value that is no text is none that counts for a request.
fn origin_headers(headers: &HeaderMap) -> OriginHeaders<'_> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    OriginHeaders { sec_fetch_site: text("sec-fetch-site"), origin: text("origin") }
}
