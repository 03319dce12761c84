//! The rules, each a function from a file to what is wrong with it. The numbers are those of STYLE.md.

use std::path::Path;

use super::{
    Finding,
    source::{Kind, Source},
};

type Rule = fn(&Source) -> Vec<Finding>;

pub(crate) const ALL: &[Rule] = &[
    rules_do_not_wait,
    one_file_knows_the_statuses,
    statuses_are_matched_one_by_one,
    nothing_is_unwrapped,
    expect_says_why,
    names_say_what_is_inside,
    functions_fit_on_a_screen,
    files_fit_in_the_head,
    modules_say_what_they_decide,
    comments_hold_no_errands,
    tests_always_run,
    tests_are_sentences,
    sql_stays_in_its_store,
];

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 600;

const VAGUE_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc", "types", "manager"];
const ERRANDS: &[&str] = &["TODO", "FIXME"];
const SQL: &[&str] = &["SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM"];

const STATUS_FILE: &str = "problem.rs";
/// Where requests are answered.
const ANSWERING: &[&str] = &["crates/service/src/", "crates/edge/src/", "crates/gateway/src/"];
/// The statuses that say no, as far as a service like this one uses them.
const REFUSING_STATUSES: &[&str] = &[
    "BAD_REQUEST",
    "UNAUTHORIZED",
    "FORBIDDEN",
    "NOT_FOUND",
    "METHOD_NOT_ALLOWED",
    "CONFLICT",
    "GONE",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "MISDIRECTED_REQUEST",
    "UNPROCESSABLE_ENTITY",
    "TOO_MANY_REQUESTS",
    "INTERNAL_SERVER_ERROR",
    "BAD_GATEWAY",
    "SERVICE_UNAVAILABLE",
    "GATEWAY_TIMEOUT",
];

fn finding(source: &Source, line: usize, sentence: impl Into<String>) -> Finding {
    Finding { path: source.path.clone(), line, sentence: sentence.into() }
}

/// A finding for each token outside of tests where `sought` begins.
fn outside_tests(source: &Source, sought: &[&str], sentence: &str) -> Vec<Finding> {
    let places = source.find(sought).filter(|place| !source.in_tests(*place));
    places.map(|place| finding(source, source.line(place), sentence)).collect()
}

/// 1: rules do not wait. What else they may not touch stands in clippy.toml beside them.
fn rules_do_not_wait(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("crates/protocol/src/") {
        return Vec::new();
    }
    outside_tests(source, &["async"], "rules do not wait: take what was waited for as an argument")
}

fn answers(source: &Source) -> bool {
    ANSWERING.iter().any(|folder| source.path.starts_with(folder))
}

/// 4: one file turns refusals into statuses.
fn one_file_knows_the_statuses(source: &Source) -> Vec<Finding> {
    if !answers(source) || source.path.ends_with(STATUS_FILE) {
        return Vec::new();
    }
    let sentence = "only edge/problem.rs knows the statuses that say no: answer with a `Refusal`";
    let found =
        REFUSING_STATUSES.iter().flat_map(|name| outside_tests(source, &["StatusCode", ":", ":", name], sentence));
    found.collect()
}

/// 4: a new refusal has to be given its status by a person, so no arm there takes whatever comes, under `_`
/// or under a name.
fn statuses_are_matched_one_by_one(source: &Source) -> Vec<Finding> {
    if !answers(source) || !source.path.ends_with(STATUS_FILE) {
        return Vec::new();
    }
    let takes_all = |arrow: &usize| {
        let [before, pattern] = [2, 1].map(|back| arrow.checked_sub(back).and_then(|place| source.tokens.get(place)));
        before.is_some_and(|token| matches!(token.text.as_str(), "{" | "}" | ","))
            && pattern.is_some_and(|token| token.kind == Kind::Word && !token.text.starts_with(char::is_uppercase))
    };
    let arrows = source.find(&["=", ">"]).filter(takes_all).filter(|arrow| !source.in_tests(*arrow));
    let sentence = "an arm that takes every refusal would give a new one its answer unseen: name them";
    arrows.map(|arrow| finding(source, source.line(arrow), sentence)).collect()
}

/// 4: what cannot fail is expected with a reason, what can is handled.
fn nothing_is_unwrapped(source: &Source) -> Vec<Finding> {
    let sentence = "`unwrap` says nothing when it fails: handle it, or `expect` the invariant that holds";
    outside_tests(source, &[".", "unwrap", "(", ")"], sentence)
}

/// 4: the text of `expect` is the reason.
fn expect_says_why(source: &Source) -> Vec<Finding> {
    let places = source.find(&[".", "expect", "(", "\"\"", ")"]);
    places.map(|place| finding(source, source.line(place), "`expect` states the invariant that holds")).collect()
}

/// 6: a folder reads as a table of contents.
fn names_say_what_is_inside(source: &Source) -> Vec<Finding> {
    let parts = source.path.split('/').map(|part| Path::new(part).with_extension(""));
    let vague = parts.filter(|part| VAGUE_NAMES.iter().any(|name| part.as_os_str() == *name));
    let sentence = |part: std::path::PathBuf| {
        let name = part.display();
        finding(source, 1, format!("`{name}` could hold anything: name the file after what is in it"))
    };
    vague.map(sentence).collect()
}

/// 8: a function fits on the screen.
fn functions_fit_on_a_screen(source: &Source) -> Vec<Finding> {
    let long = source.functions().into_iter().filter(|function| function.lines > FUNCTION_LINES_MAX);
    long.map(|function| {
        let sentence = format!("`{}` has {} lines, {FUNCTION_LINES_MAX} are enough", function.name, function.lines);
        finding(source, function.line, sentence)
    })
    .collect()
}

/// 8: a file fits in the head.
fn files_fit_in_the_head(source: &Source) -> Vec<Finding> {
    let lines = source.lines_without_tests();
    let is_long = lines > FILE_LINES_MAX;
    let sentence = || format!("the file has {lines} lines without its tests, {FILE_LINES_MAX} are enough");
    is_long.then(|| finding(source, FILE_LINES_MAX, sentence())).into_iter().collect()
}

/// 9: a file opens by saying what it decides and what it leaves to others.
fn modules_say_what_they_decide(source: &Source) -> Vec<Finding> {
    let opens = source.text.starts_with("//! ");
    let sentence = "the file does not open with `//!`: say what it decides and what it leaves to others";
    (!opens).then(|| finding(source, 1, sentence)).into_iter().collect()
}

/// 9: what is still to be done is kept elsewhere.
fn comments_hold_no_errands(source: &Source) -> Vec<Finding> {
    let text = source.without_literals();
    let is_errand = |word: &str| ERRANDS.contains(&word);
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.split(|character: char| !character.is_ascii_alphanumeric()).any(is_errand));
    lines
        .map(|(index, _)| finding(source, index + 1, "an errand in a comment is never run: do it or drop it"))
        .collect()
}

/// 11: a test that does not run proves nothing, and one that wants a panic proves little.
fn tests_always_run(source: &Source) -> Vec<Finding> {
    let found = ["ignore", "should_panic"].iter().flat_map(|attribute| {
        let places: Vec<usize> = source.find(&["#", "[", attribute]).collect();
        let sentence = format!("no `#[{attribute}]`: a test runs always, and checks what it means");
        places.into_iter().map(move |place| finding(source, source.line(place), sentence.clone()))
    });
    found.collect()
}

/// 11: subject, verb, circumstance.
fn tests_are_sentences(source: &Source) -> Vec<Finding> {
    let is_empty =
        |name: &str| name.starts_with("test_") || name.split('_').any(|word| matches!(word, "works" | "basic"));
    let tests = source.functions().into_iter().filter(|function| function.is_test && is_empty(&function.name));
    tests
        .map(|function| {
            let sentence = format!("`{}` says nothing about behaviour: subject, verb, circumstance", function.name);
            finding(source, function.line, sentence)
        })
        .collect()
}

/// 13: nothing outside of the store that speaks SQL knows that SQL exists.
fn sql_stays_in_its_store(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("crates/") || source.path.starts_with("crates/store-") {
        return Vec::new();
    }
    let tokens = source.tokens.iter().enumerate();
    let texts = tokens.filter(|(place, token)| token.kind == Kind::Text && !source.in_tests(*place));
    let sql = texts.filter(|(_, token)| SQL.iter().any(|keyword| token.text.contains(keyword)));
    sql.map(|(_, token)| finding(source, token.line, "only crates/store-* knows SQL: ask the store")).collect()
}
