//! Documents that say what the code does are held to it.

use std::{collections::BTreeSet, fs, path::Path};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_configuration_reference_is_what_the_binary_prints() {
    let written = read("docs/reference/configuration.md");
    let printed = perennial_settings::reference();
    assert!(written == printed, "run `perennial config reference > docs/reference/configuration.md`");
}

#[test]
fn the_table_of_failure_modes_names_the_tests_that_exist() {
    let table = read("docs/failure-modes.md");
    let tests = all_test_names();
    let named: BTreeSet<&str> = table
        .lines()
        .filter(|line| line.starts_with("| F"))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|path| !path.contains('/'))
        .map(|path| path.rsplit("::").next().unwrap_or(path))
        .collect();
    let missing: Vec<&&str> = named.iter().filter(|name| !tests.contains(**name)).collect();
    assert!(missing.is_empty(), "docs/failure-modes.md names tests that do not exist: {missing:?}");
    let carries_an_id = |name: &&String| {
        name.len() > 4 && name.starts_with('f') && name[1..3].bytes().all(|c| c.is_ascii_digit()) && &name[3..4] == "_"
    };
    let unlisted: Vec<&String> =
        tests.iter().filter(carries_an_id).filter(|name| !named.contains(name.as_str())).collect();
    assert!(unlisted.is_empty(), "tests carry an id and are not in docs/failure-modes.md: {unlisted:?}");
}

#[test]
fn the_table_of_failure_modes_names_the_files_of_the_browser_tests_that_carry_an_id() {
    let table = read("docs/failure-modes.md");
    let mut files = Vec::new();
    for directory in ["examples", "sdk/test"] {
        scripts(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(directory).as_path(), directory, &mut files);
    }
    assert!(files.len() > 10, "the browser tests are found");
    for (file, text) in files {
        let titles = text
            .lines()
            .map(str::trim_start)
            .filter(|line| ["it(", "test(", "both("].iter().any(|call| line.starts_with(call)));
        let ids = titles.flat_map(|title| title.split(['\'', '`', ' ']).filter(|word| is_an_id(word)));
        for id in ids {
            let row = |line: &str| line.starts_with(&format!("| {id} |")) && line.contains(&format!("`{file}`"));
            assert!(table.lines().any(row), "docs/failure-modes.md does not say that {file} shows {id}");
        }
    }
}

fn is_an_id(word: &str) -> bool {
    word.len() == 3 && word.starts_with('F') && word[1..].bytes().all(|c| c.is_ascii_digit())
}

/// The files of tests below `directory`, by their names from the root on.
fn scripts(directory: &Path, name: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let own = entry.file_name().to_string_lossy().into_owned();
        let (path, name) = (entry.path(), format!("{name}/{own}"));
        if path.is_dir() && own != "node_modules" {
            scripts(&path, &name, files);
        } else if own.ends_with("test.mjs") || own.ends_with(".test.ts") {
            let text = fs::read_to_string(&path).expect("a source file");
            files.push((name, text));
        }
    }
}

/// The names of all functions under `crates`; a test in the table is one of them.
fn all_test_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut names);
    names
}

fn collect(directory: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let functions = text
                .split("fn ")
                .skip(1)
                .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>());
            names.extend(functions);
        }
    }
}
