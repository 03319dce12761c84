//! What commands print. A reader that goes away early (`… | head`) ends the command quietly.

use std::{
    fmt::Arguments,
    io::{self, Write as _},
};

/// Prints one line to the standard output.
pub(crate) fn say(line: Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_fmt(line)?;
    out.write_all(b"\n")
}

/// Whether a command failed only because nobody reads on.
pub(crate) fn nobody_reads(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
