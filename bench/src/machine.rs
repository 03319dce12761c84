//! What the numbers depend on: processor, memory, kernel, file system, and how fast a write is safe on disk.

use std::{
    fs,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;

/// One line about this machine.
pub(crate) fn describe(directory: &Path) -> anyhow::Result<String> {
    let processor = first_field("/proc/cpuinfo", "model name")?;
    let cores = std::thread::available_parallelism()?;
    let memory: u64 = first_field("/proc/meminfo", "MemTotal")?.trim_end_matches(" kB").parse()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let file_system = file_system(directory)?;
    Ok(format!("{processor}, {cores} cores, {} GiB, Linux {}, {file_system}", memory >> 20, kernel.trim()))
}

fn first_field(file: &str, name: &str) -> anyhow::Result<String> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find(|line| line.starts_with(name)).with_context(|| format!("{file} has no {name}"))?;
    Ok(line.split_once(':').map(|(_, value)| value.trim()).unwrap_or_default().to_owned())
}

/// The kind of file system that holds a folder: the mount with the longest path above it.
pub(crate) fn file_system(directory: &Path) -> anyhow::Result<String> {
    let directory = directory.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let above = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        directory.starts_with(place).then_some((place.len(), kind))
    });
    Ok(above.max_by_key(|(length, _)| *length).map(|(_, kind)| kind.to_owned()).unwrap_or_default())
}

/// How many small writes a second survive a power loss, one after the other.
pub(crate) fn syncs_per_second(directory: &Path) -> anyhow::Result<f64> {
    const SPAN: Duration = Duration::from_secs(2);
    let path = directory.join("sync");
    let mut file = fs::File::create(&path)?;
    let (began, mut count) = (Instant::now(), 0_u32);
    while began.elapsed() < SPAN {
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    let took = began.elapsed();
    fs::remove_file(path)?;
    Ok(f64::from(count) / took.as_secs_f64())
}
