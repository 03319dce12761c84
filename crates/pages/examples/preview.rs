//! Writes every page in several states into a directory, to be looked at in a browser:
//! `cargo run -p perennial-pages --example preview -- DIRECTORY`.

mod samples;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use perennial_pages::{STYLE, STYLE_PATH};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: preview DIRECTORY")?);
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("style.css"), STYLE)?;
    for sample in samples::all() {
        let html = sample.html.replace(STYLE_PATH, "style.css");
        fs::write(directory.join(sample.name).with_extension("html"), html)?;
    }
    Ok(())
}
