//! One request of a route with an issuer, and what it goes with.

use std::{net::IpAddr, time::Instant};

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, header};
use hyper::body::Incoming;
use perennial_edge::{
    authority::{Cookies, Denial, Pass},
    client::{client_address, delivery, navigates},
    foreign::ForeignToken,
};
use perennial_protocol::{
    cookie::set::Reader,
    refresh::Delivery,
    refusal::Refusal,
    route::{ForeignCookie, RefreshTravels},
};
use serde_json::Map;

use super::{
    Issuer, Issuers, answers,
    calls::Call,
    carried::Carried,
    kept::Kept,
    renewal::{Renewed, renew},
    tokens::Tokens,
};
use crate::{
    Gateway,
    exchange::Exchange,
    headers, limits,
    phases::{Accepted, finish, forward, repair},
    upstream::Outgoing,
};

/// A request on its way.
pub(super) struct Visit<'g> {
    pub(super) gateway: &'g Gateway,
    pub(super) issuers: &'g Issuers,
    pub(super) issuer: &'g Issuer,
    pub(super) accepted: Accepted<'g>,
    pub(super) call: Option<Call>,
    pub(super) carried: Carried,
    /// What the answer changes in the jar.
    cookies: Cookies,
    began: Instant,
    /// The tokens are younger than the request.
    pub(super) renewed: bool,
}

/// Why a request is not answered by its upstream.
#[derive(Debug)]
pub(super) enum Stop {
    Refused(Refusal),
    /// Nothing can be renewed any more: it takes a login.
    Over,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<'g> Visit<'g> {
    pub(super) fn begin(
        gateway: &'g Gateway,
        issuers: &'g Issuers,
        issuer: &'g Issuer,
        accepted: Accepted<'g>,
    ) -> Self {
        let carried = Carried::read(&accepted.head.headers, &issuer.told);
        let call = issuer.call(&accepted);
        let (cookies, began) = (Cookies::default(), Instant::now());
        Self { gateway, issuers, issuer, accepted, call, carried, cookies, began, renewed: false }
    }

    pub(super) fn address(&self) -> IpAddr {
        client_address(self.accepted.peer, &self.accepted.head.headers, &self.gateway.settings.trusted_proxies)
    }

    pub(super) fn upgrades(&self) -> bool {
        self.accepted.head.headers.contains_key(header::UPGRADE)
    }

    /// A page's own refresh: the same as everybody else's, and the answer without the tokens.
    pub(super) async fn refresh(&mut self, exchange: &mut Exchange) -> Result<Response, Stop> {
        let Some(token) = self.carried.refresh.clone() else { return Err(Stop::Over) };
        let renewed = self.renew(&token).await;
        exchange.phase("judge");
        let mut answer = Response::new(Body::from(renewed?.answer.to_string()));
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(answer)
    }

    /// Everything else: with an access token that is good as far as anybody knows, and once more with another one if
    /// the upstream knows better.
    pub(super) async fn pass_on(&mut self, mut body: Outgoing, exchange: &mut Exchange) -> Result<Response, Stop> {
        if self.call.is_none() {
            self.renew_if_due().await?;
        }
        exchange.phase("judge");
        // A login begins anew, whoever was logged in before.
        let presents = self.call.is_none() && self.carried.access.is_some();
        if presents {
            body.keep_if_small(&self.accepted.head.headers, self.gateway.settings.replay_bytes).await?;
        }
        let answer = self.send(presents, &mut body).await?;
        exchange.phase("forward");
        let answer = if presents { self.repaired(answer, &mut body, exchange).await? } else { answer.map(Body::new) };
        exchange.phase("repair");
        self.without_tokens(answer).await
    }

    /// New tokens before the request is sent, so that a page is rendered once and for the right person.
    pub(super) async fn renew_if_due(&mut self) -> Result<(), Stop> {
        let Some(token) = self.carried.due().cloned() else { return Ok(()) };
        match self.renew(&token).await {
            Ok(_) => Ok(()),
            // What the jar has is good for a moment yet.
            Err(Stop::Refused(_)) if self.carried.serves_yet() => Ok(()),
            // The login has to be reached, whatever cookies cannot be removed.
            Err(_) if self.is_at_login_page() => {
                self.carried = Carried::default();
                Ok(())
            }
            Err(stop) => Err(stop),
        }
    }

    async fn renew(&mut self, token: &ForeignToken) -> Result<Kept, Stop> {
        match renew(self, token).await {
            Renewed::Yes(kept) => {
                self.carried.renew(&kept.tokens);
                self.renewed = true;
                self.hand_out(&kept.tokens);
                self.cookies.until = Some(self.began + limits::JAR_CHANGES_LATE);
                Ok(kept)
            }
            Renewed::No => Err(self.over()),
            Renewed::Unknown(refusal) => Err(Stop::Refused(refusal)),
        }
    }

    /// Repair: the upstream says that the access token has expired, whatever the token says.
    async fn repaired(
        &mut self,
        answer: http::Response<Incoming>,
        body: &mut Outgoing,
        exchange: &mut Exchange,
    ) -> Result<Response, Stop> {
        let (answer, expired) = self.says_expired(answer).await;
        if !expired {
            return Ok(answer);
        }
        let Some(token) = self.carried.refresh.clone() else { return Err(self.over()) };
        self.renew(&token).await?;
        if !body.can_be_sent_again() {
            return Err(Stop::Refused(Refusal::RetryWithBody));
        }
        exchange.replayed = true;
        let answer = self.send(true, body).await?;
        Ok(self.says_expired(answer).await.0)
    }

    /// The answer, and whether another access token could mend it. That a fresh one is called expired says that the
    /// refusal is not about the token.
    async fn says_expired(&self, answer: http::Response<Incoming>) -> (Response, bool) {
        let (answer, expired) = repair::says_expired(&self.issuer.told.expired, answer).await;
        let (Some(access), true) = (&self.carried.access, expired) else { return (answer, false) };
        if self.renewed {
            self.issuers.refused_fresh.note(access, Instant::now());
        }
        let helps = !self.issuers.refused_fresh.has(access, Instant::now());
        (answer, helps)
    }

    async fn send(&self, presents: bool, body: &mut Outgoing) -> Result<http::Response<Incoming>, Refusal> {
        let mut headers = self.outbound();
        if presents {
            self.carried.present_access(&mut headers, &self.issuer.told);
        }
        self.send_with(headers, body).await
    }

    pub(super) async fn send_with(
        &self,
        headers: HeaderMap,
        body: &mut Outgoing,
    ) -> Result<http::Response<Incoming>, Refusal> {
        forward::send_with(self.gateway, &self.accepted, body, &headers).await
    }

    /// The headers of the request, without a token.
    pub(super) fn outbound(&self) -> HeaderMap {
        let mut headers = headers::outbound(self.gateway, &self.accepted, &Pass::default());
        if let RefreshTravels::Header(name) = &self.issuer.told.refresh_travels {
            headers.remove(name.as_str());
        }
        if self.issuer.hands_out(&self.accepted) {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        headers
    }

    /// Puts the tokens of a login into the jar, in place of whatever is there.
    async fn without_tokens(&mut self, answer: Response) -> Result<Response, Stop> {
        if !self.issuer.hands_out(&self.accepted) {
            return Ok(answer);
        }
        let (answer, tokens) = answers::without_tokens(answer, &self.issuer.told).await?;
        if let Some(tokens) = tokens {
            self.forget();
            self.hand_out(&tokens);
        }
        Ok(answer)
    }

    /// The jar gets these tokens. Without a new refresh token the one that it has stays.
    fn hand_out(&mut self, tokens: &Tokens) {
        let told = &self.issuer.told;
        self.set(&told.access_cookie, Some(&tokens.access));
        if let Some(refresh) = &tokens.refresh {
            self.set(&told.refresh_cookie, Some(refresh));
        }
    }

    /// The jar loses its tokens.
    pub(super) fn forget(&mut self) {
        self.cookies = Cookies::default();
        let told = &self.issuer.told;
        self.set(&told.access_cookie, None);
        self.set(&told.refresh_cookie, None);
    }

    /// The jar loses its tokens, unless somebody else may have logged in since the request came.
    fn over(&mut self) -> Stop {
        self.forget();
        self.cookies.until = Some(self.began + limits::JAR_CHANGES_LATE);
        Stop::Over
    }

    /// In place of what was to become of this cookie before.
    fn set(&mut self, cookie: &ForeignCookie, value: Option<&str>) {
        let attributes = &self.issuer.attributes;
        let line = match value {
            Some(value) => attributes.keep(&cookie.name, value, cookie.lives, Reader::ServerOnly),
            None => attributes.clear(&cookie.name, Reader::ServerOnly),
        };
        let begins = format!("{}=", cookie.name);
        self.cookies.lines.retain(|line| !line.as_bytes().starts_with(begins.as_bytes()));
        if let Ok(mut line) = HeaderValue::from_str(&line) {
            line.set_sensitive(true);
            self.cookies.lines.push(line);
        }
    }

    fn is_at_login_page(&self) -> bool {
        self.issuer.told.login_page.as_deref() == Some(self.accepted.head.uri.path())
    }

    /// What changes in the jar. An answer that may never reach it changes nothing: who comes with the spent token
    /// gets its successor again.
    fn delivered(&mut self) -> Cookies {
        let reaches = delivery(&self.accepted.head.method, &self.accepted.head.headers) == Delivery::Cookies;
        if reaches || self.call.is_some() { std::mem::take(&mut self.cookies) } else { Cookies::default() }
    }

    /// Finish: the answer goes to the browser.
    pub(super) fn finish(mut self, mut answer: Response, exchange: &mut Exchange) -> Response {
        if self.carried.is_somebody() {
            headers::keep_private(answer.headers_mut());
        }
        let pass = Pass { cookies: self.delivered(), ..Pass::default() };
        let response = finish::finish(self.gateway, self.accepted, pass, answer);
        exchange.phase("finish");
        response
    }

    pub(super) fn denial(mut self, stop: Stop) -> Denial {
        let cookies = self.delivered();
        let (refusal, location) = match stop {
            Stop::Refused(refusal) => (refusal, None),
            Stop::Over => {
                let page = self.issuer.told.login_page.clone();
                (Refusal::NotAuthenticated, page.filter(|_| navigates(&self.accepted.head.headers)))
            }
        };
        Denial { refusal, further: Map::new(), cookies, location }
    }
}
