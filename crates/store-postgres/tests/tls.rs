//! TLS to the database, as `sslmode` asks for it.

mod samples;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use perennial_store::Write;
use perennial_store_postgres::{Options, PostgresStore};
use perennial_testkit::{Cluster, Database};

/// A server that offers TLS with a certificate made out to `localhost`, and the path of that certificate.
fn with_tls() -> (Cluster, PathBuf) {
    let cluster = Cluster::own();
    let (key, certificate) = (cluster.put("server.key", ""), cluster.put("server.crt", ""));
    certify(&key, &certificate, "localhost");
    cluster.configure("ssl = on");
    (cluster, certificate)
}

/// Writes a key and a certificate that it signs itself.
fn certify(key: &Path, certificate: &Path, name: &str) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]);
    openssl.args(["-subj", &format!("/CN={name}"), "-addext", &format!("subjectAltName=DNS:{name}")]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    let output = openssl.arg("-keyout").arg(key).arg("-out").arg(certificate).output();
    let output = output.expect("`openssl` is installed, as it is wherever Debian's PostgreSQL is");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn url(cluster: &Cluster, database: &Database<'_>, host: &str, parameters: &str) -> String {
    format!("postgres://postgres:secret@{host}:{}/{}?{parameters}", cluster.port(), database.name())
}

/// Whether the connections of a store are encrypted; why not, when there is no store.
async fn encrypted(database: &Database<'_>, url: &str) -> Result<bool, String> {
    let store = PostgresStore::connect(url, Options::default()).await.map_err(|error| error.to_string())?;
    store.database_now().await.map_err(|error| error.to_string())?;
    let all = "SELECT bool_and(ssl), bool_or(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
               WHERE datname = current_database() AND application_name = 'perennial'";
    match database.sql(all).as_str() {
        "t|t" => Ok(true),
        "f|f" => Ok(false),
        other => panic!("some are and some are not: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mode_decides_what_is_encrypted_and_who_is_trusted() {
    let (cluster, certificate) = with_tls();
    let database = cluster.database();
    let root = format!("sslrootcert={}", certificate.display());
    let of = |host, parameters: &str| url(&cluster, &database, host, parameters);
    for (host, parameters, expected) in [
        ("localhost", "sslmode=disable", Some(false)),
        ("localhost", "sslmode=prefer", Some(true)),
        ("localhost", "", Some(true)),
        ("127.0.0.1", "sslmode=require", Some(true)),
        ("localhost", "sslmode=verify-full", None),
        ("localhost", &format!("sslmode=verify-full&{root}"), Some(true)),
        ("127.0.0.1", &format!("sslmode=verify-full&{root}"), None),
        ("localhost", &format!("sslmode=require&{root}"), Some(true)),
        ("127.0.0.1", &format!("{root}&sslmode=require"), None),
    ] {
        let found = encrypted(&database, &of(host, parameters)).await;
        assert_eq!(found.as_ref().ok().copied(), expected, "{host} {parameters}: {found:?}");
        if let Err(said) = found {
            assert!(said.contains("certificate") && !said.contains("secret"), "{said}");
        }
    }
    let trusted = of("localhost", &format!("sslmode=verify-full&{root}"));
    let store = PostgresStore::connect(&trusted, Options::default()).await.expect("trusted");
    samples::done(&store, Write::InsertSession(samples::session(1))).await;
    database.keep();
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let said = encrypted(&database, &url(&cluster, &database, "127.0.0.1", "sslmode=require")).await;
    assert!(said.expect_err("no TLS").contains("does not support TLS"));
    let plain = encrypted(&database, &url(&cluster, &database, "127.0.0.1", "sslmode=prefer")).await;
    assert_eq!(plain, Ok(false));
}

#[tokio::test]
async fn a_file_of_certificates_that_is_none_is_named() {
    for (path, words) in [("/nowhere/root.crt", "/nowhere/root.crt"), ("/dev/null", "holds no certificate")] {
        let url = format!("postgres://me:secret@localhost/app?sslmode=verify-full&sslrootcert={path}");
        let said = PostgresStore::connect(&url, Options::default()).await.expect_err("no certificates").to_string();
        assert!(said.contains(words) && !said.contains("secret"), "{said}");
    }
}
