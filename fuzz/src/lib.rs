//! Fuzz targets, in `tests/`: one file for the rules, one for what is read with keys. `docs/fuzzing.md` says how
//! to run them. They are a package of their own because a fuzzing engine has to be linked into every test of
//! the package it works on.

#[cfg(test)]
use bolero as _;
