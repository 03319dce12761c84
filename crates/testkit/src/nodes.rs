//! Several nodes over one PostgreSQL: `perennial serve` as it runs in production, once for each node, with
//! one public address and one master key. Tests take the part of the load balancer.

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use crate::{Account, Browser, Cluster, Database, Scratch, Setup, free_ports, server::issued, time_travel::passing};

/// What the site is called in public. Nobody listens there: requests go to the nodes.
const PUBLIC_URL: &str = "http://localhost:4180";

/// 32 bytes in base64.
const MASTER: &str = "cGVyZW5uaWFsIHRlc3QgbWFzdGVyIGtleSAwMDAwMDA=\n";

const START_MAX: Duration = Duration::from_secs(30);

/// How often a node is started anew because somebody took its port meanwhile.
const PORT_ATTEMPTS: usize = 5;

/// The nodes. The first one is made with the database; all end with the test.
#[derive(Debug)]
pub struct Nodes {
    all: Vec<Node>,
    binary: PathBuf,
    setup: Setup,
    scratch: Scratch,
    database: Database<'static>,
    cluster: &'static Cluster,
}

/// One node. Its output is kept.
#[derive(Debug)]
pub struct Node {
    pub url: String,
    pub admin_url: String,
    process: Child,
    log: PathBuf,
}

impl Nodes {
    /// So many nodes over a database of their own, in a server that other tests use too.
    pub fn start(binary: &str, count: usize, setup: Setup) -> Self {
        Self::over(Cluster::shared(), binary, count, setup)
    }

    /// The same in a server that this test may stop, kill and freeze.
    pub fn start_apart(binary: &str, count: usize, setup: Setup) -> Self {
        Self::over(Cluster::own(), binary, count, setup)
    }

    /// The same, where all of them come up at the same time over an empty database.
    pub fn start_together(binary: &str, count: usize, setup: Setup) -> Self {
        let mut nodes = Self::over(Cluster::shared(), binary, 0, setup);
        nodes.all = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..count).map(|_| scope.spawn(|| nodes.new_node(&[]))).collect();
            starts.into_iter().map(|start| start.join().expect("a node starts")).collect()
        });
        nodes
    }

    fn over(cluster: Cluster, binary: &str, count: usize, setup: Setup) -> Self {
        // The database borrows from the server, and both last as long as the process of the test.
        let cluster: &'static Cluster = Box::leak(Box::new(cluster));
        let scratch = Scratch::new();
        let master = scratch.path().join("master");
        fs::write(&master, MASTER).expect("a file can be written");
        fs::set_permissions(&master, fs::Permissions::from_mode(0o600)).expect("its mode can be set");
        setup.write_config(scratch.path());
        let database = cluster.database();
        let mut nodes = Self { all: Vec::new(), binary: binary.into(), setup, scratch, database, cluster };
        for _ in 0..count {
            nodes.add(&[]);
        }
        nodes
    }

    /// One more node, with these variables besides.
    pub fn add(&mut self, variables: &[(&str, &str)]) {
        let node = self.new_node(variables);
        self.all.push(node);
    }

    /// Replaces a node by a new one, on other ports.
    pub fn replace(&mut self, number: usize) {
        self.all[number] = self.new_node(&[]);
    }

    fn new_node(&self, variables: &[(&str, &str)]) -> Node {
        for _ in 0..PORT_ATTEMPTS {
            let [port, admin_port] = free_ports();
            let log = self.scratch.path().join(format!("log-{port}"));
            let mut command = self.serve(port, admin_port);
            command.envs(variables.iter().copied());
            if let Some(node) = Node::start(&mut command, (port, admin_port), log) {
                return node;
            }
        }
        panic!("no node finds a free port");
    }

    fn serve(&self, port: u16, admin_port: u16) -> Command {
        let mut command = self.prepared(&["serve"]);
        command.env("PERENNIAL__SERVER__LISTEN", format!("127.0.0.1:{port}"));
        command.env("PERENNIAL__SERVER__ADMIN_LISTEN", format!("127.0.0.1:{admin_port}"));
        command
    }

    /// A command of the binary over the same database, to be run.
    pub fn prepared(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(self.setup.config_arguments(self.scratch.path())).args(arguments);
        command.env("PERENNIAL__STORE__URL", self.database.url());
        command.env("PERENNIAL__KEYS__MASTER_FILE", self.scratch.path().join("master"));
        command.env("PERENNIAL__SERVER__PUBLIC_URL", PUBLIC_URL);
        // Nobody registers, so that no relay is asked for.
        command.env("PERENNIAL__REGISTER__OPEN", "false");
        command.envs(self.setup.variables.iter().cloned());
        command
    }

    /// Runs another command of the binary over the same database; answers what it printed.
    pub fn command(&self, arguments: &[&str]) -> Output {
        self.prepared(arguments).output().expect("the binary runs")
    }

    /// The same for a command that has to succeed.
    #[track_caller]
    pub fn printed(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("what is printed is UTF-8")
    }

    pub fn count(&self) -> usize {
        self.all.len()
    }

    pub fn node(&self, number: usize) -> &Node {
        &self.all[number]
    }

    pub fn node_mut(&mut self, number: usize) -> &mut Node {
        &mut self.all[number]
    }

    pub fn urls(&self) -> Vec<String> {
        self.all.iter().map(|node| node.url.clone()).collect()
    }

    /// A browser with an empty jar, whose requests go to this node.
    pub fn browser(&self, number: usize) -> Browser {
        let mut browser = Browser::new(&self.all[number].url);
        PUBLIC_URL.clone_into(&mut browser.origin);
        browser
    }

    /// One browser for each session that `perennial session issue` starts, at the nodes in turn.
    pub fn issue(&self, subject: &str, count: usize) -> Vec<Browser> {
        let lines = self.printed(&["session", "issue", "--subject", subject, "--count", &count.to_string(), "--json"]);
        lines.lines().enumerate().map(|(turn, line)| issued(self.browser(turn % self.count()), line)).collect()
    }

    /// An account whose password was made by `perennial user add`.
    pub fn add_account(&self, email: &str) -> Account {
        let printed: serde_json::Value =
            serde_json::from_str(&self.printed(&["user", "add", email])).expect("one JSON object");
        let password = printed["password"].as_str().expect("it was made").to_owned();
        Account { email: email.to_owned(), password, totp_secret: None }
    }

    /// Lets time pass, as `TimeTravel::pass` does.
    pub fn pass(&self, seconds: i64) {
        self.sql(&passing(seconds));
    }

    /// Any statement in the schema of the nodes; answers what it answers, a line a row.
    pub fn sql(&self, statement: &str) -> String {
        self.database.sql(&format!("SET search_path = perennial; {statement}"))
    }

    /// One number from the database.
    pub fn number(&self, query: &str) -> i64 {
        self.sql(query).parse().expect("the query answers one number")
    }

    /// How often an audit event was written.
    pub fn audited(&self, kind: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM audit WHERE kind = '{kind}'"))
    }

    pub fn cluster(&self) -> &'static Cluster {
        self.cluster
    }

    pub fn database(&self) -> &Database<'static> {
        &self.database
    }

    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }
}

impl Node {
    /// `None` when the process ended, as it does where its port is taken.
    fn start(command: &mut Command, (port, admin_port): (u16, u16), log: PathBuf) -> Option<Self> {
        let file = fs::File::options().create(true).append(true).open(&log).expect("the log can be written");
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a second handle")).stderr(file);
        let process = command.spawn().expect("the binary starts");
        let url = |port| format!("http://127.0.0.1:{port}");
        let mut node = Self { url: url(port), admin_url: url(admin_port), process, log };
        let began = Instant::now();
        while !(node.log().contains("\"serving\"") && TcpStream::connect(("127.0.0.1", port)).is_ok()) {
            if node.process.try_wait().expect("a child can be asked").is_some() {
                assert!(node.log().contains("cannot listen"), "the node does not start: {}", node.log());
                return None;
            }
            assert!(began.elapsed() < START_MAX, "the node does not start: {}", node.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(node)
    }

    /// Everything the node has printed so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// kill -9: no farewell, no flush.
    pub fn kill(&mut self) {
        self.process.kill().expect("the node runs");
        self.process.wait().expect("the node ends");
    }

    /// SIGTERM, without waiting for the end.
    pub fn terminate(&self) {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().expect("kill runs");
    }

    /// Waits for the end and answers the exit code; `None` after a signal.
    pub fn wait_for_end(&mut self) -> Option<i32> {
        self.process.wait().expect("the node ends").code()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
