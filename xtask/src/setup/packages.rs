//! Programs that come from Debian's packages.

use std::{fs, process::Command};

use anyhow::bail;

use crate::{process, tools};

/// A package, and the names under which its program may be there already.
struct Package {
    name: &'static str,
    programs: &'static [&'static str],
}

const PACKAGES: &[Package] = &[
    Package { name: "chromium", programs: tools::CHROMIUM_NAMES },
    Package { name: "sqlite3", programs: &["sqlite3"] },
    Package { name: "openssl", programs: &["openssl"] },
    Package { name: "jq", programs: &["jq"] },
    Package { name: "curl", programs: &["curl"] },
    Package { name: "python3", programs: &["python3"] },
    Package { name: "npm", programs: &["npm"] },
    Package { name: "faketime", programs: &["faketime"] },
    Package { name: "caddy", programs: &["caddy"] },
];

/// The package of the database server, whose programs are in a folder of their own.
const POSTGRES: &str = "postgresql";
const POSTGRES_FOLDER: &str = "/usr/lib/postgresql";

pub(super) fn ensure() -> anyhow::Result<()> {
    let missing = PACKAGES.iter().filter(|package| process::find(package.programs).is_none());
    let mut names: Vec<&str> = missing.map(|package| package.name).collect();
    if !has_pip() {
        names.push("python3-pip");
    }
    if !has_postgres() {
        names.push(POSTGRES);
    }
    if tools::nginx().is_none() {
        names.push("nginx");
    }
    if names.is_empty() { Ok(()) } else { install(&names) }
}

fn has_pip() -> bool {
    process::answer(Command::new("python3").args(["-m", "pip", "--version"])).is_some()
}

fn has_postgres() -> bool {
    let versions = fs::read_dir(POSTGRES_FOLDER).into_iter().flatten().flatten();
    versions.map(|version| version.path().join("bin")).any(|bin| bin.join("initdb").is_file())
}

fn install(names: &[&str]) -> anyhow::Result<()> {
    let words = format!("apt-get install -y --no-install-recommends {}", names.join(" "));
    if process::find(&["apt-get"]).is_none() {
        bail!("missing programs: install what your system calls {}", names.join(", "));
    }
    if process::answer(Command::new("id").arg("-u")).as_deref() != Some("0") {
        bail!("missing programs, and only root may install them: run `sudo apt-get update && sudo {words}`");
    }
    process::run(Command::new("apt-get").arg("update").arg("-qq"))?;
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(words.split(' ').skip(1));
    process::run(&mut command)
}
