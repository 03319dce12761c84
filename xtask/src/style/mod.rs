//! The rules of STYLE.md that a machine can check, over every Rust file of the workspace.
//!
//! `source` reads a file into tokens, so that a rule never mistakes a comment or a text for code; `rules`
//! looks at what it finds.

mod rules;
mod source;
#[cfg(test)]
mod tests;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use source::Source;

/// The folders whose files keep the rules.
const ROOTS: &[&str] = &["crates", "bench", "xtask"];

/// One place where a rule is broken.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.sentence)
    }
}

pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let mut files = Vec::new();
    for folder in ROOTS {
        collect(&root.join(folder), &mut files)?;
    }
    files.sort();
    let mut findings = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let path = file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        findings.extend(check(&path, &text));
    }
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("{} files keep to the style", files.len()),
        count => bail!("{count} places in {} files break a rule of STYLE.md", files.len()),
    }
    Ok(())
}

/// What is wrong with one file.
fn check(path: &str, text: &str) -> Vec<Finding> {
    match Source::parse(path, text) {
        Ok(source) => rules::ALL.iter().flat_map(|rule| rule(&source)).collect(),
        Err(error) => {
            vec![Finding { path: path.to_owned(), line: 1, sentence: format!("this is not Rust: {error}") }]
        }
    }
}

/// The Rust files below `folder`.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && name != "node_modules" {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
