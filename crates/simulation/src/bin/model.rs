//! `model`: searches every world and prints the table; exits with 1 if a world shows what it should not.
//!
//! `--quick` takes the bounds of CI, `--world WORLD` searches one world only, `--trace WORLD` prints a world's
//! shortest counterexample instead, and `--decisions` adds what was decided in each world.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use perennial_simulation::exhaustive::{
    report,
    search::{counterexample, search},
    worlds::{self, Effort, World},
};

const USAGE: &str = "usage: model [--quick] [--decisions] [--world WORLD] [--trace WORLD]";

/// What the command line asks for.
struct Orders {
    effort: Effort,
    decisions: bool,
    world: Option<String>,
    trace: Option<String>,
}

fn main() -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let Some(orders) = read(std::env::args().skip(1)) else {
        writeln!(out, "{USAGE}")?;
        return Ok(ExitCode::from(2));
    };
    let worlds = worlds::all(orders.effort);
    match &orders.trace {
        Some(name) => trace(&mut out, &worlds, name),
        None => table(&mut out, &worlds, &orders),
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Option<Orders> {
    let mut orders = Orders { effort: Effort::Full, decisions: false, world: None, trace: None };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => orders.effort = Effort::Quick,
            "--decisions" => orders.decisions = true,
            "--world" => orders.world = Some(arguments.next()?),
            "--trace" => orders.trace = Some(arguments.next()?),
            _ => return None,
        }
    }
    Some(orders)
}

fn table(out: &mut impl Write, worlds: &[World], orders: &Orders) -> io::Result<ExitCode> {
    writeln!(out, "{}", report::HEADING)?;
    let mut unexpected = 0;
    let chosen = |world: &&World| orders.world.as_ref().is_none_or(|name| world.name == name);
    let worlds: Vec<&World> = worlds.iter().filter(chosen).collect();
    for world in &worlds {
        let findings = search(**world);
        unexpected += usize::from(!findings.as_expected());
        writeln!(out, "{findings}")?;
        if orders.decisions {
            let said: Vec<_> = findings.decisions.iter().map(|(name, count)| format!("{name} {count}")).collect();
            writeln!(out, "        {}; thief served until renewal {}", said.join(", "), findings.thief_served)?;
        }
    }
    writeln!(out, "{} worlds, {unexpected} unexpected", worlds.len())?;
    Ok(ExitCode::from(u8::from(unexpected > 0)))
}

fn trace(out: &mut impl Write, worlds: &[World], name: &str) -> io::Result<ExitCode> {
    let Some(world) = worlds.iter().find(|world| world.name == name) else {
        writeln!(out, "no such world; there are:")?;
        for world in worlds {
            writeln!(out, "  {}", world.name)?;
        }
        return Ok(ExitCode::from(2));
    };
    match counterexample(*world) {
        Some(lines) => writeln!(out, "{}\n{}", world.name, lines.join("\n"))?,
        None => writeln!(out, "{}: no counterexample", world.name)?,
    }
    Ok(ExitCode::SUCCESS)
}
