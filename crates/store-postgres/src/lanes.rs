//! Single writes: a few connections, each with a queue before it.
//!
//! A lane that is idle sends a write at once as one statement, which is its own transaction. While that is on
//! its way others queue up behind it, and they go out together: `BEGIN`, every write with its own guard, and `COMMIT` in
//! one round trip, so that one wait for the disk makes all of them durable. When the database refuses one
//! of them nothing of the group has happened, and each is sent again as a transaction of its own.
//!
//! Any lane serves any row, but writes that meet at one row go through one lane, one after the other, so
//! that a row which many want takes one connection. A group writes in the order of places, so that groups do
//! not meet crosswise.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use deadpool_postgres::ClientWrapper;
use perennial_store::Result;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::AbortHandle,
    time::timeout,
};
use tokio_postgres::Error;

use crate::{
    error::{Failure, unavailable},
    limits,
    link::Link,
    order::{Order, Place},
    pipeline::{command, execute, in_order, prepare},
    pulse::Pulse,
};

#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    pulse: Arc<Pulse>,
    /// Which lane each place is being written through, and by how many callers.
    taken: Mutex<HashMap<Place, (usize, usize)>>,
}

#[derive(Debug)]
struct Lane {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Job>,
    worker: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    link: Link,
    pulse: Arc<Pulse>,
    /// Held while something is on its way; who waits for it is served in turn.
    turn: Semaphore,
}

/// A write that waits for its turn, and where its answer goes.
#[derive(Debug)]
struct Job {
    place: Place,
    order: Order,
    answer: oneshot::Sender<Rows>,
}

/// How many rows a write changed.
type Rows = std::result::Result<u64, Failure>;

impl Lanes {
    pub(crate) fn start(links: Vec<Link>, pulse: Arc<Pulse>) -> Self {
        let start = |link| Lane::start(link, Arc::clone(&pulse));
        Self { lanes: links.into_iter().map(start).collect(), pulse, taken: Mutex::default() }
    }

    /// Carries out one write to one row, durably; answers how many rows it changed.
    pub(crate) async fn write(&self, place: Place, order: Order) -> Result<u64> {
        let taking = self.take(&place).ok_or_else(|| unavailable("the database cannot be reached"))?;
        self.pulse.patient(limits::WRITE_WAIT, self.lanes[taking.lane].write(place, order)).await
    }

    /// The lane of whoever writes to this place already, else one that is idle, else the one that the place
    /// falls to.
    fn take(&self, place: &Place) -> Option<Taking<'_>> {
        let mut taken = self.taken();
        let beside = taken.get(place).map(|(lane, _)| *lane).filter(|lane| self.lanes[*lane].is_up());
        let start = place.number() % self.lanes.len();
        let in_turn = || (start..self.lanes.len()).chain(0..start).filter(|lane| self.lanes[*lane].is_up());
        let lane =
            beside.or_else(|| in_turn().find(|lane| self.lanes[*lane].is_idle())).or_else(|| in_turn().next())?;
        if !place.is_of_everybody() {
            let entry = taken.entry(place.clone()).or_insert((lane, 0));
            *entry = (lane, entry.1 + 1);
        }
        Some(Taking { lanes: self, place: place.clone(), lane })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Place, (usize, usize)>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That somebody writes to a place, as long as this is there.
struct Taking<'a> {
    lanes: &'a Lanes,
    place: Place,
    lane: usize,
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        let mut taken = self.lanes.taken();
        if let Some((_, callers)) = taken.get_mut(&self.place) {
            *callers -= 1;
            if *callers == 0 {
                taken.remove(&self.place);
            }
        }
    }
}

impl Lane {
    fn start(link: Link, pulse: Arc<Pulse>) -> Self {
        let (queue, jobs) = mpsc::channel(limits::LANE_LENGTH);
        let shared = Arc::new(Shared { link, pulse, turn: Semaphore::new(1) });
        let worker = tokio::spawn(work(Arc::clone(&shared), jobs)).abort_handle();
        Self { shared, queue, worker }
    }

    fn is_up(&self) -> bool {
        self.shared.link.client().is_some()
    }

    fn is_idle(&self) -> bool {
        self.shared.turn.available_permits() > 0
    }

    async fn write(&self, place: Place, order: Order) -> Result<u64> {
        // A caller that goes away here has sent its write, and whatever follows comes after it.
        if let Ok(_turn) = self.shared.turn.try_acquire() {
            let mut rows = self.shared.run(&[order]).await;
            return Ok(rows.pop().expect("one answer to one write")?);
        }
        let (answer, answered) = oneshot::channel();
        let queued = self.queue.try_send(Job { place, order, answer });
        queued.map_err(|_| unavailable("too many writes wait for the database"))?;
        Ok(answered.await.map_err(|_| unavailable("the store is being closed"))??)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

async fn work(lane: Arc<Shared>, mut jobs: mpsc::Receiver<Job>) {
    let mut waiting = VecDeque::new();
    while gather(&mut jobs, &mut waiting).await {
        let _turn = lane.turn.acquire().await;
        collect(&mut jobs, &mut waiting);
        let (orders, answers): (Vec<Order>, Vec<_>) =
            next_group(&mut waiting).into_iter().map(|job| (job.order, job.answer)).unzip();
        for (answer, rows) in answers.into_iter().zip(lane.run(&orders).await) {
            // Who asked may have gone; the write has happened all the same.
            let _ = answer.send(rows);
        }
    }
}

/// Waits until there is a job; `false` when there will be none any more.
async fn gather(jobs: &mut mpsc::Receiver<Job>, waiting: &mut VecDeque<Job>) -> bool {
    if waiting.is_empty() {
        waiting.extend(jobs.recv().await);
    }
    !waiting.is_empty()
}

/// Takes the jobs that are there by now.
fn collect(jobs: &mut mpsc::Receiver<Job>, waiting: &mut VecDeque<Job>) {
    while waiting.len() < limits::LANE_LENGTH
        && let Ok(job) = jobs.try_recv()
    {
        waiting.push_back(job);
    }
}

/// The jobs that go out together, in the order of their places, and in the order of their coming at each: of
/// those that meet at one row only some, so that they hold up nobody else for long.
fn next_group(waiting: &mut VecDeque<Job>) -> Vec<Job> {
    let (mut group, mut places) = (Vec::<Job>::new(), HashMap::<Place, usize>::new());
    for job in std::mem::take(waiting) {
        let beside = places.get(&job.place).copied().unwrap_or(0);
        let has_room = beside < limits::PLACE_LENGTH || job.place.is_of_everybody();
        if group.len() < limits::GROUP_LENGTH && has_room {
            places.insert(job.place.clone(), beside + 1);
            group.push(job);
        } else {
            waiting.push_back(job);
        }
    }
    group.sort_by(|one, other| one.place.cmp(&other.place));
    group
}

impl Shared {
    async fn run(&self, orders: &[Order]) -> Vec<Rows> {
        let none = |why: &str| vec![Err(Failure::Unknown(why.to_owned())); orders.len()];
        let Some(client) = self.link.client() else { return none("the database cannot be reached") };
        let Ok(rows) = timeout(limits::WRITE_WAIT, carry_out(&client, orders)).await else {
            self.link.give_up();
            return none("no answer to a write");
        };
        if rows.iter().any(|rows| !matches!(rows, Err(Failure::Unknown(_)))) {
            self.pulse.beat();
        }
        if rows.iter().any(|rows| matches!(rows, Err(Failure::ReadOnly(_)))) {
            self.pulse.demote();
        }
        rows
    }
}

async fn carry_out(client: &ClientWrapper, orders: &[Order]) -> Vec<Rows> {
    if orders.len() > 1 {
        match together(client, orders).await {
            Ok(rows) => return rows.into_iter().map(Ok).collect(),
            Err(Failure::Unknown(why)) => return vec![Err(Failure::Unknown(why)); orders.len()],
            // The whole transaction was undone.
            Err(_) => {}
        }
    }
    alone(client, orders).await
}

/// All of them in one transaction. An error of the database, wherever it comes, means that none happened.
async fn together(client: &ClientWrapper, orders: &[Order]) -> std::result::Result<Vec<u64>, Failure> {
    let statements = prepare(client, orders.iter()).await?;
    let mut questions = vec![command(client, "BEGIN")];
    questions.extend(statements.iter().zip(orders).map(|(statement, order)| execute(client, statement, order)));
    questions.push(command(client, "COMMIT"));
    let mut answers = all(in_order(questions).await)?;
    answers.pop();
    Ok(answers.split_off(1))
}

/// What is not known of one answer is known of none: a question that never left this process does not undo
/// those around it.
fn all(answers: Vec<std::result::Result<u64, Error>>) -> std::result::Result<Vec<u64>, Failure> {
    let mut failures = answers.iter().filter_map(|answer| answer.as_ref().err()).map(Failure::from);
    let first = failures.next();
    let unknown = first.iter().cloned().chain(failures).find(|failure| matches!(failure, Failure::Unknown(_)));
    match unknown.or(first) {
        Some(failure) => Err(failure),
        None => Ok(answers.into_iter().flatten().collect()),
    }
}

/// Each as a transaction of its own; those that collided with others are tried again. Whoever waits for a
/// row that is held has waited long enough, with all those behind it.
async fn alone(client: &ClientWrapper, orders: &[Order]) -> Vec<Rows> {
    let statements = match prepare(client, orders.iter()).await {
        Ok(statements) => statements,
        Err(error) => return vec![Err(Failure::from(&error)); orders.len()],
    };
    let mut rows: Vec<Option<Rows>> = vec![None; orders.len()];
    for _ in 1..=limits::ATTEMPTS {
        let open = |rows: &Option<Rows>| matches!(rows, None | Some(Err(Failure::Collided(_))));
        let numbers: Vec<usize> = (0..orders.len()).filter(|number| open(&rows[*number])).collect();
        if numbers.is_empty() {
            break;
        }
        let questions = numbers.iter().map(|number| execute(client, &statements[*number], &orders[*number]));
        for (number, answer) in numbers.iter().zip(in_order(questions.collect()).await) {
            rows[*number] = Some(answer.map_err(Failure::from));
        }
    }
    rows.into_iter().map(|rows| rows.expect("each was tried")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Table;

    fn job(place: &str) -> Job {
        let place = Place::new(Table::Session, place);
        let order = Order::guarded("UPDATE", Vec::new(), place.clone());
        Job { place, order, answer: oneshot::channel().0 }
    }

    /// How many writes for each of these rows go out together.
    fn together_of(waiting: &mut VecDeque<Job>, rows: [&str; 2]) -> [usize; 2] {
        let group = next_group(waiting);
        rows.map(|row| group.iter().filter(|job| job.place == Place::new(Table::Session, row)).count())
    }

    #[test]
    fn a_row_that_many_want_leaves_room_for_the_others() {
        let mut waiting: VecDeque<Job> = (0..100).map(|_| job("hot")).chain([job("cold")]).collect();
        assert_eq!(together_of(&mut waiting, ["hot", "cold"]), [limits::PLACE_LENGTH, 1]);
        assert_eq!(together_of(&mut waiting, ["hot", "cold"]), [limits::PLACE_LENGTH, 0]);
        assert_eq!(waiting.len(), 100 - 2 * limits::PLACE_LENGTH);
    }
}
