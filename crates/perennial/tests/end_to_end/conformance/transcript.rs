//! A scenario as it is written, and the values that its names stand for.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    pub(super) about: String,
    pub(super) upstream: UpstreamIs,
    #[serde(default)]
    pub(super) transport: Transport,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Transport {
    #[default]
    Cookie,
    Bearer,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum UpstreamIs {
    TakesEveryToken,
    RefusesTheFirstToken,
    RefusesOnce,
    RefusesEveryToken,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum Step {
    Login {
        login: Tokens,
    },
    Logout {
        logout: Tokens,
    },
    Time {
        #[serde(rename = "time")]
        _time: TimePasses,
    },
    Store {
        store: StoreIs,
    },
    AtOnce {
        at_once: Vec<Exchange>,
    },
    /// What one request of an app comes to.
    Call {
        call: Vec<Exchange>,
        ends: String,
        #[serde(default, rename = "page")]
        _page: Option<String>,
    },
    Exchange(Box<Exchange>),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TimePasses {
    Passes,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoreIs {
    Away,
    Back,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    pub(super) request: Request,
    pub(super) reply: Reply,
}

/// What a request carries, or an answer hands out: a name for each kind.
pub(super) type Tokens = BTreeMap<String, String>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    #[serde(default = "get")]
    pub(super) method: String,
    pub(super) path: String,
    refresh: Option<String>,
    access: Option<String>,
    mark: Option<String>,
    pub(super) bearer: Option<String>,
    pub(super) csrf: Option<String>,
    #[serde(default)]
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) body_bytes: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    #[default]
    Call,
    Navigation,
    Prefetch,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) code: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) location: Option<String>,
    #[serde(default)]
    pub(super) retry_after: bool,
    #[serde(default)]
    pub(super) hands: Tokens,
    #[serde(default)]
    pub(super) clears: Vec<String>,
    pub(super) csrf: Option<String>,
    /// The status that a session answer tells.
    pub(super) session: Option<String>,
    #[serde(default)]
    pub(super) lost: bool,
    pub(super) upstream: usize,
}

fn get() -> String {
    "GET".to_owned()
}

impl Request {
    pub(super) fn logout(tokens: &Tokens) -> Self {
        let named = |kind: &str| tokens.get(kind).cloned();
        let (method, path) = ("POST".to_owned(), "/auth/logout".to_owned());
        Self {
            method,
            path,
            refresh: named("refresh"),
            access: named("access"),
            csrf: named("csrf"),
            ..Self::default()
        }
    }

    /// Its cookies.
    pub(super) fn tokens(&self) -> Tokens {
        let named = [("refresh", &self.refresh), ("access", &self.access), ("mark", &self.mark)];
        named.into_iter().filter_map(|(kind, name)| Some((kind.to_owned(), name.clone()?))).collect()
    }
}

/// The kinds of cookies that transcripts speak of, by the beginning of their names.
const KINDS: [(&str, &str); 4] =
    [("refreshtoken", "refresh"), ("accesstoken", "access"), ("csrftoken", "csrf"), ("stale", "mark")];

/// What a cookie of this name holds.
pub(super) fn kind_of(cookie: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|(base, _)| cookie.starts_with(base)).map(|(_, kind)| kind)
}

/// The name of a cookie of this kind.
pub(super) fn cookie_of(kind: &str) -> &'static str {
    KINDS.into_iter().find(|(_, name)| *name == kind).map_or("unknown", |(base, _)| base)
}

/// Names and the cookies that they stand for.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, (String, String)>);

impl Names {
    /// Whether exactly these names were handed out. A new name is given to a new value.
    pub(super) fn hold<'c>(
        &mut self,
        expected: &Tokens,
        set: impl Iterator<Item = (&'c str, &'c str)>,
        what: &str,
    ) -> Result<(), String> {
        let found: BTreeMap<String, (String, String)> = set
            .filter_map(|(name, value)| Some((kind_of(name)?.to_owned(), (name.to_owned(), value.to_owned()))))
            .collect();
        if !found.keys().eq(expected.keys()) {
            return Err(format!("{what} {:?} instead of {:?}", found.keys(), expected.keys()));
        }
        for (kind, name) in expected {
            let cookie = &found[kind];
            match self.0.get(name) {
                Some(known) if known != cookie => return Err(format!("{what} another value than {name}")),
                None if self.0.values().any(|known| known == cookie) => {
                    return Err(format!("{what} an old value instead of {name}"));
                }
                Some(_) => {}
                None => drop(self.0.insert(name.clone(), cookie.clone())),
            }
        }
        Ok(())
    }

    /// The cookies that these names stand for.
    pub(super) fn cookies(&self, tokens: &Tokens) -> Result<Vec<(String, String)>, String> {
        let known = |name| self.0.get(name).cloned().ok_or_else(|| format!("nothing is called {name}"));
        tokens.values().map(known).collect()
    }

    pub(super) fn value(&self, name: &str) -> Result<String, String> {
        if name == "wrong" {
            return Ok("nobody's".to_owned());
        }
        self.0.get(name).map(|(_, value)| value.clone()).ok_or_else(|| format!("nothing is called {name}"))
    }
}
