//! Every fault of a delivery: nothing is lost and nothing is told twice.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use watchfire_api::hub::IncidentDetail;
use watchfire_testkit::smtp::{Behaviour, Mail, Verb};

use crate::field::{Field, SERVER};
use crate::room::Room;

const USER: &str = "ada";
/// How long a fault of the mail server goes on, from the death of the server on.
const LASTS: Duration = Duration::from_secs(12);
/// The hub is killed at some moment of this time after the server's death: the verdict falls 4 to 5
/// s after it, and the slow mail server takes half a second for a mail.
const KILLED_FROM: Duration = Duration::from_millis(4_000);
const KILLED_FOR_MS: u64 = 1_800;
const SLOW: Duration = Duration::from_millis(80);
/// How many hubs are killed side by side.
const LANES: usize = 4;

#[derive(Clone, Copy)]
enum Fault {
    Mail(&'static str, fn() -> Behaviour),
    Refuses,
    Dies,
    HubKilled,
    DiskFull,
}

const MAIL_FAULTS: [Fault; 8] = [
    Fault::Mail("hangs before its greeting", || Behaviour::Hang(Verb::Connect)),
    Fault::Mail("hangs when it has the message", || Behaviour::Hang(Verb::Body)),
    Fault::Mail("has the message and drops the connection", Behaviour::drop_after_data),
    Fault::Mail("puts the message off (451)", || Behaviour::reply(Verb::Body, 451, "4.3.0 later")),
    Fault::Mail("says nonsense", || Behaviour::Raw {
        at: Verb::Mail,
        bytes: b"\0\xff?\r\n".into(),
    }),
    Fault::Mail("takes two seconds for each answer", || Behaviour::Slow(Duration::from_secs(2))),
    Fault::Refuses,
    Fault::Dies,
];

/// What came of one kind of fault.
pub(crate) struct Row {
    name: String,
    trials: usize,
    lost: usize,
    /// Recoveries that a digest of the flapping server tells later.
    held: usize,
    doubled: usize,
    again: usize,
    wrong: usize,
    took: Duration,
    why: Option<String>,
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::Mail(name, _) => name,
            Self::Refuses => "refuses connections",
            Self::Dies => "is killed with connections open",
            Self::HubKilled => "the hub is killed (SIGKILL) between verdict and acceptance",
            Self::DiskFull => "the hub's disk is full",
        }
    }
}

impl Row {
    pub(crate) fn is_exact(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.wrong == 0 && self.why.is_none()
    }
}

/// Tries all of them, each in a field of its own, side by side.
pub(crate) fn measure(
    binary: &Path,
    trials: usize,
    kills: usize,
    chosen: &str,
) -> anyhow::Result<Vec<Row>> {
    eprintln!("faults of the mail server and a full disk, {trials} times each");
    let mut faults = MAIL_FAULTS.to_vec();
    faults.push(Fault::DiskFull);
    faults.retain(|fault| fault.name().contains(chosen));
    let mut rows = side_by_side(binary, &faults, trials)?;
    if !Fault::HubKilled.name().contains(chosen) {
        return Ok(rows);
    }
    eprintln!("the hub is killed {kills} times");
    let killed = side_by_side(binary, &[Fault::HubKilled; LANES], kills.div_ceil(LANES))?;
    let whole = killed.into_iter().reduce(|mut all, one| {
        all.trials += one.trials;
        all.lost += one.lost;
        all.held += one.held;
        all.doubled += one.doubled;
        all.again += one.again;
        all.wrong += one.wrong;
        all.took = all.took.max(one.took);
        all.why = all.why.or(one.why);
        all
    });
    rows.extend(whole);
    Ok(rows)
}

fn side_by_side(binary: &Path, faults: &[Fault], trials: usize) -> anyhow::Result<Vec<Row>> {
    thread::scope(|scope| {
        let lanes: Vec<_> = faults
            .iter()
            .zip(1..)
            .map(|(fault, seed)| scope.spawn(move || row(binary, *fault, trials, seed)))
            .collect();
        let rows = lanes.into_iter().map(|lane| lane.join().map_err(|_| anyhow!("a lane fell")));
        let rows: anyhow::Result<Vec<Option<Row>>> = rows.map(|row| row?).collect();
        Ok(rows?.into_iter().flatten().collect())
    })
}

/// `None` for what this machine does not allow.
fn row(binary: &Path, fault: Fault, trials: usize, seed: u64) -> anyhow::Result<Option<Row>> {
    let room = match fault {
        Fault::DiskFull => match Room::new() {
            Some(room) => Some(room),
            None => return Ok(None),
        },
        _ => None,
    };
    let began = Instant::now();
    let mut field = Field::start(binary, &[USER], room.as_ref().map(Room::data).as_deref())?;
    let mut chance = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut why = None;
    let mut done = 0;
    for trial in 1..=trials {
        let tried = hurt(&mut field, fault, room.as_ref(), &mut chance, trial)
            .and_then(|()| mend(&mut field, trial));
        done = trial;
        if let Err(error) = tried {
            why = Some(format!("trial {trial}: {error:#}"));
            break;
        }
        eprintln!("{}: {trial} of {trials}", fault.name());
    }
    // What comes after the last word would be one too many.
    thread::sleep(Duration::from_secs(5));
    let incidents = field.page()?.incidents()?;
    let mut row = count(&incidents, &field.sink.mails(), done);
    (row.name, row.took, row.why) = (fault.name().to_owned(), began.elapsed(), why);
    Ok(Some(row))
}

/// Does it, takes it back, and waits until the server's trouble is told.
fn hurt(
    field: &mut Field,
    fault: Fault,
    room: Option<&Room>,
    chance: &mut u64,
    trial: usize,
) -> anyhow::Result<()> {
    let is_told = |incidents: &[IncidentDetail]| {
        incidents.len() >= trial && incidents.iter().all(|one| is_settled(one, "down"))
    };
    match fault {
        Fault::Mail(_, behaviour) => {
            field.sink.always(behaviour());
            field.kill_agent();
            thread::sleep(LASTS);
            field.sink.always(Behaviour::Accept);
            field.sink.close_all();
        }
        Fault::Refuses => {
            field.sink.stop_listening();
            field.kill_agent();
            thread::sleep(LASTS);
            field.sink.start_listening();
        }
        Fault::Dies => {
            field.sink.always(Behaviour::Slow(Duration::from_secs(1)));
            field.kill_agent();
            thread::sleep(Duration::from_secs(7));
            field.sink.stop_listening();
            field.sink.close_all();
            thread::sleep(LASTS.saturating_sub(Duration::from_secs(7)));
            field.sink.always(Behaviour::Accept);
            field.sink.start_listening();
        }
        Fault::HubKilled => {
            field.sink.always(Behaviour::Slow(SLOW));
            field.kill_agent();
            thread::sleep(KILLED_FROM + Duration::from_millis(below(chance, KILLED_FOR_MS)));
            field.kill_hub();
            field.start_hub(USER)?;
        }
        Fault::DiskFull => {
            let room = room.context("there is no room")?;
            room.fill()?;
            field.kill_agent();
            let told = field.wait_for("told on a full disk", is_told);
            room.empty()?;
            told?;
        }
    }
    field.wait_for("the trouble is told", is_told)
}

/// The server comes back, and that is told too.
fn mend(field: &mut Field, trial: usize) -> anyhow::Result<()> {
    field.start_agent();
    field.wait_for("the recovery is told", |incidents| {
        incidents.len() >= trial && incidents.iter().all(|one| is_settled(one, "recovered"))
    })?;
    field.wait_until_up(1)
}

fn is_settled(incident: &IncidentDetail, kind: &str) -> bool {
    let mut of_kind = incident.notifications.iter().filter(|one| one.kind == kind).peekable();
    of_kind.peek().is_some() && of_kind.all(|one| one.state != "pending")
}

/// What the hub says it told against what the mail server accepted. A server that fails so often
/// flaps: the notice of that, and its digests, which come later, are messages of their own.
fn count(incidents: &[IncidentDetail], mails: &[Mail], trials: usize) -> Row {
    let all: Vec<_> = incidents.iter().flat_map(|one| &one.notifications).collect();
    let own: Vec<_> =
        all.iter().filter(|one| matches!(one.kind.as_str(), "down" | "recovered")).collect();
    let is_told = |state: &str| matches!(state, "delivered" | "merged");
    for one in all.iter().filter(|one| !is_told(&one.state)) {
        eprintln!("not told yet: {} to {}: {}", one.kind, one.user, one.state);
    }
    let delivered = all.iter().filter(|one| one.state == "delivered").count();
    // The mail server may have taken one of which the hub never read the answer, and which it
    // sends once more, under the same Message-ID.
    let unsure = all.iter().filter(|one| one.state == "pending").count();
    let most = delivered + unsure;
    // What the hub says of itself, that its disk is full, is about no server.
    let about: Vec<&Mail> = mails.iter().filter(|mail| mail.subject().contains(SERVER)).collect();
    // Each message has an identity; a mailbox shows the same one once.
    let ids: HashSet<&str> = about.iter().map(|mail| mail.message_id()).collect();
    if ids.len() > most || own.len() > trials * 2 {
        for one in &all {
            eprintln!("the hub: {} {} {}: {}", one.id, one.kind, one.state, one.subject);
        }
        for mail in &about {
            eprintln!("the mail server: {} {}", mail.message_id(), mail.subject());
        }
    }
    let untold = (trials * 2).saturating_sub(own.len());
    let held = own.iter().filter(|one| one.state == "held").count();
    let unsent = own.iter().filter(|one| !is_told(&one.state)).count() - held;
    Row {
        name: String::new(),
        trials,
        lost: untold + unsent + delivered.saturating_sub(ids.len()),
        held,
        doubled: ids.len().saturating_sub(most) + own.len().saturating_sub(trials * 2),
        again: about.len() - ids.len(),
        wrong: incidents.len().saturating_sub(trials),
        took: Duration::ZERO,
        why: None,
    }
}

pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| fault | times | messages | lost | held for a digest | doubled | taken twice under one Message-ID | incidents too many | time |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let Row { name, trials, lost, held, doubled, again, wrong, took, .. } = row;
        let (seconds, messages) = (took.as_secs(), trials * 2);
        let _ = writeln!(
            text,
            "| {name} | {trials} | {messages} | {lost} | {held} | {doubled} | {again} | {wrong} | {seconds} s |"
        );
    }
    for row in rows {
        if let Some(why) = &row.why {
            let _ = writeln!(text, "\n**{}** was not finished: {why}", row.name);
        }
    }
    text
}

/// A number below `limit` (xorshift64*): the same ones in each run.
fn below(state: &mut u64, limit: u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
}
