//! What a configuration comes to, and what it is refused for.

mod examples;
mod gateway;
mod layers;
mod printing;
mod refusals;

use perennial_settings::{Configuration, Mode, Settings, Sources};

/// What `serve` needs beside the defaults.
const MAIL: &str = "mail.smtp_url = \"smtp://mail.example.com\"\nmail.from = \"login@example.com\"\n";

/// These lines as `perennial.toml`, with mail.
fn file(lines: &str) -> Sources {
    Sources::new(Mode::Serve).text("perennial.toml", &format!("{MAIL}{lines}"))
}

#[track_caller]
fn settings(sources: &Sources) -> Settings {
    Configuration::load(sources).settings().unwrap_or_else(|refused| panic!("{refused}"))
}

/// All problems, each on a line.
fn problems(sources: &Sources) -> String {
    let sentences: Vec<_> = Configuration::load(sources).check().iter().map(ToString::to_string).collect();
    sentences.join("\n")
}
