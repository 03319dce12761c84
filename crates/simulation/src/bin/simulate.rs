//! `simulate`: plays the seeded worlds and prints the tables; exits with 1 if a world shows what it should
//! not.
//!
//! `--seed N` is the first seed, `--runs N` how many there are in each world, `--world NAME` plays one world
//! only. Thefts are short, so they get ten times as many seeds.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use perennial_simulation::seeded::{
    plan::{Expected, Plan},
    play::play,
    report::{self, Findings},
    world::Chronicle,
    worlds,
};

const USAGE: &str = "usage: simulate [--seed N] [--runs N] [--world NAME]";

/// What the command line asks for.
struct Orders {
    seed: u64,
    runs: u64,
    world: Option<String>,
}

fn main() -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let Some(orders) = read(std::env::args().skip(1)) else {
        writeln!(out, "{USAGE}")?;
        return Ok(ExitCode::from(2));
    };
    let chosen = |plan: &Plan| orders.world.as_ref().is_none_or(|name| plan.name == name);
    let plans: Vec<Plan> = worlds::all().into_iter().filter(chosen).collect();
    if plans.is_empty() {
        writeln!(out, "no such world; there are:")?;
        for plan in worlds::all() {
            writeln!(out, "  {}", plan.name)?;
        }
        return Ok(ExitCode::from(2));
    }
    let seeds = |plan: &Plan| {
        let runs = if plan.theft.is_some() && orders.runs > 1 { orders.runs * 10 } else { orders.runs };
        orders.seed..orders.seed.saturating_add(runs)
    };
    let findings: Vec<Findings> = plans.into_iter().map(|plan| play(plan, seeds(&plan))).collect();
    for found in &findings {
        failures(&mut out, found)?;
    }
    let (thieves, honest): (Vec<&Findings>, Vec<&Findings>) =
        findings.iter().partition(|found| found.plan.theft.is_some());
    for (table, found) in [(report::honest(&honest), honest), (report::thieves(&thieves), thieves)] {
        if !found.is_empty() {
            writeln!(out, "{}\n", table.join("\n"))?;
        }
    }
    let unexpected = findings.iter().filter(|found| !found.as_expected()).count();
    writeln!(out, "{} worlds, {unexpected} unexpected", findings.len())?;
    Ok(ExitCode::from(u8::from(unexpected > 0)))
}

fn read(mut arguments: impl Iterator<Item = String>) -> Option<Orders> {
    let mut orders = Orders { seed: 1, runs: 20, world: None };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seed" => orders.seed = arguments.next()?.parse().ok()?,
            "--runs" => orders.runs = arguments.next()?.parse().ok()?,
            "--world" => orders.world = Some(arguments.next()?),
            _ => return None,
        }
    }
    Some(orders)
}

/// How a world came to what it should not have, and how to see it again.
fn failures(out: &mut impl Write, found: &Findings) -> io::Result<()> {
    let unexpected = |chronicle: &&Chronicle| match found.plan.expected {
        Expected::Holds => chronicle.violation.is_some(),
        Expected::Fails(_) => false,
    };
    for chronicle in found.violations.iter().filter(unexpected).take(3) {
        let Some(violation) = &chronicle.violation else { continue };
        let name = found.plan.name;
        writeln!(out, "{name}, seed {}: {}: {}", chronicle.seed, violation.property, violation.what)?;
        writeln!(out, "{}", chronicle.trace.join("\n"))?;
        writeln!(out, "again: cargo xtask simulate --world \"{name}\" --seed {} --runs 1\n", chronicle.seed)?;
    }
    Ok(())
}
