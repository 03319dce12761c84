//! The real binary, started for one test: on free ports, in a directory of its own, ended with the test.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{Browser, Scratch, TimeTravel};

/// A demo account of `dev`.
#[derive(Debug, Clone)]
pub struct Account {
    pub email: String,
    pub password: String,
    pub totp_secret: Option<String>,
}

/// How a server is to be started.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// `--wire`.
    pub wire: Option<String>,
    /// `PERENNIAL__SECTION__KEY` variables.
    pub variables: Vec<(String, String)>,
    /// The text of a configuration file, for what variables cannot say, such as routes.
    pub config: Option<String>,
}

impl Setup {
    pub fn wire(name: &str) -> Self {
        Self { wire: Some(name.to_owned()), ..Self::default() }
    }

    /// Every refresh rotates: the hardest case, and the one in which a lost write would show.
    pub fn always_rotating() -> Self {
        Self::default().with("tokens.cooldown", "0ms").with("tokens.overlap", "0ms")
    }

    /// Adds a configuration key, written `section.key`.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        let name = format!("PERENNIAL__{}", key.to_uppercase().replace('.', "__"));
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Adds lines of TOML to the configuration file, given as `--config`. A variable wins over it.
    pub fn with_config(mut self, toml: &str) -> Self {
        let config = self.config.get_or_insert_default();
        config.push_str(toml);
        config.push('\n');
        self
    }

    /// Writes the configuration file, for commands that are told of it by `config_arguments`.
    pub(crate) fn write_config(&self, directory: &Path) {
        if let Some(config) = &self.config {
            fs::write(directory.join(CONFIG_FILE), config).expect("the configuration can be written");
        }
    }

    pub(crate) fn config_arguments(&self, directory: &Path) -> Vec<OsString> {
        let file = || vec!["--config".into(), directory.join(CONFIG_FILE).into()];
        self.config.as_ref().map_or_else(Vec::new, |_| file())
    }
}

const CONFIG_FILE: &str = "perennial.toml";

/// `perennial dev` under test. Its output is kept in `DIR/log`.
#[derive(Debug)]
pub struct Server {
    binary: PathBuf,
    setup: Setup,
    process: Child,
    scratch: Scratch,
    pub url: String,
    pub admin_url: String,
    pub accounts: Vec<Account>,
}

const START_MAX: Duration = Duration::from_secs(30);

impl Server {
    /// Starts the binary with its defaults. Call it with `env!("CARGO_BIN_EXE_perennial")`.
    pub fn start(binary: &str) -> Self {
        Self::start_with(binary, Setup::default())
    }

    pub fn start_with(binary: &str, setup: Setup) -> Self {
        let scratch = Scratch::new();
        setup.write_config(scratch.path());
        let process = spawn(Path::new(binary), &setup, scratch.path(), "127.0.0.1:0");
        let mut server = Self {
            binary: binary.into(),
            setup,
            process,
            scratch,
            url: String::new(),
            admin_url: String::new(),
            accounts: Vec::new(),
        };
        server.wait_until_ready();
        server
    }

    /// A browser with an empty jar at this server.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.url)
    }

    /// The port of the public listener.
    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("the address ends in a port")
    }

    /// The account without a second factor.
    pub fn demo(&self) -> &Account {
        &self.accounts[0]
    }

    /// The account with a second factor.
    pub fn with_second_factor(&self) -> &Account {
        &self.accounts[1]
    }

    /// A browser that is logged in as the demo account.
    pub async fn logged_in(&self) -> Browser {
        let mut browser = self.browser();
        let answer = browser.log_in(&self.demo().email, &self.demo().password).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        browser
    }

    pub fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    pub fn database(&self) -> PathBuf {
        self.data().join("perennial.db")
    }

    /// Everything the server has printed so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default()
    }

    /// Lets time pass in the database.
    pub fn time_travel(&self) -> TimeTravel {
        TimeTravel::open(&self.database())
    }

    /// kill -9: no farewell, no flush.
    pub fn kill(&mut self) {
        self.process.kill().expect("the server runs");
        self.process.wait().expect("the server ends");
    }

    /// SIGTERM, and the wait for an orderly end.
    pub fn stop(&mut self) {
        let id = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
        self.process.wait().expect("the server ends");
    }

    /// Starts the same server again, on the same port and data.
    pub fn start_again(&mut self) {
        let address = self.url.replace("http://localhost", "127.0.0.1");
        self.process = spawn(&self.binary, &self.setup, self.scratch.path(), &address);
        self.wait_until_ready();
    }

    /// Runs another command of the binary against this server's data; answers what it printed.
    pub fn command(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(&self.binary);
        command.args(self.setup.config_arguments(self.scratch.path())).args(arguments);
        command.env("PERENNIAL__STORE__URL", format!("sqlite:{}", self.database().display()));
        command.env("PERENNIAL__KEYS__DIR", self.data().join("keys"));
        command.env("PERENNIAL__SERVER__PUBLIC_URL", &self.url);
        // The command sends no mail; without this it would ask for a relay.
        command.env("PERENNIAL__REGISTER__OPEN", "false");
        command.envs(self.setup.variables.iter().cloned());
        if let Some(wire) = &self.setup.wire {
            command.env("PERENNIAL__HTTP__WIRE", wire);
        }
        command.output().expect("the binary runs")
    }

    fn wait_until_ready(&mut self) {
        let started = Instant::now();
        loop {
            if self.read_notes() && self.answers() {
                return;
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            assert!(started.elapsed() < START_MAX, "the server did not start:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether the process that was started has written its notes and listens where they say.
    fn read_notes(&mut self) -> bool {
        let Ok(text) = fs::read_to_string(self.data().join("dev.json")) else { return false };
        let Ok(notes) = serde_json::from_str::<Value>(&text) else { return false };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.url = text(&notes["url"]);
        self.admin_url = text(&notes["admin_url"]);
        self.accounts = notes["accounts"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|account| Account {
                email: text(&account["email"]),
                password: text(&account["password"]),
                totp_secret: account["totp_secret"].as_str().map(str::to_owned),
            })
            .collect();
        true
    }

    fn answers(&self) -> bool {
        let address = self.url.replace("http://localhost", "127.0.0.1");
        std::net::TcpStream::connect(address).is_ok() && self.log().contains(&self.url)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(binary: &Path, setup: &Setup, directory: &Path, listen: &str) -> Child {
    let log =
        fs::File::options().create(true).append(true).open(directory.join("log")).expect("the log can be written");
    let mut command = Command::new(binary);
    command.args(["dev", "--listen", listen, "--data"]).arg(directory.join("data"));
    command.args(setup.config_arguments(directory));
    if let Some(wire) = &setup.wire {
        command.args(["--wire", wire]);
    }
    command.envs(setup.variables.iter().cloned()).stdin(Stdio::null());
    command.stdout(log.try_clone().expect("a second handle")).stderr(log);
    command.spawn().expect("the binary starts")
}

/// What only a few tests ask of a server: sessions without a login, its process, an end that is watched.
impl Server {
    /// One browser for each session that `perennial session issue` starts for `subject`.
    pub fn issue(&self, subject: &str, count: usize) -> Vec<Browser> {
        let count = count.to_string();
        let output = self.command(&["session", "issue", "--subject", subject, "--count", &count, "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).expect("JSON is UTF-8");
        lines.lines().map(|line| issued(self.browser(), line)).collect()
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// SIGTERM, without waiting for the end.
    pub fn terminate(&self) {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().expect("kill runs");
    }

    /// Waits for the end and answers the exit code; `None` after a signal.
    pub fn wait_for_end(&mut self) -> Option<i32> {
        self.process.wait().expect("the server ends").code()
    }
}

/// This browser with the cookies of a line that `session issue --json` printed.
pub(crate) fn issued(mut browser: Browser, line: &str) -> Browser {
    let issued: Value = serde_json::from_str(line).expect("one JSON object a line");
    for (name, value) in issued["cookies"].as_object().expect("the full set of cookies") {
        browser.jar.set(name, value.as_str().expect("a cookie's value"));
    }
    browser
}
