//! The machine of `protocol::client` against `conformance/machine`, and what it makes of thousands of random histories,
//! which `sdk/test/machine.test.ts` compares byte by byte with what the SDK's machine makes of them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use perennial_protocol::client::{
    Answer, Hint, Input, Jar, Kind, Machine, Message, Order, Phase, Transport, Verdict, Wanted, here_in, step,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many histories both machines are given.
const HISTORIES: u64 = 10_000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transcript {
    about: String,
    transport: Transport,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    now: i64,
    input: Input,
    orders: Vec<Order>,
    /// The parts of the machine that matter here.
    #[serde(default)]
    machine: serde_json::Map<String, Value>,
}

fn replay(Transcript { transport, steps, .. }: &Transcript) -> Result<(), String> {
    let mut machine = Machine::start(*transport);
    for (number, Step { now, input, orders, machine: expected }) in steps.iter().enumerate() {
        let (next, ordered) = step(&machine, input, *now);
        machine = next;
        let at = format!("step {}: {input:?}", number + 1);
        if ordered != *orders {
            return Err(format!("{at} orders {ordered:?} instead of {orders:?}"));
        }
        let found = serde_json::to_value(&machine).map_err(|error| error.to_string())?;
        for (name, value) in expected {
            if found[name] != *value {
                return Err(format!("{at}: {name} is {} instead of {value}", found[name]));
            }
        }
    }
    Ok(())
}

#[test]
fn the_machine_says_its_part_of_every_transcript() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for file in fs::read_dir(root().join("conformance/machine")).expect("the transcripts").flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let text = fs::read(file.path()).expect("a file");
        let transcript: Transcript = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        if let Err(what) = replay(&transcript) {
            wrong.push(format!("{name} ({}) {what}", transcript.about));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(count >= 20, "{count} transcripts");
}

#[derive(Serialize)]
struct History {
    transport: Transport,
    steps: Vec<Taken>,
}

#[derive(Serialize)]
struct Taken {
    now: i64,
    input: Input,
    orders: Vec<Order>,
    machine: Machine,
}

#[test]
fn random_histories_come_to_every_order_and_are_written_down_for_the_other_machine() {
    let folder = root().join("target/conformance");
    fs::create_dir_all(&folder).expect("a folder");
    let mut file = BufWriter::new(File::create(folder.join("machine.jsonl")).expect("a file"));
    let mut seen = BTreeMap::new();
    for seed in 0..HISTORIES {
        let history = history(&mut Chance(seed));
        for order in history.steps.iter().flat_map(|step| &step.orders) {
            *seen.entry(word(order)).or_insert(0) += 1;
        }
        serde_json::to_writer(&mut file, &history).expect("JSON");
        file.write_all(b"\n").expect("written");
    }
    file.flush().expect("written");
    assert!(seen.len() == 9 && seen.values().all(|count| *count >= 100), "{seen:?}");
}

/// The kind of an order, with what it asks for or settles as.
fn word(order: &Order) -> String {
    match order {
        Order::Send { .. } => "send".to_owned(),
        Order::Ask { call, .. } => format!("ask {call:?}"),
        Order::Settle { outcome, .. } => format!("settle {outcome:?}"),
        Order::Tell { message: Message::Ended { .. } } => "tell ended".to_owned(),
        Order::Tell { message: Message::Renewed { .. } } => "tell renewed".to_owned(),
        Order::Tell { message: Message::Needed { .. } } => "tell needed".to_owned(),
    }
}

/// What might happen to a machine, likely or not.
fn history(chance: &mut Chance) -> History {
    let transport = chance.of(&[Transport::Cookie, Transport::Bearer]);
    let (mut machine, mut now, mut steps) = (Machine::start(transport), 1000, Vec::new());
    for number in 0..4 + chance.below(16) {
        now += chance.of(&[0, 1, 40, 700, 5000, 60_000, 900_000]);
        let input = input(chance, number, &machine);
        let (next, orders) = step(&machine, &input, now);
        machine = next;
        steps.push(Taken { now, input, orders, machine: machine.clone() });
    }
    History { transport, steps }
}

fn input(chance: &mut Chance, number: u64, machine: &Machine) -> Input {
    let id = match machine.wishes.len() {
        0 => number,
        wishes => machine.wishes[usize::try_from(chance.below(wishes as u64)).expect("small")].id,
    };
    let reason = chance.maybe(|chance| chance.of(&["reuse", "revoked"]).to_owned());
    match chance.below(20) {
        0..=4 => Input::Look { jar: jar(chance) },
        5..=9 => {
            let kinds = [Kind::Call, Kind::Call, Kind::Call, Kind::Ready, Kind::Fresh, Kind::Open].map(Wanted::Kind);
            let kind = if chance.below(8) == 0 { Wanted::Renew } else { chance.of(&kinds) };
            let person = chance.maybe(|chance| chance.of(&["", "ann", "bob"]).to_owned()).or_else(|| here_in(machine));
            Input::Want { id: number, kind, person, needs_csrf: chance.below(5) == 0 }
        }
        10..=12 => Input::Answer { id, is: verdict(chance), reason },
        13..=15 => {
            let answer = chance.maybe(answer);
            let wait_ms = chance.maybe(|chance| chance.of(&[0, 7000]));
            let is = if answer.is_some() { Verdict::Fine } else { verdict(chance) };
            Input::Reply { is, answer, reason, wait_ms, chance: chance.number(1000) }
        }
        16 => match chance.below(4) {
            0 => Input::Commit { answer: answer(chance) },
            1 => Input::Message(Message::Ended { person: somebody(chance), reason: "logout".to_owned() }),
            2 => Input::Message(Message::Renewed { answer: answer(chance) }),
            _ => Input::Message(Message::Needed { person: chance.maybe(somebody) }),
        },
        17 => Input::Abort { id },
        18 => Input::Leave,
        _ => Input::Online,
    }
}

fn jar(chance: &mut Chance) -> Jar {
    let person = chance.maybe(somebody);
    let hint = chance.of(&[Hint::Ended, Hint::Phase(Phase::Authenticated), Hint::Phase(Phase::Authenticated)]);
    let hint = if chance.below(6) == 0 { Hint::Phase(phase(chance)) } else { hint };
    let Some(status) = chance.maybe(|_| hint) else { return Jar { person, status: None, of: None, rev: None } };
    let of = match status {
        Hint::Ended => Some("expired_idle".to_owned()),
        Hint::Phase(_) => chance.maybe(somebody).or_else(|| person.clone()),
    };
    Jar { person, status: Some(status), of, rev: chance.maybe(rev) }
}

fn answer(chance: &mut Chance) -> Answer {
    let status = if chance.below(4) > 0 { Phase::Authenticated } else { phase(chance) };
    let person = chance.maybe(somebody).or_else(|| (status == Phase::Authenticated).then(|| somebody(chance)));
    let reason = chance.maybe(|_| "revoked".to_owned());
    Answer {
        status,
        person,
        reason,
        rev: chance.maybe(rev),
        serves_ms: chance.maybe(|chance| chance.number(1_000_000) - 1000),
    }
}

fn phase(chance: &mut Chance) -> Phase {
    chance.of(&[
        Phase::Unauthenticated,
        Phase::MfaVerifyRequired,
        Phase::MfaSetupRequired,
        Phase::VerifyEmailRequired,
        Phase::Authenticated,
        Phase::Loading,
    ])
}

fn verdict(chance: &mut Chance) -> Verdict {
    chance.of(&[
        Verdict::Fine,
        Verdict::InvalidToken,
        Verdict::InvalidToken,
        Verdict::StaleToken,
        Verdict::SessionEnded,
        Verdict::CsrfFailed,
        Verdict::CsrfFailed,
        Verdict::IdentityChanged,
        Verdict::RetryWithBody,
        Verdict::AuthUnavailable,
    ])
}

fn somebody(chance: &mut Chance) -> String {
    chance.of(&["ann", "ann", "bob"]).to_owned()
}

fn rev(chance: &mut Chance) -> String {
    chance.below(6).to_string()
}

/// The same choices for the same seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % end
    }

    fn number(&mut self, end: u64) -> i64 {
        i64::try_from(self.below(end)).expect("small")
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).expect("small")]
    }

    fn maybe<T>(&mut self, choose: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| choose(self))
    }
}
