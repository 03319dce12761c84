//! Which route answers for a path: the longest prefix in whole segments.

use std::borrow::Cow;

use super::{PathPrefix, PathProblem, Requirement, Route, path};

/// All routes of a gateway.
#[derive(Debug, Clone, Default)]
pub struct RouteTable {
    /// The longest prefix first.
    routes: Vec<Route>,
}

/// Where a path leads.
#[derive(Debug, Clone, Copy)]
pub enum Routed<'t> {
    To(&'t Route),
    /// A route has this path, and not this method; these are the ones it has.
    MethodNotAllowed(&'t [String]),
    Nowhere,
}

/// The methods that no route takes: one asks for a tunnel to anywhere, the other for its own credentials back.
const NEVER: [&str; 2] = ["CONNECT", "TRACE"];

impl RouteTable {
    pub fn new(mut routes: Vec<Route>) -> Self {
        routes.sort_by_key(|route| std::cmp::Reverse(route.path.as_str().len()));
        Self { routes }
    }

    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Whether some route has this path, or would have it if it could be routed.
    pub fn has(&self, path: &str) -> bool {
        self.route_of(path).is_some()
    }

    /// Whether the route of this path asks for nobody, not even for whom its issuer knows.
    pub fn is_open(&self, path: &str) -> bool {
        self.route_of(path).is_some_and(|route| route.requirement == Requirement::None && route.issuer.is_none())
    }

    /// The route of this issuer through which its upstream is asked for `path`: its own calls go there too.
    pub fn leading_to(&self, issuer: &str, path: &str) -> Option<&Route> {
        let mut routes = self.routes.iter().filter(|route| route.issuer.as_deref() == Some(issuer));
        routes.find(|route| {
            let inner = route.add_prefix.as_ref().map_or(Some(path), |prefix| prefix.strip(path));
            let strip = route.strip_prefix.as_ref().map_or("", PathPrefix::as_str);
            let outer = inner.map(|inner| format!("{strip}{inner}"));
            outer.is_some_and(|outer| self.route_of(&outer).is_some_and(|found| found.path == route.path))
        })
    }

    /// The route of a request. A path whose parameters (`;x`, RFC 3986 §3.3) or whose case lead it to another route, or
    /// whose parameters hide a dot segment (`/..;/`), has none: some upstreams leave the ones out, and look past the
    /// other.
    pub fn find(&self, method: &str, path: &str) -> Result<Routed<'_>, PathProblem> {
        path::check(path)?;
        let (found, bare) = (self.route_of(path), without_parameters(path));
        path::check(&bare)?;
        if found.map(|route| &route.path) != self.route_of(&bare).map(|route| &route.path) {
            return Err(PathProblem::Parameters);
        }
        if self.is_evaded_by_case(found, &bare) {
            return Err(PathProblem::Case);
        }
        let Some(route) = found else { return Ok(Routed::Nowhere) };
        Ok(match &route.methods {
            Some(methods) if !methods.iter().any(|allowed| allowed == method) => Routed::MethodNotAllowed(methods),
            _ if NEVER.contains(&method) => Routed::MethodNotAllowed(&[]),
            _ => Routed::To(route),
        })
    }

    /// Whether a longer prefix is missed by the case of its letters alone.
    fn is_evaded_by_case(&self, found: Option<&Route>, path: &str) -> bool {
        let (path, length) = (with_single_slashes(path), |route: &Route| route.path.as_str().len());
        let nearest = self.routes.iter().find(|route| route.path.strip_in_any_case(&path).is_some());
        nearest.is_some_and(|nearest| found.is_none_or(|found| length(nearest) > length(found)))
    }

    /// Repeated slashes count as one, because some upstreams take them so.
    fn route_of(&self, path: &str) -> Option<&Route> {
        let path = with_single_slashes(path);
        self.routes.iter().find(|route| route.path.strip(&path).is_some())
    }
}

impl Route {
    /// The path that the upstream is asked for. It never begins with two slashes: what follows those is a host to
    /// some readers.
    pub fn rewritten(&self, path: &str) -> String {
        let single = with_single_slashes(path);
        let strip = |path| self.strip_prefix.as_ref().and_then(|prefix: &PathPrefix| prefix.strip(path));
        let rest = strip(path).or_else(|| strip(&single)).unwrap_or(path);
        let prefix = self.add_prefix.as_ref().map_or("", PathPrefix::as_str);
        let slash = if rest.is_empty() && !prefix.is_empty() { "" } else { "/" };
        format!("{prefix}{slash}{}", rest.trim_start_matches('/'))
    }

    /// Whether the upstream may take this path for `own`, one of its own paths, as some leave out parameters, doubled
    /// slashes and the last one.
    pub fn leads_to(&self, path: &str, own: &PathPrefix) -> bool {
        let path = self.rewritten(path);
        let bare = without_parameters(&path);
        matches!(own.strip(&with_single_slashes(&bare)), Some("" | "/"))
    }
}

/// The path with `;` and what follows it taken off every segment.
fn without_parameters(path: &str) -> Cow<'_, str> {
    if !path.contains(';') && !path.contains("%3b") && !path.contains("%3B") {
        return Cow::Borrowed(path);
    }
    let path = path.replace("%3b", ";").replace("%3B", ";");
    let bare = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
    Cow::Owned(bare.collect::<Vec<_>>().join("/"))
}

fn with_single_slashes(path: &str) -> Cow<'_, str> {
    if !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let mut single = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !single.ends_with('/') {
            single.push(c);
        }
    }
    Cow::Owned(single)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        route::{Forward, Upstream, UpstreamScheme},
        time::Millis,
    };

    fn route(path: &str) -> Route {
        Route {
            path: PathPrefix::parse(path).expect("a prefix"),
            upstreams: vec![Upstream { scheme: UpstreamScheme::Http, authority: "127.0.0.1:9000".into() }],
            methods: None,
            requirement: Requirement::Required,
            strip_prefix: None,
            add_prefix: None,
            timeout: Millis::seconds(30),
            body_bytes_max: None,
            forward: Forward::Bearer,
            audience: None,
            expired: None,
            issuer: None,
        }
    }

    fn table() -> RouteTable {
        let reads = Route { methods: Some(vec!["GET".into(), "HEAD".into()]), ..route("/api/reports") };
        RouteTable::new(vec![route("/api"), reads, route("/app")])
    }

    /// `GET /path` and the prefix of its route, `405`, `404` or `400`.
    #[track_caller]
    fn check(request: &str, expected: &str) {
        let table = table();
        let (method, path) = request.split_once(' ').expect("a method and a path");
        let found = match table.find(method, path) {
            Ok(Routed::To(route)) => route.path.to_string(),
            Ok(Routed::MethodNotAllowed(_)) => "405".into(),
            Ok(Routed::Nowhere) => "404".into(),
            Err(_) => "400".into(),
        };
        assert_eq!(found, expected, "{request}");
    }

    #[test]
    fn the_longest_prefix_in_whole_segments_answers() {
        check("GET /api", "/api");
        check("GET /api/x", "/api");
        check("GET /api/reports/7", "/api/reports");
        check("GET /api/reportsx", "/api");
        check("GET /apix", "404");
        check("GET /", "404");
    }

    #[test]
    fn a_second_slash_does_not_lead_around_a_route() {
        check("POST /api//reports", "405");
        check("POST //api/reports", "405");
        check("GET /api/%2e%2e/app", "400");
    }

    #[test]
    fn parameters_do_not_lead_around_a_route() {
        check("GET /api/x;v=1/y", "/api");
        check("GET /api;x/reports", "400");
        check("GET /api/reports;x", "400");
        check("GET /api/reports%3bx", "400");
        check("GET /api/reports/a;b", "/api/reports");
        check("GET /api/..;/app", "400");
        check("GET /api/%2e.%3bx/app", "400");
    }

    #[test]
    fn the_case_of_its_letters_does_not_lead_a_path_around_a_route() {
        check("POST /api/Reports", "400");
        check("GET /api/%52eports/7", "400");
        check("GET /api/Reports;x", "400");
        check("GET /api/Reportsx", "/api");
        check("GET /api/x/Reports", "/api");
        check("GET /API", "400");
        let both = RouteTable::new(vec![route("/"), route("/a"), route("/A")]);
        for path in ["/a", "/A"] {
            assert!(matches!(both.find("GET", path), Ok(Routed::To(route)) if route.path.as_str() == path), "{path}");
        }
    }

    #[test]
    fn a_method_that_the_route_does_not_name_is_not_allowed_and_some_never_are() {
        check("POST /api/reports", "405");
        check("POST /api", "/api");
        check("TRACE /api", "405");
        check("CONNECT /api", "405");
    }

    #[test]
    fn a_prefix_is_taken_off_and_another_put_on() {
        let prefix = |text: &str| Some(PathPrefix::parse(text).expect("a prefix"));
        let strips = Route { strip_prefix: prefix("/api"), ..route("/api") };
        assert_eq!(strips.rewritten("/api/x"), "/x");
        assert_eq!(strips.rewritten("/api"), "/");
        let moves = Route { strip_prefix: prefix("/api"), add_prefix: prefix("/v1"), ..route("/api") };
        assert_eq!(moves.rewritten("/api/x"), "/v1/x");
        assert_eq!(moves.rewritten("/api"), "/v1");
        assert_eq!(route("/api").rewritten("/api/x"), "/api/x");
        assert_eq!(strips.rewritten("//api/x"), "/x");
        assert_eq!(strips.rewritten("/api//evil.example/x"), "/evil.example/x");
        assert_eq!(route("/").rewritten("//evil.example"), "/evil.example");
    }

    #[test]
    fn a_path_of_the_upstreams_own_is_found_however_it_is_written() {
        let prefix = |text: &str| PathPrefix::parse(text).expect("a prefix");
        let users = Route { strip_prefix: Some(prefix("/users")), ..route("/users") };
        let own = prefix("/auth/login");
        for path in ["/auth/login", "/auth/login/", "/auth//login", "/auth/log%69n", "/auth;x/login;y", "//auth/login"]
        {
            assert!(users.leads_to(&format!("/users{path}"), &own), "{path}");
        }
        for path in ["/auth/login/x", "/auth/logins", "/x/auth/login"] {
            assert!(!users.leads_to(&format!("/users{path}"), &own), "{path}");
        }
    }

    #[test]
    fn an_issuers_own_calls_take_the_route_that_leads_to_them() {
        let prefix = |text: &str| Some(PathPrefix::parse(text).expect("a prefix"));
        let of = |path: &str| Route { issuer: Some("users".into()), ..route(path) };
        let pages = of("/pages-of-users");
        let users = Route { strip_prefix: prefix("/users"), ..of("/users") };
        let moved = Route { strip_prefix: prefix("/v1"), add_prefix: prefix("/inner"), ..of("/v1") };
        let other = Route { issuer: Some("other".into()), ..route("/") };
        let table = RouteTable::new(vec![pages, users, moved, other]);
        let found = |path: &str| table.leading_to("users", path).map(|route| route.path.to_string());
        assert_eq!(found("/auth/refresh").as_deref(), Some("/users"));
        assert_eq!(found("/inner/refresh").as_deref(), Some("/users"));
        assert_eq!(found("/pages-of-users/refresh").as_deref(), Some("/pages-of-users"));
        assert_eq!(table.leading_to("nobody", "/auth/refresh"), None);
    }
}
