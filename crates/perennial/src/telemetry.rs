//! Logs and metrics. No line carries a token, a cookie, an address or a body.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use perennial_settings::{LogFormat, LogLevel, Settings};
use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging to the standard error.
pub(crate) fn start_logs(settings: &Settings) {
    let level = match settings.log.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    // Below our own crates, libraries may log what they send; they are heard from warnings up only.
    // The pool of connections repeats what the store tells better.
    let ours = ["perennial", "perennial_service", "perennial_store_sqlite", "perennial_store_postgres"];
    let ours: Vec<String> = ours.iter().map(|name| format!("{name}={level}")).collect();
    let filter = EnvFilter::new(format!("warn,deadpool=off,deadpool_postgres=off,{}", ours.join(",")));
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.log.format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines.compact().with_target(false).try_init(),
    };
    if started.is_err() {
        eprintln!("perennial: logging was started already");
    }
}

const REFRESH_SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// Starts counting, and the upkeep without which histograms grow between scrapes.
pub(crate) fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), REFRESH_SECONDS)?
        .install_recorder()?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}
