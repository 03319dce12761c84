//! nginx and Caddy as the guide to forward-auth sets them up: its very files, on ports of the test's.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Ending, Scratch, free_port};

const NGINX_CONF: &str = include_str!("../../../docs/guides/forward-auth/nginx.conf");
const CADDYFILE: &str = include_str!("../../../docs/guides/forward-auth/Caddyfile");

/// The ports that the files name: of the web server, of Perennial, and of the app.
const PUBLIC: &str = "8080";
const PERENNIAL: &str = "8081";
const APP: &str = "9000";

const PORT_ATTEMPTS: usize = 5;

/// Which web server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brand {
    Nginx,
    Caddy,
}

/// A web server that asks Perennial before it asks the app. It ends with the test.
#[derive(Debug)]
pub struct WebServer {
    pub port: u16,
    scratch: Scratch,
    _process: Ending,
}

impl WebServer {
    /// In front of these ports of the same machine. `cargo xtask setup` installs the programs.
    pub fn start(brand: Brand, perennial: u16, app: u16) -> Self {
        for _ in 0..PORT_ATTEMPTS {
            let (port, scratch) = (free_port(), Scratch::new());
            let mut command = match brand {
                Brand::Nginx => nginx(scratch.path(), [port, perennial, app]),
                Brand::Caddy => caddy(scratch.path(), [port, perennial, app]),
            };
            let log = fs::File::create(scratch.path().join("log")).expect("the log can be written");
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
            let process = Ending::new(command.spawn().expect("the web server starts"));
            if let Some(process) = process.listening(port) {
                return Self { port, scratch, _process: process };
            }
            let log = fs::read_to_string(scratch.path().join("log")).unwrap_or_default();
            assert!(log.contains("in use"), "{brand:?} does not start: {log}");
        }
        panic!("{brand:?} finds no free port");
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Everything the web server has complained about so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default()
    }
}

fn nginx(directory: &Path, ports: [u16; 3]) -> Command {
    // What nginx writes goes where this user may write, and no process stays behind when it is killed.
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let places = folders.map(|name| format!("{name}_temp_path {}/{name};", directory.display())).concat();
    let conf = with_ports(NGINX_CONF, ports).replacen("http {", &format!("http {{ access_log off; {places}"), 1);
    let file = directory.join("nginx.conf");
    fs::write(&file, conf).expect("the configuration can be written");
    let mut command = Command::new(program("PERENNIAL_NGINX"));
    let globals = format!("daemon off; master_process off; pid {}/pid;", directory.display());
    command.args(["-e", "stderr", "-g", &globals, "-p"]).arg(directory).arg("-c").arg(file);
    command
}

fn caddy(directory: &Path, ports: [u16; 3]) -> Command {
    // Two of them at once must not want the same administration port.
    let text = format!("{{\n\tadmin off\n}}\n{}", with_ports(CADDYFILE, ports));
    let file = directory.join("Caddyfile");
    fs::write(&file, text).expect("the configuration can be written");
    let mut command = Command::new(program("PERENNIAL_CADDY"));
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        command.env(name, directory);
    }
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
    command
}

fn with_ports(text: &str, ports: [u16; 3]) -> String {
    let named = [PUBLIC, PERENNIAL, APP].into_iter().zip(ports);
    let marked = |text: String, port: &str| text.replace(&format!(":{port}"), &format!(":<{port}>"));
    let listens = text.replace(&format!("listen {PUBLIC};"), &format!("listen 127.0.0.1:{PUBLIC};"));
    // In two steps, as a free port may be one of those that are named.
    let text = [PUBLIC, PERENNIAL, APP].into_iter().fold(listens, marked);
    named.fold(text, |text, (name, port)| text.replace(&format!("<{name}>"), &port.to_string()))
}

fn program(variable: &str) -> std::ffi::OsString {
    let set = env::var_os(variable);
    set.unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`, which prepares and sets it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_is_replaced_where_it_stands_and_nowhere_else() {
        for text in [NGINX_CONF, CADDYFILE] {
            let replaced = with_ports(text, [8081, 9000, 8080]);
            let lines = text.lines().zip(replaced.lines()).filter(|(old, new)| old != new);
            assert_eq!(replaced.matches(":8081").count(), 1, "{replaced}");
            assert!(lines.clone().count() >= 3);
            assert!(lines.into_iter().all(|(old, _)| !old.trim().starts_with('#')), "{replaced}");
        }
    }
}
