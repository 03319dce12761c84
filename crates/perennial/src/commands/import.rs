//! `perennial user import FILE`: accounts from another system, one JSON object a line.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, stdin},
    path::Path,
};

use anyhow::{Context, bail};
use perennial_service::{
    Service, limits,
    operations::operator::{
        Operator,
        import::{Imported, Line, import_batch},
    },
};

use super::refused;
use crate::say::say;

/// What became of a file.
#[derive(Debug, Default)]
struct Tally {
    added: usize,
    already_there: usize,
    refused: usize,
}

/// Imports a file batch by batch, and names every line that is refused. What was imported stays when a later
/// line is refused; the file can be mended and imported again.
pub(super) async fn run(service: &Service, file: &Path) -> anyhow::Result<()> {
    let mut lines = Lines { source: open(file)?, number: 0 };
    let mut tally = Tally::default();
    loop {
        let batch = lines.batch(limits::IMPORT_BATCH)?;
        if batch.is_empty() {
            break;
        }
        let (numbers, lines): (Vec<usize>, Vec<_>) = batch.into_iter().unzip();
        let outcomes = import_batch(service, &Operator::CommandLine, lines).await.map_err(refused)?;
        for (number, outcome) in numbers.into_iter().zip(outcomes) {
            match outcome {
                Imported::Added => tally.added += 1,
                Imported::AlreadyThere => tally.already_there += 1,
                Imported::Refused(reason) => {
                    tally.refused += 1;
                    say(format_args!("line {number}: {reason}"))?;
                }
            }
        }
    }
    let Tally { added, already_there, refused } = tally;
    say(format_args!("{added} added, {already_there} were here already, {refused} refused"))?;
    if refused > 0 {
        bail!("{refused} lines were refused; the others are imported, and the file can be imported again");
    }
    Ok(())
}

fn open(file: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(stdin().lock()));
    }
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Box::new(BufReader::new(opened)))
}

/// Lines with their numbers; empty ones are passed over.
struct Lines {
    source: Box<dyn BufRead>,
    number: usize,
}

impl Lines {
    fn batch(&mut self, count: usize) -> anyhow::Result<Vec<(usize, Result<Line, String>)>> {
        let mut batch = Vec::new();
        while batch.len() < count {
            let Some(line) = self.next()? else { break };
            self.number += 1;
            if line.iter().any(|byte| !byte.is_ascii_whitespace()) {
                batch.push((self.number, read(&line)));
            }
        }
        Ok(batch)
    }

    /// A line, or the beginning of one that is too long.
    fn next(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let limit = limits::IMPORT_LINE_BYTES_MAX as u64 + 1;
        self.source.by_ref().take(limit).read_until(b'\n', &mut line)?;
        if line.len() as u64 == limit && line.last() != Some(&b'\n') {
            self.source.skip_until(b'\n')?;
        }
        Ok((!line.is_empty()).then_some(line))
    }
}

fn read(line: &[u8]) -> Result<Line, String> {
    if line.len() > limits::IMPORT_LINE_BYTES_MAX {
        return Err(format!("it is longer than {} bytes", limits::IMPORT_LINE_BYTES_MAX));
    }
    Line::parse(std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?)
}
