//! The auth service of a gateway that runs in a process of its own: where to ask, with which key, and where what
//! belongs to the service is sent.

use std::fs;

use perennial_protocol::{
    route::{Forward, PathPrefix, Requirement, Route},
    time::Millis,
};

use super::{Resolver, http::JWKS};
use crate::{
    choice::PAGE_PATHS,
    schema,
    settings::{AdminKeyText, Authority},
    upstream,
};

impl Resolver<'_> {
    /// `None` where the service runs in the same process.
    pub(super) fn authority(&mut self) -> Option<Authority> {
        let schema::Gateway { authority, authority_key_file, auth_service, .. } = &self.schema.gateway;
        if authority.is_empty() {
            for (key, value) in
                [("gateway.authority_key_file", authority_key_file), ("gateway.auth_service", auth_service)]
            {
                if !value.is_empty() {
                    self.refuse(key, "belongs to a gateway apart from its service: write `gateway.authority` too");
                }
            }
            return None;
        }
        if self.schema.gateway.routes.values().any(|route| !route.issuer.is_empty()) {
            let rest = "is set, but a route has an `issuer`, and those need the service in the same process: \
                remove one of them";
            self.refuse("gateway.authority", rest);
        }
        let url = upstream::parse(authority).map(|_| authority.clone());
        let url = self.parsed("gateway.authority", url);
        let service = self.parsed("gateway.auth_service", upstream::parse(auth_service));
        let key = self.parsed("gateway.authority_key_file", key_in(authority_key_file));
        Some(Authority { url: url?, key: key?, service: service? })
    }

    /// The service's own paths, which lead to it.
    pub(super) fn routes_to(&self, authority: &Authority) -> Vec<Route> {
        let schema::Pages { enabled, login, .. } = &self.schema.pages;
        let pages = PAGE_PATHS.iter().copied().chain([login.as_str()]).filter(|_| *enabled);
        let aliases = self.schema.http.aliases.keys().map(String::as_str);
        let mut paths: Vec<PathPrefix> = [self.schema.http.base.as_str(), JWKS]
            .into_iter()
            .chain(aliases)
            .chain(pages)
            .filter_map(|path| PathPrefix::parse(path).ok())
            .collect();
        paths.sort();
        paths.dedup();
        let route = |path| Route {
            path,
            upstreams: vec![authority.service.clone()],
            methods: None,
            requirement: Requirement::None,
            strip_prefix: None,
            add_prefix: None,
            timeout: self.schema.limits.request_timeout.max(Millis::seconds(1)),
            body_bytes_max: None,
            forward: Forward::ToAuthority,
            audience: None,
            expired: None,
            issuer: None,
        };
        paths.into_iter().map(route).collect()
    }
}

/// The key in a file, or the rest of a sentence about whoever named the file.
fn key_in(file: &str) -> Result<AdminKeyText, String> {
    if file.is_empty() {
        return Err("is empty: `perennial admin-key add NAME --scope gateway` makes a key; name its file".to_owned());
    }
    let text = fs::read_to_string(file).map_err(|error| format!("names {file}, which cannot be read: {error}"))?;
    match text.trim() {
        "" => Err(format!("names {file}, which holds nothing")),
        key => Ok(AdminKeyText(key.to_owned())),
    }
}
