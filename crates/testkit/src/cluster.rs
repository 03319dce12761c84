//! A real PostgreSQL for tests, made by the tests themselves from what is installed on the machine.
//!
//! `Cluster::shared` is one server for every test process that runs about the same time, so that it costs
//! each of them next to nothing; `Cluster::own` is one that a test may stop, kill and start again. A
//! watcher, which is a process of its own, stops a server when the last test that uses it is gone, however
//! that test ended: it waits for locks that the system releases with the process that holds them.

use std::{
    env, fs,
    fs::{File, OpenOptions},
    os::unix::{
        fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
        net::UnixStream,
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::free_port;

/// Names the directory of `initdb` and `postgres` where they are in no usual place.
const PROGRAMS: &str = "PERENNIAL_TEST_POSTGRES_BIN";

/// How long the shared server stays for the next test process, in seconds.
const LINGER: &str = "3";

/// Waits until nobody holds the lock on `users`, and then, while `gate` keeps newcomers out, stops the server.
/// `$1` is the directory, `$2` how long to linger, `$3` the programs, and `$4` what to remove.
const WATCHER: &str = r#"
(while :; do
    exec 8<"$1/users"; flock -x 8; exec 8<&-
    sleep "$2"
    exec 9<"$1/gate"; flock -x 9
    exec 8<"$1/users"
    if flock -n -x 8; then
        kill -CONT "$(head -n 1 "$1/data/postmaster.pid")"
        "$3/pg_ctl" -D "$1/data" -m immediate -w stop
        rm -rf $4
        exit
    fi
    exec 8<&- 9<&-
done) </dev/null >/dev/null 2>&1 &
"#;

/// Sends everybody else away, and when they are gone leaves the database in order.
const CLEAN: &str = "DO $$ BEGIN
    WHILE EXISTS (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend')
    LOOP
        PERFORM pg_sleep(0.005);
        PERFORM pg_stat_clear_snapshot();
    END LOOP;
    $CLEAN;
END $$";

/// A running server, at least as long as this is there.
#[derive(Debug)]
pub struct Cluster {
    directory: PathBuf,
    port: u16,
    /// The lock that says that the server is in use.
    _user: File,
}

impl Cluster {
    /// The server of all who ask for it.
    pub fn shared() -> Self {
        let directory = root().join("shared");
        make_directory(&directory);
        let gate = lock_file(&directory.join("gate"));
        gate.lock().expect("the lock is released some day");
        let user = lock_file(&directory.join("users"));
        if let Some(port) = running_at(&directory) {
            user.lock_shared().expect("the watcher is kept out by the gate");
            return Self { directory, port, _user: user };
        }
        let data = format!("{0}/data {0}/port", directory.display());
        // What a server left that was never stopped.
        let _ = fs::remove_dir_all(directory.join("data"));
        let shared = Self::start_new(directory, user, LINGER, &data);
        // Tests kill processes and never the machine: what the system has taken is safe, and a disk that is
        // busy with other tests makes nobody wait.
        shared.configure("fsync = off");
        shared.reload();
        shared
    }

    /// A server of this test alone.
    pub fn own() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = root().join(format!("own-{}-{number}", process::id()));
        make_directory(&directory);
        let user = lock_file(&directory.join("users"));
        lock_file(&directory.join("gate"));
        let all = directory.display().to_string();
        Self::start_new(directory, user, "0", &all)
    }

    fn start_new(directory: PathBuf, user: File, linger: &str, remove: &str) -> Self {
        copy_of_initdb(&directory.join("data"));
        let port = free_port();
        let settings = format!(
            "\nport = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\n\
             max_connections = 400\nshared_buffers = 64MB\nfsync = on\nsynchronous_commit = on\n",
            directory.display()
        );
        append(&directory.join("data/postgresql.conf"), &settings);
        user.lock_shared().expect("nobody else has this lock");
        let cluster = Self { directory, port, _user: user };
        cluster.start();
        cluster.watch(linger, remove);
        fs::write(cluster.directory.join("port"), port.to_string()).expect("the port is noted");
        cluster
    }

    fn reload(&self) {
        self.sql("postgres", "SELECT pg_reload_conf()");
    }

    /// Starts the server, after it was stopped or killed.
    pub fn start(&self) {
        let log = self.directory.join("data/log");
        let output = self.control().arg("-l").arg(&log).args(["-w", "start"]).stdin(Stdio::null()).output();
        let started = output.expect("`pg_ctl` runs").status.success();
        assert!(started, "the server does not start: {}", fs::read_to_string(&log).unwrap_or_default());
    }

    /// Stops the server as an administrator does who is in a hurry: whoever is connected is sent away.
    pub fn stop(&self) {
        run(self.control().args(["-m", "fast", "-w", "stop"]));
    }

    /// Kills every process of the server at once, as a crash does.
    pub fn kill(&self) {
        // While it stands still it starts no other process.
        self.signal("STOP", &[self.pid()]);
        let all = self.family();
        self.signal("KILL", &all);
        while all.iter().any(|pid| is_running(pid)) {
            std::thread::yield_now();
        }
        // Where nobody asks after the dead, the process that these files name would seem to be alive.
        let socket = format!(".s.PGSQL.{}.lock", self.port);
        for file in [self.directory.join("data/postmaster.pid"), self.directory.join(socket)] {
            fs::remove_file(file).expect("the server left it behind");
        }
    }

    /// Keeps a copy of everything that is in the server now. It stands still meanwhile, as a disk does that is copied.
    pub fn keep_copy(&self) {
        self.stop();
        let _ = fs::remove_dir_all(self.directory.join("copy"));
        run(Command::new("cp").arg("-a").arg(self.directory.join("data")).arg(self.directory.join("copy")));
        self.start();
    }

    /// Puts the copy in the place of everything that was written since.
    pub fn go_back_to_copy(&self) {
        self.stop();
        fs::remove_dir_all(self.directory.join("data")).expect("the server is stopped");
        run(Command::new("cp").arg("-a").arg(self.directory.join("copy")).arg(self.directory.join("data")));
        self.start();
    }

    /// Lets the server stand still, as a network does that swallows everything.
    pub fn freeze(&self) {
        self.signal("STOP", &self.family());
    }

    pub fn thaw(&self) {
        self.signal("CONT", &self.family());
    }

    /// Adds lines to the configuration and has the server read it again.
    pub fn configure(&self, lines: &str) {
        append(&self.directory.join("data/postgresql.conf"), &format!("\n{lines}\n"));
        run(self.control().arg("reload"));
    }

    /// Writes a file beside the data, readable by the server alone, and answers its path.
    pub fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.join("data").join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permitted");
        give_to_server(&path);
        path
    }

    fn family(&self) -> Vec<String> {
        let pid = self.pid();
        let mut all = children(&pid);
        all.insert(0, pid);
        all
    }

    fn signal(&self, name: &str, pids: &[String]) {
        // One of them may be gone by itself.
        let _ = Command::new("kill").arg(format!("-{name}")).args(pids).stderr(Stdio::null()).status();
    }

    fn pid(&self) -> String {
        let text = fs::read_to_string(self.directory.join("data/postmaster.pid")).expect("the server runs");
        text.lines().next().expect("its first line is the number of the process").to_owned()
    }

    fn control(&self) -> Command {
        let mut command = as_server(&programs().join("pg_ctl"));
        command.arg("-D").arg(self.directory.join("data"));
        command
    }

    fn watch(&self, linger: &str, remove: &str) {
        let mut watcher = as_server(Path::new("sh"));
        watcher.args(["-c", WATCHER, "watcher"]).arg(&self.directory).arg(linger).arg(programs()).arg(remove);
        // A group of its own is not meant by whoever interrupts or kills the tests.
        run(watcher.process_group(0));
    }

    /// A new database with nothing in it, removed with what it answers.
    pub fn database(&self) -> Database<'_> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", process::id());
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
        Database { cluster: self, name, afterwards: Afterwards::Remove }
    }

    /// A database that an earlier run of this same program has left in order, after `clean` was run in it;
    /// a new one where there is none. It takes a tenth of the time of a new one.
    pub fn used_database(&self, clean: &str) -> Database<'_> {
        let shelf = self.shelf();
        for entry in fs::read_dir(&shelf).expect("the shelf is there").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // Whoever takes it away has it.
            if fs::remove_file(entry.path()).is_ok() {
                self.sql(&name, &CLEAN.replace("$CLEAN", clean));
                return Database { cluster: self, name, afterwards: Afterwards::PutOn(shelf) };
            }
        }
        let mut database = self.database();
        database.afterwards = Afterwards::PutOn(shelf);
        database
    }

    /// Where the names of databases lie that are free, for each program its own: another one may be older
    /// and know another schema.
    fn shelf(&self) -> PathBuf {
        let program = env::current_exe().expect("this is a program");
        let built = fs::metadata(&program).expect("it is a file");
        let shelf = self.directory.join(format!("data/free-{}-{}", built.ino(), built.mtime_nsec()));
        if fs::create_dir(&shelf).is_ok() {
            give_to_server(&shelf);
        }
        shelf
    }

    /// Runs SQL beside whatever is tested, and answers what it answers, a line a row.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = Command::new(programs().join("psql"));
        psql.arg("-h").arg(&self.directory).args(["-p", &self.port.to_string(), "-U", "postgres", "-d", database]);
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]).env_clear();
        run(&mut psql)
    }

    /// The transactions a second of `pgbench` with this script, with prepared statements by the socket.
    pub fn pgbench(&self, database: &str, script: &Path, clients: usize, seconds: u64) -> f64 {
        let mut pgbench = Command::new(programs().join("pgbench"));
        pgbench.arg("-h").arg(&self.directory).args(["-p", &self.port.to_string(), "-U", "postgres", "-n"]);
        pgbench.args(["-M", "prepared", "-c", &clients.to_string(), "-j", &clients.min(2).to_string()]);
        let said = run(pgbench.args(["-T", &seconds.to_string(), "-f"]).arg(script).arg(database));
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split_once(' ')?.0.parse().ok());
        rate.unwrap_or_else(|| panic!("pgbench tells no rate: {said}"))
    }

    /// Where programs that take no URL find the socket, beside the data.
    pub fn socket_directory(&self) -> &Path {
        &self.directory
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

/// A database of one test.
#[derive(Debug)]
pub struct Database<'a> {
    cluster: &'a Cluster,
    name: String,
    afterwards: Afterwards,
}

/// What becomes of a database.
#[derive(Debug, Clone)]
enum Afterwards {
    Remove,
    /// It is put where the next test finds it.
    PutOn(PathBuf),
    Nothing,
}

impl Database<'_> {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// By the socket.
    pub fn url(&self) -> String {
        let Cluster { directory, port, .. } = self.cluster;
        format!("postgres:///{}?user=postgres&host={}&port={port}", self.name, directory.display())
    }

    /// Over the network, as far as this machine is one.
    pub fn tcp_url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}?sslmode=disable", self.cluster.port, self.name)
    }

    pub fn sql(&self, sql: &str) -> String {
        self.cluster.sql(&self.name, sql)
    }

    /// Lets go of the database without removing it, as its server is going to be removed whole.
    pub fn keep(mut self) -> String {
        self.afterwards = Afterwards::Nothing;
        self.url()
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        match &self.afterwards {
            // What a failed test leaves goes with the server.
            _ if std::thread::panicking() => {}
            Afterwards::Remove => {
                self.cluster.sql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
            }
            Afterwards::PutOn(shelf) => fs::write(shelf.join(&self.name), "").expect("the shelf is there"),
            Afterwards::Nothing => {}
        }
    }
}

/// Short, because the path of a socket may be no longer than 107 bytes.
fn root() -> PathBuf {
    let root = PathBuf::from(format!("/tmp/perennial-postgres-{}", user()));
    if !root.exists() {
        fs::create_dir_all(&root).expect("a directory for servers");
        // The server removes what is its own.
        fs::set_permissions(&root, fs::Permissions::from_mode(0o1777)).expect("permitted");
    }
    root
}

fn user() -> u32 {
    fs::metadata("/proc/self").expect("this is Linux").uid()
}

fn make_directory(path: &Path) {
    if !path.exists() {
        fs::create_dir(path).expect("a directory for a server");
        give_to_server(path);
    }
}

fn lock_file(path: &Path) -> File {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o644).open(path);
    file.expect("a file to lock")
}

fn running_at(directory: &Path) -> Option<u16> {
    let port = fs::read_to_string(directory.join("port")).ok()?.parse().ok()?;
    UnixStream::connect(directory.join(format!(".s.PGSQL.{port}"))).ok()?;
    Some(port)
}

/// `initdb` takes a second or two, a copy of what it made a tenth of that.
fn copy_of_initdb(to: &Path) {
    let gate = lock_file(&root().join("initdb.gate"));
    gate.lock().expect("the lock is released some day");
    let made = root().join(format!("initdb-{}", version()));
    if !made.exists() {
        let unfinished = root().join("initdb.unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        make_directory(&unfinished);
        let mut initdb = as_server(&programs().join("initdb"));
        initdb.arg("-D").arg(&unfinished).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        // Texts are sorted as people expect it unless a column asks for bytes.
        if version() >= 15 {
            initdb.args(["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]);
        } else {
            initdb.arg("--locale=C.UTF-8");
        }
        run(&mut initdb);
        fs::rename(&unfinished, &made).expect("it gets its name");
    }
    drop(gate);
    run(Command::new("cp").arg("-a").arg(made).arg(to));
}

fn version() -> u32 {
    let text = run(Command::new(programs().join("postgres")).arg("--version"));
    let number = text.split(|sign: char| !sign.is_ascii_digit()).find(|part| !part.is_empty());
    number.and_then(|number| number.parse().ok()).expect("`postgres --version` tells its version")
}

/// The newest PostgreSQL of the machine.
fn programs() -> PathBuf {
    if let Some(path) = env::var_os(PROGRAMS) {
        return path.into();
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let bins = versions.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    let newest = bins.max_by_key(|bin| {
        let version = bin.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        version.and_then(|name| name.parse::<u32>().ok())
    });
    newest.unwrap_or_else(|| panic!("no PostgreSQL is installed: `apt-get install postgresql`, or set {PROGRAMS}"))
}

/// A program as the user that the server runs as: it refuses to be root.
fn as_server(program: &Path) -> Command {
    let mut command = if user() == 0 {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

fn give_to_server(path: &Path) {
    if user() == 0 {
        run(Command::new("chown").arg("postgres:postgres").arg(path));
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).open(path).expect("the file is there");
    std::io::Write::write_all(&mut file, text.as_bytes()).expect("written");
}

fn children(pid: &str) -> Vec<String> {
    let output = Command::new("ps").args(["-o", "pid=", "--ppid", pid]).output().expect("`ps` runs");
    String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect()
}

/// Whether a process still has anything: one that nobody has asked about after its death has not.
fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Runs a program to its end, and answers what it said; panics with its complaint when it failed.
fn run(command: &mut Command) -> String {
    // A server that is started keeps what it is given, and nobody is to wait for it.
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    assert!(output.status.success(), "{command:?}: {said} {}", String::from_utf8_lossy(&output.stderr));
    said
}
