//! Every rule finds its bad example, and nothing in a good one.

use super::check;

const PATH: &str = "crates/service/src/clock.rs";

/// The findings as `line: sentence`.
fn findings(path: &str, text: &str) -> Vec<String> {
    check(path, text).into_iter().map(|finding| format!("{}: {}", finding.line, finding.sentence)).collect()
}

/// The one finding in `body`, under a heading that every file has.
#[track_caller]
fn bad(path: &str, body: &str, part: &str) {
    let found = findings(path, &format!("//! A module.\n{body}\n"));
    assert!(found.len() == 1 && found[0].contains(part), "{path}: {body}\n{found:?}");
}

#[track_caller]
fn good(path: &str, body: &str) {
    let found = findings(path, &format!("//! A module.\n{body}\n"));
    assert!(found.is_empty(), "{path}: {body}\n{found:?}");
}

#[test]
fn a_file_opens_with_what_it_decides() {
    assert!(findings(PATH, "fn main() {}\n")[0].starts_with("1: the file does not open"));
    assert!(findings(PATH, "// A comment.\n//! Too late.\n")[0].contains("does not open"));
    good(PATH, "fn main() {}");
}

#[test]
fn a_file_that_cannot_be_read_is_a_finding() {
    assert!(findings(PATH, "//! A module.\nfn main() {")[0].contains("this is not Rust"));
}

#[test]
fn a_file_is_named_after_what_is_in_it() {
    bad("crates/service/src/utils.rs", "", "`utils` could hold anything");
    bad("crates/service/tests/common/mod.rs", "", "`common` could hold anything");
    bad("crates/service/src/http/helpers.rs", "", "`helpers`");
    good("crates/service/src/common_words.rs", "");
}

#[test]
fn a_function_has_70_lines_at_most() {
    let function = |lines: usize| format!("fn long() {{\n{}}}", "    step();\n".repeat(lines - 2));
    good(PATH, &function(70));
    bad(PATH, &function(71), "2: `long` has 71 lines");
    bad(PATH, &format!("impl Thing {{\n{}\n}}", function(71)), "3: `long` has 71 lines");
    good(PATH, &format!("trait Thing {{\n    fn short(&self) -> [u8; 2];\n{}}}", "    const A: u8;\n".repeat(80)));
}

#[test]
fn a_file_has_600_lines_at_most_without_its_tests() {
    let filler = |lines: usize| "const A: u8 = 1;\n".repeat(lines);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", filler(90));
    bad(PATH, &filler(600), "602 lines");
    good(PATH, &format!("{}{tests}", filler(590)));
    bad(PATH, &format!("#[cfg(not(test))]\nmod rest {{\n{}}}\n", filler(600)), "lines without its tests");
}

#[test]
fn nothing_is_unwrapped_outside_of_tests() {
    bad(PATH, "fn f() { a().unwrap(); }", "`unwrap` says nothing");
    bad(PATH, "fn f() { print!(\"{}\", a().unwrap()); }", "`unwrap` says nothing");
    good(PATH, "fn f() { a().unwrap_or(1); }");
    good(PATH, "/// Never `.unwrap()`.\nfn f() { b(\".unwrap()\"); }");
    good(PATH, "#[cfg(test)]\nmod tests {\n    fn f() { a().unwrap(); }\n}");
    bad(PATH, "#[cfg(test)]\nmod tests;\nfn f() { a().unwrap(); }", "4: `unwrap`");
    good("crates/service/tests/refresh.rs", "fn f() { a().unwrap(); }");
    good("crates/protocol/src/refresh/tests.rs", "fn f() { a().unwrap(); }");
}

#[test]
fn expect_names_an_invariant() {
    bad(PATH, "fn f() { a().expect(\"\"); }", "states the invariant");
    good(PATH, "fn f() { a().expect(\"the queue is closed last\"); }");
}

#[test]
fn errands_are_found_in_comments_and_code_and_not_in_texts() {
    bad(PATH, "// TODO: more", "2: an errand");
    bad(PATH, "/// A fact. FIXME.\nfn f() {}", "2: an errand");
    good(PATH, "const SAMPLE: &str = \"\n TODO \"; // Nobody's METHODOLOGY.");
}

#[test]
fn a_test_runs_always_and_wants_no_panic() {
    bad(PATH, "#[cfg(test)]\nmod tests {\n    #[test]\n    #[ignore]\n    fn time_passes() {}\n}", "5: no `#[ignore]`");
    bad(PATH, "#[test]\n#[ignore = \"slow\"]\nfn time_passes() {}", "no `#[ignore]`");
    bad(PATH, "#[test]\n#[should_panic(expected = \"no\")]\nfn time_passes() {}", "no `#[should_panic]`");
}

#[test]
fn the_name_of_a_test_is_a_sentence() {
    bad(PATH, "#[test]\nfn test_refresh() {}", "`test_refresh` says nothing");
    bad(PATH, "#[tokio::test]\nasync fn refresh_works() {}", "`refresh_works`");
    bad(PATH, "#[tokio::test(flavor = \"multi_thread\")]\nasync fn basic_login() {}", "`basic_login`");
    bad(PATH, "proptest! {\n    #[test]\n    fn basic(n in 0..9) { check(n); }\n}", "`basic`");
    good(PATH, "#[test]\nfn a_late_answer_carries_no_cookie() {}\nfn test_ring() {}");
    good(PATH, "#[test]\nfn a_late_answer() {}\npub fn works() {}");
}

#[test]
fn rules_do_not_wait() {
    let rule = "crates/protocol/src/time.rs";
    bad(rule, "async fn f() {}", "rules do not wait");
    good(rule, "#[cfg(test)]\nmod tests {\n    async fn f() {}\n}");
    good(PATH, "async fn f() {}");
}

#[test]
fn one_file_knows_the_statuses_that_say_no() {
    let problem = "crates/edge/src/problem.rs";
    let status = "fn f() { StatusCode::UNAUTHORIZED; }";
    bad("crates/service/src/http/answer.rs", status, "only edge/problem.rs");
    good(problem, status);
    good("crates/service/src/http/answer.rs", "fn f() { StatusCode::NO_CONTENT; }");
    good("crates/service/tests/refresh.rs", status);
}

#[test]
fn no_arm_of_a_status_takes_whatever_comes() {
    let problem = "crates/edge/src/problem.rs";
    bad(problem, "fn f() { match refusal { Refusal::A => 1, _ => 2 }; }", "takes every refusal");
    bad(problem, "fn f() { match refusal { Refusal::A => { 1 } _other => 2 }; }", "takes every refusal");
    bad(problem, "fn f() { match refusal { rest => 2 }; }", "takes every refusal");
    good(problem, "fn f() { match refusal { Refusal::A(_) => 1, Refusal::B { .. } | Refusal::C => 2 }; }");
    good(problem, "fn f() { match refusal { A => 1, B => 2 }; }");
    good("crates/settings/src/problem.rs", "fn f() { match kind { Kind::A => 1, _ => 2 }; }");
}

#[test]
fn sql_stays_in_its_store() {
    bad(PATH, "const Q: &str = \"SELECT 1\";", "only crates/store-* knows SQL");
    bad(PATH, "fn f() { run!(r#\"INSERT INTO session\"#); }", "only crates/store-* knows SQL");
    good(PATH, "/// UPDATE what is there.\nconst Q: &str = \"Select one\";");
    good("crates/store-sqlite/src/load.rs", "const Q: &str = \"SELECT 1\";");
    good("crates/testkit/src/lib.rs", "const Q: &str = \"UPDATE session SET late = 1\";");
}
