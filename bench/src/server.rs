//! The server under load: started in a folder of its own, asked what it used, ended with the run.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use perennial_testkit::free_ports;
use serde_json::Value;

use crate::{
    Jars, Options,
    load::{self, Jar},
};

/// Where the server keeps its data.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// SQLite, in the server's own folder.
    Folder,
    /// The PostgreSQL of this URL.
    Database(String),
}

pub(crate) struct Server {
    binary: PathBuf,
    place: Place,
    process: Child,
    folder: PathBuf,
    pub(crate) version: String,
    /// As browsers write it, `localhost:8080`.
    pub(crate) host: String,
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
    /// What it was started with besides; its commands have to know too.
    variables: Vec<(&'static str, String)>,
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    pub(crate) written: u64,
}

/// Linux counts processor time in these, whatever the kernel was built with.
const TICK: Duration = Duration::from_millis(10);

impl Server {
    /// Starts it with these variables besides.
    pub(crate) fn start(
        options: &Options,
        place: &Place,
        variables: &[(&'static str, String)],
    ) -> anyhow::Result<Self> {
        let binary = options.binary.canonicalize().with_context(|| {
            format!("there is no {}: run `cargo build --release -p perennial`", options.binary.display())
        })?;
        let folder =
            options.directory.canonicalize()?.join(format!("bench-{}-{}", std::process::id(), free_ports::<1>()[0]));
        fs::create_dir(&folder)?;
        let version = Command::new(&binary).arg("--version").output()?.stdout;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let log = fs::File::create(folder.join("log"))?;
        let mut command = Command::new(&binary);
        let (host, address, admin) = match place {
            Place::Folder => {
                command.args(["dev", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
                (String::new(), nowhere, nowhere)
            }
            Place::Database(_) => {
                fs::create_dir(folder.join("data"))?;
                let [address, admin] = free_ports().map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
                command.arg("serve").env("PERENNIAL__SERVER__LISTEN", address.to_string());
                command.env("PERENNIAL__SERVER__ADMIN_LISTEN", admin.to_string());
                (format!("localhost:{}", address.port()), address, admin)
            }
        };
        configure(&mut command, place, &folder.join("data"), &host)?;
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let process = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let version = String::from_utf8_lossy(&version).trim().to_owned();
        let mut server = Self {
            binary,
            place: place.clone(),
            process,
            folder,
            version,
            host,
            address,
            admin,
            variables: variables.to_vec(),
        };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            if self.is_told() && TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            ensure!(self.process.try_wait()?.is_none(), "the server ended: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the server did not start: {}", self.log())
    }

    /// Whether it is known where the server listens; `dev` writes it down.
    fn is_told(&mut self) -> bool {
        matches!(self.place, Place::Database(_)) || self.read_notes().is_some()
    }

    fn read_notes(&mut self) -> Option<()> {
        let notes: Value = serde_json::from_str(&fs::read_to_string(self.data().join("dev.json")).ok()?).ok()?;
        self.host = notes["url"].as_str()?.strip_prefix("http://")?.to_owned();
        self.address = self.host.replace("localhost", "127.0.0.1").parse().ok()?;
        self.admin = notes["admin_url"].as_str()?.strip_prefix("http://")?.parse().ok()?;
        Some(())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The folder of the database.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// New sessions, each as its jar.
    pub(crate) fn issue(&self, count: usize) -> anyhow::Result<Jars> {
        let mut command = Command::new(&self.binary);
        command.args(["session", "issue", "--subject", "bench", "--json", "--count", &count.to_string()]);
        configure(&mut command, &self.place, &self.data(), &self.host)?;
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let output = command.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout)?.lines().map(Jar::of_issued).collect()
    }

    /// What the server has used since it started.
    pub(crate) fn used(&self) -> anyhow::Result<Used> {
        used(&self.process.id().to_string())
    }

    /// How the server counted the refreshes.
    pub(crate) async fn refresh_counts(&self) -> anyhow::Result<String> {
        let text = load::get_text(self.admin, &self.admin.to_string(), "/metrics").await?;
        let lines = text.lines().filter_map(|line| line.strip_prefix("perennial_refresh_total"));
        Ok(lines.collect::<Vec<_>>().join(", "))
    }
}

/// What a command of the binary has to know. `dev` knows the rest by itself, and before it is told a host.
fn configure(command: &mut Command, place: &Place, data: &Path, host: &str) -> anyhow::Result<()> {
    command.envs(ALWAYS_ROTATING);
    if host.is_empty() {
        return Ok(());
    }
    command.env("PERENNIAL__SERVER__PUBLIC_URL", format!("http://{host}"));
    command.env("PERENNIAL__REGISTER__OPEN", "false");
    match place {
        Place::Folder => {
            command.env("PERENNIAL__STORE__URL", format!("sqlite:{}", data.join("perennial.db").display()));
            command.env("PERENNIAL__KEYS__DIR", data.join("keys"));
        }
        Place::Database(url) => {
            let master = data.join("master");
            fs::write(&master, MASTER)?;
            fs::set_permissions(&master, fs::Permissions::from_mode(0o600))?;
            command.env("PERENNIAL__STORE__URL", url).env("PERENNIAL__KEYS__MASTER_FILE", master);
        }
    }
    Ok(())
}

/// 32 bytes in base64, over a database that lasts as long as a run.
const MASTER: &str = "cGVyZW5uaWFsIHRlc3QgbWFzdGVyIGtleSAwMDAwMDA=";

const ALWAYS_ROTATING: [(&str, &str); 2] =
    [("PERENNIAL__TOKENS__COOLDOWN", "0ms"), ("PERENNIAL__TOKENS__OVERLAP", "0ms")];

/// What a process has used; `self` is this one.
pub(crate) fn used(process: &str) -> anyhow::Result<Used> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold spaces; behind it, user and system time are the 12th and 13th field.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |position: usize| -> anyhow::Result<Duration> {
        Ok(TICK * fields.get(position).context("the kernel writes 52 fields")?.parse::<u32>()?)
    };
    let io = fs::read_to_string(format!("/proc/{process}/io"))?;
    let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap_or("0").parse()?;
    Ok(Used { user: ticks(11)?, system: ticks(12)?, written })
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
