//! The page for everything that did not work out: what happened, and the way on.

use askama::Template;

/// A problem as a page, such as a stale form (403), a missing page (404), too many attempts (429) or an outage (503).
#[derive(Clone, Default, Template)]
#[template(path = "failure.html")]
pub struct Failure {
    pub status: u16,
    pub title: String,
    pub detail: String,
    pub way_out_href: String,
    pub way_out_label: String,
}

crate::page!(Failure);
