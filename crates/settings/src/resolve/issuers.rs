//! Backends that hand out tokens of their own: whether enough is said of each, and whether its cookies are its own.

use std::collections::BTreeMap;

use perennial_protocol::{
    cookie::{SameSite, set::Secure},
    route::{AccessTravels, ForeignCookie, ForeignIssuer, RefreshTravels, path},
    time::Millis,
};

use super::{
    Resolver,
    cookies::{NAME_MAX, name_of_ours, needs_tls},
    http::{TAKEN_HEADERS, is_local},
    is_token,
};
use crate::{kind::quoted, presets, schema, settings::Cookies, sieve::dotted, suggestion};

impl Resolver<'_> {
    pub(super) fn issuers(&mut self, cookies: Option<&Cookies>) -> BTreeMap<String, ForeignIssuer> {
        let gateway = &self.schema.gateway;
        let mut issuers = BTreeMap::new();
        let mut taken: Vec<(String, String)> = Vec::new();
        for (name, issuer) in &gateway.issuers {
            let item = ["gateway", "issuers", name].map(str::to_owned);
            if !gateway.routes.values().any(|route| route.issuer == *name) {
                let rest = format!("is used by no route: write `issuer = \"{name}\"` in one, or remove the table");
                self.refuse_item(&item, rest);
            }
            self.check_preset(&item, &issuer.preset);
            if issuer.preset.is_empty() || presets::issuer(&issuer.preset).is_some() {
                self.check_cookie_names(&item, issuer, cookies, &mut taken);
                issuers.extend(self.issuer(&item, issuer).map(|issuer| (name.clone(), issuer)));
            }
        }
        issuers
    }

    fn check_preset(&mut self, item: &[String], name: &str) {
        if name.is_empty() || presets::issuer(name).is_some() {
            return;
        }
        let names = presets::issuer_names();
        let meant = suggestion::nearest(name, names.iter().copied());
        let meant = meant.map(|meant| format!("did you mean \"{meant}\"? ")).unwrap_or_default();
        let rest = format!("is \"{name}\", which is no preset of an issuer: {meant}This build has {}", quoted(&names));
        self.refuse_in(item, "preset", rest);
    }

    fn issuer(&mut self, item: &[String], issuer: &schema::Issuer) -> Option<ForeignIssuer> {
        let login = self.needed(item, "login", issuer.login.as_ref(), "\"/login\"");
        let refresh = self.needed(item, "refresh", issuer.refresh.as_ref(), "\"/refresh\"");
        self.check_paths(item, issuer);
        let access_pointer =
            self.needed(item, "access_pointer", issuer.access_pointer.as_ref(), "\"/data/access_token\"");
        let refresh_pointer =
            self.needed(item, "refresh_pointer", issuer.refresh_pointer.as_ref(), "\"/data/refresh_token\"");
        self.check_pointers(item, issuer);
        let sends_refresh =
            self.needed(item, "sends_refresh", issuer.sends_refresh.as_ref(), "\"cookie:refresh_token\"");
        let refresh_travels = sends_refresh.and_then(|text| self.refresh_travels(item, &text));
        let access_travels = self.access_travels(item, &issuer.sends_access);
        let access_cookie =
            self.foreign_cookie(item, "access_cookie", issuer.access_cookie.as_ref(), issuer.access_cookie_ttl);
        let refresh_cookie =
            self.foreign_cookie(item, "refresh_cookie", issuer.refresh_cookie.as_ref(), issuer.refresh_cookie_ttl);
        let expired = self.needed(item, "expired", issuer.expired.as_ref(), "{ status = 401 }");
        let expired = expired.and_then(|rule| self.expired(item, &rule));
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Some(ForeignIssuer {
            login: login?,
            refresh: refresh?,
            logout: text(&issuer.logout),
            access_pointer: access_pointer?,
            refresh_pointer: refresh_pointer?,
            refresh_travels: refresh_travels?,
            access_travels: access_travels?,
            access_cookie: access_cookie?,
            refresh_cookie: refresh_cookie?,
            same_site: issuer.same_site,
            expired: expired?,
            login_page: text(&issuer.login_page),
        })
    }

    /// The value of a key that has no default.
    fn needed<T: Clone>(&mut self, item: &[String], key: &str, value: Option<&T>, example: &str) -> Option<T> {
        if value.is_none() {
            self.lacks(item, key, format!("write it, such as `{key} = {example}`, or a `preset`"));
        }
        value.cloned()
    }

    fn check_paths(&mut self, item: &[String], issuer: &schema::Issuer) {
        let logout = Some(&issuer.logout).filter(|path| !path.is_empty());
        let paths = [("login", issuer.login.as_ref()), ("refresh", issuer.refresh.as_ref()), ("logout", logout)];
        let paths: Vec<(&str, &String)> = paths.into_iter().filter_map(|(key, path)| Some((key, path?))).collect();
        for (nth, (key, text)) in paths.iter().enumerate() {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte));
            if !is_plain || path::check(text).is_err() {
                self.refuse_in(item, key, format!("is \"{text}\": write a path alone, such as \"/api/{key}\""));
            }
            if let Some((other, _)) = paths[..nth].iter().find(|(_, earlier)| earlier == text) {
                self.refuse_in(item, key, format!("is \"{text}\" like `{other}`: each has a path of its own"));
            }
        }
        if !issuer.login_page.is_empty() && !is_local(&issuer.login_page) {
            let rest = format!("is \"{}\": begin with one slash, such as \"/users/login\"", issuer.login_page);
            self.refuse_in(item, "login_page", rest);
        }
    }

    fn check_pointers(&mut self, item: &[String], issuer: &schema::Issuer) {
        for (key, pointer) in [("access_pointer", &issuer.access_pointer), ("refresh_pointer", &issuer.refresh_pointer)]
        {
            if let Some(pointer) = pointer {
                self.check_pointer(item, key, pointer);
            }
        }
        if issuer.refresh_pointer.is_some() && issuer.refresh_pointer == issuer.access_pointer {
            self.refuse_in(
                item,
                "refresh_pointer",
                "is the same as `access_pointer`: each token has a place of its own",
            );
        }
    }

    fn refresh_travels(&mut self, item: &[String], text: &str) -> Option<RefreshTravels> {
        let travels = match text.split_once(':') {
            Some(("cookie", name)) if is_token(name) => Some(RefreshTravels::Cookie(name.to_owned())),
            Some(("json", field)) if !field.is_empty() => Some(RefreshTravels::Json(field.to_owned())),
            Some(("header", name))
                if is_token(name) && !TAKEN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) =>
            {
                Some(RefreshTravels::Header(name.to_owned()))
            }
            _ => None,
        };
        if travels.is_none() {
            let rest = format!(
                "is \"{text}\": write \"cookie:NAME\", \"json:FIELD\" or \"header:NAME\", with a name of its own"
            );
            self.refuse_in(item, "sends_refresh", rest);
        }
        travels
    }

    fn access_travels(&mut self, item: &[String], text: &str) -> Option<AccessTravels> {
        match text.split_once(':') {
            None if text == "bearer" => Some(AccessTravels::Bearer),
            Some(("cookie", name)) if is_token(name) => Some(AccessTravels::Cookie(name.to_owned())),
            _ => {
                self.refuse_in(item, "sends_access", format!("is \"{text}\": write \"bearer\" or \"cookie:NAME\""));
                None
            }
        }
    }

    fn foreign_cookie(
        &mut self,
        item: &[String],
        key: &str,
        name: Option<&String>,
        lives: Option<Millis>,
    ) -> Option<ForeignCookie> {
        let name = self.needed(item, key, name, &format!("\"{}\"", key.replace("cookie", "token")));
        let key = format!("{key}_ttl");
        let lives = self.needed(item, &key, lives.as_ref(), "\"6h\"");
        if lives.is_some_and(|lives| lives < Millis::seconds(1)) {
            self.refuse_in(item, &key, "is shorter than a second, so that no browser keeps it: write at least \"1s\"");
        }
        Some(ForeignCookie { name: name?, lives: lives? })
    }

    /// A cookie that has two meanings would log people out of one of them.
    fn check_cookie_names(
        &mut self,
        item: &[String],
        issuer: &schema::Issuer,
        cookies: Option<&Cookies>,
        taken: &mut Vec<(String, String)>,
    ) {
        let is_plain = cookies.is_some_and(|cookies| cookies.attributes.secure == Secure::No);
        if is_plain && issuer.same_site == SameSite::None {
            let rest = "is \"None\", which browsers keep with Secure only: write \"Strict\" or \"Lax\", or use https";
            self.refuse_in(item, "same_site", rest);
        }
        for (key, name) in [("access_cookie", &issuer.access_cookie), ("refresh_cookie", &issuer.refresh_cookie)] {
            let Some(name) = name else { continue };
            let holder = taken.iter().find(|(_, other)| other == name).map(|(holder, _)| holder.clone());
            let ours = cookies.and_then(|cookies| name_of_ours(&cookies.names, name));
            if !is_token(name) || name.len() > NAME_MAX {
                let rest = format!(
                    "is \"{name}\", which is no name of a cookie: write 1 to {NAME_MAX} letters, digits, - or _"
                );
                self.refuse_in(item, key, rest);
            } else if is_plain && needs_tls(name) {
                self.refuse_in(
                    item,
                    key,
                    format!("is \"{name}\", which browsers keep over https only: remove the prefix"),
                );
            } else if let Some(holder) = holder.or_else(|| ours.map(|ours| format!("cookies.{ours}"))) {
                self.refuse_in(item, key, format!("is \"{name}\" like `{holder}`: give each cookie a name of its own"));
            }
            taken.push((format!("{}.{key}", dotted(item)), name.clone()));
        }
    }
}
