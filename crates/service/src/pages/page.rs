//! What all pages share: the request with its form, the guard, the session renewed in passing, responses.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use perennial_edge::problem;
use perennial_protocol::{
    call::Call,
    login::StepName,
    origin::{Loopback, OriginPolicy},
    refusal::Refusal,
    return_to,
    session::status::Verdict,
    token::Transport,
};
use url::form_urlencoded;

use crate::{
    http::{
        answer::{finish, synchronised_csrf},
        guard::{self, Proof},
        request,
    },
    operations::{read_session::read_session, resume_session::renew_in_passing},
    outcome::{JarChange, Refused, Standing},
    service::Service,
    settings::PageSettings,
    visit::{Carried, Visit},
};

/// A request for a page, or a form that was sent.
pub(super) struct PageRequest {
    pub(super) service: Arc<Service>,
    pub(super) visit: Visit,
    headers: HeaderMap,
    /// The path and query that were asked for.
    target: String,
    query: HashMap<String, String>,
    form: HashMap<String, String>,
}

impl FromRequest<Arc<Service>> for PageRequest {
    type Rejection = Response;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let visit = request::visit(service, &parts);
        let limit = service.settings.body_bytes_max;
        let body = request::read(body, limit).await.map_err(|refusal| problem::plain(&refusal))?;
        let fields = |text: &[u8]| form_urlencoded::parse(text).into_owned().collect();
        Ok(Self {
            service: Arc::clone(service),
            visit,
            query: fields(parts.uri.query().unwrap_or_default().as_bytes()),
            form: fields(&body),
            target: parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            headers: parts.headers,
        })
    }
}

impl PageRequest {
    pub(super) fn settings(&self) -> &PageSettings {
        self.service.settings.pages.as_ref().expect("pages are routed only where they are on")
    }

    /// A field of the form, or nothing.
    pub(super) fn field(&self, name: &str) -> &str {
        self.form.get(name).map_or("", String::as_str)
    }

    pub(super) fn asks_for(&self, name: &str) -> bool {
        self.query.contains_key(name)
    }

    /// Where to go afterwards, if it was said and leads nowhere else.
    pub(super) fn return_to(&self) -> Option<String> {
        let said = self.form.get("return_to").or_else(|| self.query.get("return_to"))?;
        return_to::validated(said, &self.service.settings.origins)
    }

    /// The address of `page`, which takes along where to go afterwards.
    pub(super) fn towards(&self, page: &str) -> String {
        match self.return_to() {
            None => page.to_owned(),
            Some(target) => {
                let query: String =
                    form_urlencoded::Serializer::new(String::new()).append_pair("return_to", &target).finish();
                let joint = if page.contains('?') { '&' } else { '?' };
                format!("{page}{joint}{query}")
            }
        }
    }

    /// Loads what the jar carries and admits the form.
    pub(super) async fn admitted(&self, call: Call) -> Result<Carried, Refused> {
        let carried = self.carried().await?;
        let token = self.form.get("csrf_token").map(String::as_str);
        let proof = Proof { headers: &self.headers, token };
        guard::admit(&self.service, call, proof, &self.visit, &carried).await?;
        Ok(carried)
    }

    pub(super) async fn carried(&self) -> Result<Carried, Refused> {
        Ok(Carried::load(&self.service, &self.visit.jar).await?)
    }

    /// Where the jar stands, with a session renewed in passing. Where access tokens are bearers there is nothing
    /// to renew: a page has no use for one, and may show no more than `session` tells.
    pub(super) async fn standing(&self) -> Result<Standing, Refused> {
        let carried = self.carried().await?;
        match self.service.settings.transport {
            Transport::Cookie => renew_in_passing(&self.service, &self.visit, carried).await,
            Transport::Bearer => read_session(&self.service, &self.visit, &carried).await,
        }
    }

    /// The token for this page's forms.
    pub(super) fn csrf_token(&self, standing: &mut Standing) -> String {
        synchronised_csrf(&self.service, &self.visit, standing).unwrap_or_default()
    }

    /// Where a login goes on.
    pub(super) fn after(&self, standing: Standing) -> Response {
        let target = match standing.verdict {
            Verdict::Authenticated | Verdict::Renewable => {
                self.return_to().unwrap_or_else(|| self.settings().after_login.clone())
            }
            Verdict::Pending(step) => self.towards(path_of(step)),
            Verdict::Anonymous | Verdict::Ended(_) => self.towards(&self.settings().login),
        };
        self.redirect(&target, &standing.jar)
    }

    /// A page. Its answer is for this person and this moment only.
    pub(super) fn page(&self, status: StatusCode, html: String, change: &JarChange) -> Response {
        let mut response = Response::new(Body::from(html));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        protect(&self.service, response.headers_mut());
        finish(&self.service, &self.visit, change, response)
    }

    /// A page that says why something was refused.
    pub(super) fn page_of(&self, refusal: &Refusal, html: String, change: &JarChange) -> Response {
        let mut response = self.page(problem::status(refusal), html, change);
        if let Some(seconds) = problem::retry_after_seconds(refusal) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// 303: what follows is a GET, whatever was sent (RFC 9700 §4.12).
    pub(super) fn redirect(&self, target: &str, change: &JarChange) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SEE_OTHER;
        let location = HeaderValue::from_str(target).unwrap_or(HeaderValue::from_static("/"));
        response.headers_mut().insert(header::LOCATION, location);
        protect(&self.service, response.headers_mut());
        finish(&self.service, &self.visit, change, response)
    }

    /// What a refusal looks like where no form can show it.
    pub(super) fn refuse(&self, refused: Refused) -> Response {
        match refused.refusal {
            // The jar may hold something newer by now; the mark tells the next answer that it was told.
            Refusal::StaleToken(_) => self.redirect(&self.target, &refused.jar),
            Refusal::SessionEnded(_)
            | Refusal::NotAuthenticated
            | Refusal::InvalidToken
            | Refusal::InvalidAccessToken => self.redirect(&self.towards(&self.settings().login), &refused.jar),
            Refusal::ReauthenticationRequired => {
                self.redirect(&format!("{}?again&return_to=%2Faccount", self.settings().login), &refused.jar)
            }
            refusal => self.failure(&refusal, &refused.jar),
        }
    }

    fn failure(&self, refusal: &Refusal, change: &JarChange) -> Response {
        let (title, way_out_href, way_out_label) = match refusal {
            Refusal::CsrfFailed | Refusal::IdentityChanged => ("This page is out of date", "/", "Start again"),
            Refusal::TooManyAttempts { .. } => ("Too many attempts", "/login", "Back to sign-in"),
            Refusal::NotFound | Refusal::MethodNotAllowed => ("Nothing is here", "/", "To the start"),
            _other => ("That did not work", "/", "Try again"),
        };
        let view = perennial_pages::Failure {
            status: problem::status(refusal).as_u16(),
            title: title.to_owned(),
            detail: sentence(refusal),
            way_out_href: way_out_href.to_owned(),
            way_out_label: way_out_label.to_owned(),
        };
        let untouched = JarChange::default();
        let unknown = matches!(refusal, Refusal::AuthUnavailable { .. } | Refusal::InternalError);
        self.page_of(refusal, view.render(), if unknown { &untouched } else { change })
    }
}

/// Whether somebody is logged in.
pub(super) const fn is_logged_in(standing: &Standing) -> bool {
    matches!(standing.verdict, Verdict::Authenticated | Verdict::Renewable)
}

/// The page of a step.
pub(super) const fn path_of(step: StepName) -> &'static str {
    match step {
        StepName::VerifyEmail => "/verify-email",
        StepName::MfaSetup => "/mfa/setup",
        StepName::MfaVerify => "/mfa/verify",
    }
}

/// A refusal in words for the person at the page.
pub(super) fn sentence(refusal: &Refusal) -> String {
    match refusal {
        Refusal::CsrfFailed => "This page was open for too long. Please send it once more.".to_owned(),
        Refusal::IdentityChanged => {
            "Someone else has signed in on this browser since the page was loaded. Nothing was done.".to_owned()
        }
        Refusal::NotFound | Refusal::MethodNotAllowed => "There is no page at this address.".to_owned(),
        Refusal::InvalidCode => "This code is not right, or was used already.".to_owned(),
        Refusal::TooManyAttempts { retry_after } => {
            format!("Too many attempts. Please try again in {}.", super::words::wait(*retry_after))
        }
        Refusal::AuthUnavailable { .. } => "We cannot check sign-ins at the moment. Please try again.".to_owned(),
        refusal => problem::detail(refusal),
    }
}

/// Whether a form can show the refusal on its own page.
pub(super) fn is_shown_on_the_form(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::CsrfFailed
            | Refusal::InvalidCode
            | Refusal::InvalidCredentials
            | Refusal::InvalidRequest(_)
            | Refusal::TooManyAttempts { .. }
            | Refusal::AuthUnavailable { .. }
    )
}

/// Where forms may lead, redirects included (CSP Level 3 §6.4.1): here, and to where `return_to` may.
fn form_targets(origins: &OriginPolicy) -> String {
    let own = std::iter::once("'self'");
    let loopback: &[&str] = match origins.loopback {
        Loopback::Allowed => &["http://localhost:*", "http://127.0.0.1:*"],
        Loopback::Refused => &[],
    };
    let targets = own.chain(origins.allowed.iter().map(String::as_str)).chain(loopback.iter().copied());
    targets.collect::<Vec<_>>().join(" ")
}

/// The headers every page carries (ASVS 3.4). No referrer leaves the site; forms still name their origin.
fn protect(service: &Service, headers: &mut HeaderMap) {
    let targets = form_targets(&service.settings.origins);
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action {targets}; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let policy = HeaderValue::from_str(&policy).expect("origins are a header's value");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    if service.settings.origins.own.starts_with("https://") {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}
