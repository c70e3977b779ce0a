//! Runs against agents that do what the test says.

use std::collections::HashSet;

use watchfire_identity::audit::AuditLine;
use watchfire_identity::command::{CommandId, Envelope, TargetProof, Targets, What};
use watchfire_runtime::ManualClock;
use watchfire_wire::{
    Command, CommandRefused, CommandStarted, Exit, OpenWork, Output, OutputStream, RunPolicy,
    Runbook, RunbookWork, Work,
};

use super::*;
use crate::accounts::Account;
use crate::session::CommandDesk;
use crate::testing::{fleet_of, manual_clock, name, team};

/// What was said to the agents, and which of them are too busy.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    said: Vec<(usize, Message)>,
    busy: HashSet<usize>,
}

impl Lines for Wire {
    fn say(&self, index: usize, message: Message) -> bool {
        let mut inner = self.0.lock().expect("no panic");
        let takes = !inner.busy.contains(&index);
        if takes {
            inner.said.push((index, message));
        }
        takes
    }
}

struct Room {
    runs: Arc<Runs>,
    fleet: Arc<Fleet>,
    wire: Wire,
    hand: ManualClock,
    clock: Clock,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Room {
    fn new(servers: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a new store");
        let (clock, hand) = manual_clock();
        let fleet = fleet_of(servers, &[], &clock);
        let (runs, wire) =
            (Runs::open(store.clone(), fleet.clone(), clock.clone()), Wire::default());
        runs.set_lines(Box::new(wire.clone()));
        Self { runs: Arc::new(runs), fleet, wire, hand, clock, store, _folder: folder }
    }

    /// A room in which all agents are there.
    fn full(servers: &[&str]) -> Self {
        let room = Self::new(servers);
        (0..servers.len()).for_each(|index| room.comes(index));
        room
    }

    fn comes(&self, index: usize) {
        self.runs.offered((index, 1), Runbooks::default());
    }

    async fn look(&self) {
        self.runs.advance();
        self.runs.store_all().await;
    }

    /// The commands that agents were given since the last time, by their places.
    fn given(&self) -> Vec<(usize, Command)> {
        let said = std::mem::take(&mut self.wire.0.lock().expect("no panic").said);
        let command = |(index, message)| match message {
            Message::Command(command) => Some((index, *command)),
            _ => None,
        };
        said.into_iter().filter_map(command).collect()
    }

    fn acks(&self) -> Vec<(usize, u64, bool)> {
        let said = std::mem::take(&mut self.wire.0.lock().expect("no panic").said);
        let ack = |(index, message)| match message {
            Message::OutputAck(ack) => Some((index, ack.offset, ack.done)),
            _ => None,
        };
        said.into_iter().filter_map(ack).collect()
    }

    async fn row(&self, id: &str) -> watchfire_api::runs::RunRow {
        self.runs.one(&Scope::everything(), id).await.expect("it is there")
    }

    async fn states(&self, id: &str) -> Vec<String> {
        self.row(id).await.targets.into_iter().map(|target| target.state).collect()
    }
}

fn user(scope: Scope) -> Account {
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let password = watchfire_identity::password::PasswordHash::parse(hash).expect("a hash");
    let role = watchfire_identity::Role::Operator;
    Account { name: "olga".to_owned(), role, scope, password }
}

fn everybody() -> Account {
    user(Scope::everything())
}

fn wish(servers: &[&str]) -> Wish {
    Wish {
        servers: Servers::Named(servers.iter().map(|name| (*name).to_owned()).collect()),
        job: Job::Open(OpenWork { argv: vec!["true".to_owned()], ..OpenWork::default() }),
        stdin: Vec::new(),
        pace: Pace::default(),
        when_up: None,
    }
}

fn exit(run: u64, code: i32) -> Message {
    Message::Exit(Exit { run, code: Some(code), ..Exit::default() })
}

fn output(run: u64, offset: u64, bytes: &[u8]) -> Message {
    let stream = OutputStream::Stdout;
    Message::Output(Output { run, stream, offset, bytes: bytes.to_vec() })
}

#[tokio::test]
async fn a_command_goes_out_once_and_its_answer_is_stored_and_then_acknowledged() {
    let room = Room::full(&["a-1", "b-1"]);
    let id = room.runs.start(&everybody(), wish(&["a-1", "b-1", "a-1"])).await.expect("it begins");
    room.look().await;
    let given = room.given();
    assert_eq!(given.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1]);
    assert_ne!(given[0].1.run, given[1].1.run);
    assert_eq!(given[0].1.command_id, given[1].1.command_id);
    room.look().await;
    assert!(room.given().is_empty(), "once");
    let run = given[0].1.run;
    assert!(room.runs.said(0, Message::CommandStarted(CommandStarted { run, unix_ms: 0 })));
    assert!(room.runs.said(0, output(run, 0, b"hello ")));
    assert!(room.runs.said(0, output(run, 0, b"hello ")), "it comes again on a new stream");
    assert!(room.runs.said(0, output(run, 6, b"world\n")));
    assert!(room.acks().is_empty(), "nothing is stored yet");
    room.look().await;
    assert_eq!(room.acks(), [(0, 12, false)]);
    assert!(room.runs.said(0, exit(run, 0)));
    room.look().await;
    assert_eq!(room.acks(), [(0, 12, true)]);
    assert_eq!(room.states(&id).await, ["done", "sent"]);
    assert!(room.runs.said(1, exit(given[1].1.run, 1)));
    room.look().await;
    let row = room.row(&id).await;
    assert_eq!((row.counts.ok, row.counts.failed), (1, 1));
    assert!(row.ended_unix_ms.is_some());
    let output = room.runs.output(&Scope::everything(), &id, 0).await.expect("it is there");
    assert_eq!(output.outputs.len(), 1);
    assert_eq!(output.outputs[0].stdout.text.as_deref(), Some("hello world\n"));
    // Its acknowledgement was lost: it says it again.
    room.acks();
    assert!(room.runs.said(0, exit(run, 0)));
    assert_eq!(room.acks(), [(0, u64::MAX, true)]);
}

/// Abuse row A24.
#[tokio::test]
async fn an_agent_speaks_of_nothing_that_was_not_given_to_it() {
    let room = Room::full(&["a-1", "b-1"]);
    let id = room.runs.start(&everybody(), wish(&["a-1"])).await.expect("it begins");
    room.look().await;
    let run = room.given()[0].1.run;
    assert!(!room.runs.said(1, exit(run, 0)), "it was given to another one");
    assert!(!room.runs.said(0, exit(run ^ 1, 0)), "nobody was given this");
    assert_eq!(room.states(&id).await, ["sent"]);
    assert!(room.runs.said(0, exit(run, 0)));
    room.look().await;
    assert!(!room.runs.said(1, exit(run, 1)), "nor afterwards");
    assert_eq!(room.row(&id).await.counts.ok, 1);
}

/// Abuse row A14: empty is none, and what is foreign is as what does not exist.
#[tokio::test]
async fn servers_are_those_that_the_user_sees_when_it_begins() {
    let room = Room::full(&["a-1", "a-2", "b-1"]);
    let ann = user(team("a"));
    let words = async |servers: &[&str]| match room.runs.start(&ann, wish(servers)).await {
        Err(NoRun::Wrong(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(words(&[]).await, "it would run on no server: name one of yours");
    assert_eq!(words(&["a-1", "b-1"]).await, "there is no server \"b-1\"");
    assert_eq!(words(&["a-1", "z-9"]).await, "there is no server \"z-9\"");
    assert_eq!(words(&["all"]).await, "there is no server \"all\"");
    assert!(room.given().is_empty());
    let all = Selector::parse("name=~\".*\"").expect("a matcher");
    let fitting = Wish { servers: Servers::Fitting(all), ..wish(&[]) };
    let id = room.runs.start(&ann, fitting).await.expect("it begins");
    room.look().await;
    assert_eq!(room.given().len(), 2);
    // Another team knows of nothing.
    let bob = user(team("b"));
    assert!(matches!(room.runs.one(&bob.scope, &id).await, Err(NoRun::Unknown)));
    assert!(matches!(room.runs.output(&bob.scope, &id, 0).await, Err(NoRun::Unknown)));
    assert!(matches!(room.runs.cancel(&bob, &id).await, Err(NoRun::Unknown)));
    assert!(room.runs.list(&bob.scope, 9).await.expect("a list").is_empty());
    assert_eq!(room.runs.list(&ann.scope, 9).await.expect("a list").len(), 1);
}

#[tokio::test]
async fn who_is_away_is_told_as_not_reached_or_waited_for() {
    let room = Room::new(&["a-1", "b-1"]);
    room.comes(0);
    let both = ["a-1", "b-1"];
    let id = room.runs.start(&everybody(), wish(&both)).await.expect("it begins");
    let waits = Wish { when_up: Some(Duration::from_secs(60)), ..wish(&both) };
    let patient = room.runs.start(&everybody(), waits).await.expect("it begins");
    room.look().await;
    assert_eq!(room.states(&id).await, ["sent", "not_reached"]);
    assert_eq!(room.states(&patient).await, ["sent", "waiting"]);
    room.given();
    room.comes(1);
    room.look().await;
    assert_eq!(room.given().len(), 1, "it is back");
    assert_eq!(room.states(&patient).await, ["sent", "sent"]);
    room.runs.left((1, 1));
    let again = Wish { when_up: Some(Duration::from_secs(60)), ..wish(&["b-1"]) };
    let late = room.runs.start(&everybody(), again).await.expect("it begins");
    room.hand.advance(Duration::from_secs(61));
    room.look().await;
    assert_eq!(room.states(&late).await, ["not_reached"]);
}

#[tokio::test]
async fn an_older_session_does_not_take_a_newer_one_away() {
    let room = Room::new(&["a-1"]);
    room.comes(0);
    room.runs.offered((0, 2), Runbooks::default());
    room.runs.left((0, 1));
    let id = room.runs.start(&everybody(), wish(&["a-1"])).await.expect("it begins");
    room.look().await;
    assert_eq!(room.states(&id).await, ["sent"]);
}

#[tokio::test]
async fn batches_go_one_after_the_other_and_stop_when_too_many_fail() {
    let names: Vec<String> = (0..10).map(|number| format!("a-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let room = Room::full(&names);
    let pace = Pace { batch_percent: Some(30), stop_after: Some(2), ..Pace::default() };
    let id = room.runs.start(&everybody(), Wish { pace, ..wish(&names) }).await.expect("it begins");
    room.look().await;
    let first = room.given();
    assert_eq!(first.len(), 3);
    for (index, command) in &first[..2] {
        assert!(room.runs.said(*index, exit(command.run, 0)));
    }
    room.look().await;
    assert!(room.given().is_empty(), "the batch is not over");
    assert!(room.runs.said(first[2].0, exit(first[2].1.run, 1)));
    room.look().await;
    let second = room.given();
    assert_eq!(second.len(), 3);
    let refused = CommandRefused { run: second[0].1.run, why: "off".to_owned() };
    assert!(room.runs.said(second[0].0, Message::CommandRefused(refused)));
    room.look().await;
    let counts = room.row(&id).await.counts;
    assert_eq!((counts.refused, counts.failed, counts.running, counts.other), (1, 1, 2, 4));
    let at_most = Pace { at_most: Some(4), ..Pace::default() };
    let sliding = Wish { pace: at_most, ..wish(&names) };
    room.given();
    room.runs.start(&everybody(), sliding).await.expect("it begins");
    room.look().await;
    let given = room.given();
    assert_eq!(given.len(), 4);
    assert!(room.runs.said(given[0].0, exit(given[0].1.run, 0)));
    room.look().await;
    assert_eq!(room.given().len(), 1);
}

#[tokio::test]
async fn what_is_cancelled_does_not_begin_and_is_ended_where_it_runs() {
    let room = Room::full(&["a-1", "b-1"]);
    let pace = Pace { at_most: Some(1), ..Pace::default() };
    let both = Wish { pace, ..wish(&["a-1", "b-1"]) };
    let id = room.runs.start(&everybody(), both).await.expect("it begins");
    room.look().await;
    let run = room.given()[0].1.run;
    room.wire.0.lock().expect("no panic").busy.insert(0);
    assert_eq!(room.runs.cancel(&everybody(), &id).await.expect("it is known"), 2);
    room.look().await;
    assert_eq!(room.states(&id).await, ["sent", "canceled"]);
    // It was too busy to hear it, and is told again.
    room.wire.0.lock().expect("no panic").busy.clear();
    room.look().await;
    let said = std::mem::take(&mut room.wire.0.lock().expect("no panic").said);
    let cancel = Message::CancelCommand(watchfire_wire::CancelCommand { run });
    assert_eq!(said, [(0, cancel)]);
    let killed = Exit { run, signal: Some(15), canceled: true, ..Exit::default() };
    assert!(room.runs.said(0, Message::Exit(killed)));
    room.look().await;
    assert!(room.row(&id).await.ended_unix_ms.is_some());
    assert_eq!(room.runs.cancel(&everybody(), &id).await.expect("it is over"), 0);
}

#[tokio::test]
async fn an_agent_that_says_nothing_is_given_up_and_heard_if_it_does_after_all() {
    let room = Room::full(&["a-1", "b-1"]);
    let id = room.runs.start(&everybody(), wish(&["a-1", "b-1"])).await.expect("it begins");
    room.look().await;
    let given = room.given();
    let run = given[1].1.run;
    assert!(room.runs.said(1, Message::CommandStarted(CommandStarted { run, unix_ms: 0 })));
    room.hand.advance(Duration::from_secs(15));
    room.look().await;
    assert_eq!(room.states(&id).await, ["lost", "running"]);
    assert!(room.runs.said(0, exit(given[0].1.run, 0)));
    assert_eq!(room.states(&id).await, ["done", "running"]);
}

#[tokio::test]
async fn a_hub_that_was_started_anew_hears_what_became_of_it_and_begins_nothing() {
    let room = Room::full(&["a-1", "b-1"]);
    let pace = Pace { at_most: Some(1), ..Pace::default() };
    let both = Wish { pace, ..wish(&["a-1", "b-1"]) };
    let id = room.runs.start(&everybody(), both).await.expect("it begins");
    room.look().await;
    let run = room.given()[0].1.run;
    assert!(room.runs.said(0, output(run, 0, b"abc")));
    room.look().await;
    let wire = Wire::default();
    let anew = Runs::open(room.store.clone(), room.fleet.clone(), room.clock.clone());
    anew.set_lines(Box::new(wire.clone()));
    let room = Room { runs: Arc::new(anew), wire, ..room };
    (0..2).for_each(|index| room.comes(index));
    room.look().await;
    assert!(room.given().is_empty());
    assert_eq!(room.states(&id).await, ["sent", "not_reached"]);
    assert!(room.runs.said(0, output(run, 3, b"def")));
    assert!(room.runs.said(0, exit(run, 0)));
    room.look().await;
    assert_eq!(room.acks(), [(0, 6, true)]);
    let output = room.runs.output(&Scope::everything(), &id, 0).await.expect("it is there");
    assert_eq!(output.outputs[0].stdout.text.as_deref(), Some("abcdef"));
}

fn envelope(servers: &[&str], room: &Room) -> Envelope {
    let names: Vec<ServerName> = servers.iter().map(|text| name(text)).collect();
    let now = room.clock.now().unix_ms / 1000;
    Envelope {
        id: CommandId::from_bytes([7; 16]),
        what: What::Argv(vec!["true".to_owned()]),
        user: None,
        folder: None,
        stdin_sha256: None,
        timeout_s: 60,
        output_bytes: 1 << 20,
        signed_unix_s: now,
        not_after_unix_s: now + 30,
        purpose: String::new(),
        targets: Targets::new(&names).expect("some").root(),
    }
}

#[tokio::test]
async fn a_signed_command_goes_out_as_it_came_with_a_proof_for_each_server() {
    let room = Room::full(&["a-1", "a-2", "a-3"]);
    let servers = ["a-1", "a-2", "a-3"];
    let signed = envelope(&servers, &room);
    let bytes = signed.to_bytes().expect("it is good");
    let job = || Job::signed(bytes.clone(), vec!["a signature".to_owned()]).expect("it is good");
    let id = room.runs.start(&everybody(), Wish { job: job(), ..wish(&servers) }).await;
    let id = id.expect("it begins");
    room.look().await;
    let given = room.given();
    assert_eq!(given.len(), 3);
    for (index, command) in given {
        let Work::Signed(work) = command.work else { panic!("a signed one") };
        assert_eq!((command.command_id, &work.envelope), ([7; 16], &bytes));
        assert_eq!(work.signatures, ["a signature"]);
        let proof = TargetProof { index: work.index, hashes: work.hashes };
        assert!(signed.targets.has(&name(servers[index]), &proof));
        assert!(!signed.targets.has(&name("z-9"), &proof));
    }
    assert_eq!(room.row(&id).await.what.argv, ["true"]);
    let refused = async |wish: Wish| match room.runs.start(&everybody(), wish).await {
        Err(NoRun::Wrong(why)) => why,
        other => panic!("{other:?}"),
    };
    let fewer = refused(Wish { job: job(), ..wish(&["a-1", "a-2"]) }).await;
    assert_eq!(fewer, "the command was signed for other servers than these");
    let reads = Wish { job: job(), stdin: vec![1], ..wish(&servers) };
    assert_eq!(refused(reads).await, "the command was signed to read nothing");
    room.hand.advance(Duration::from_secs(31));
    let late = refused(Wish { job: job(), ..wish(&servers) }).await;
    assert_eq!(late, "the command has expired: sign it anew");
}

#[tokio::test]
async fn runs_under_way_are_few() {
    let room = Room::full(&["a-1"]);
    for _ in 0..MAX_LIVE {
        room.runs.start(&everybody(), wish(&["a-1"])).await.expect("there is room");
    }
    let more = room.runs.start(&everybody(), wish(&["a-1"])).await;
    assert!(matches!(more, Err(NoRun::TooMany)));
}

#[test]
fn runbooks_are_told_once_with_the_servers_that_have_them() {
    let room = Room::new(&["a-1", "a-2", "b-1"]);
    let book = |name: &str| Runbook { name: name.to_owned(), ..Runbook::default() };
    let offer = |index, names: &[&str]| {
        let list = names.iter().map(|name| book(name)).collect();
        room.runs.offered((index, 1), Runbooks { policy: RunPolicy::Runbooks, list });
    };
    offer(0, &["restart", "clean"]);
    offer(1, &["restart"]);
    offer(2, &["secret"]);
    let list = room.runs.runbooks(&team("a"));
    let rows: Vec<_> = list.runbooks.iter().map(|row| (&*row.name, row.servers.len())).collect();
    assert_eq!(rows, [("clean", 1), ("restart", 2)]);
    assert_eq!(list.policies.len(), 2);
    let _ = RunbookWork::default();
}

#[tokio::test]
async fn the_audit_holds_who_began_and_cancelled_it_and_what_came_of_it() {
    let room = Room::full(&["a-1", "b-1"]);
    let id = room.runs.start(&everybody(), wish(&["a-1", "b-1"])).await.expect("it begins");
    room.look().await;
    let given = room.given();
    assert!(room.runs.said(0, exit(given[0].1.run, 0)));
    room.runs.cancel(&everybody(), &id).await.expect("it is known");
    let refused = CommandRefused { run: given[1].1.run, why: "its policy is off".to_owned() };
    assert!(room.runs.said(1, Message::CommandRefused(refused)));
    room.look().await;
    let rows = room.store.audit_after(0, 10).expect("it is readable");
    let rows: Vec<_> = rows.iter().map(|row| AuditLine::read(row).expect("a row")).collect();
    let said: Vec<_> = rows.iter().map(|row| (&*row.who, &*row.action, &*row.outcome)).collect();
    let expected =
        [("olga", "run", "ok"), ("olga", "run.cancel", "ok"), ("olga", "run.end", "failed")];
    assert_eq!(said, expected);
    assert!(rows.iter().all(|row| row.object == format!("run {id}")), "{rows:?}");
    let command = room.store.runs(10).expect("readable")[0].command_id.clone();
    assert!(rows.iter().all(|row| row.detail.contains(&command)), "{rows:?}");
    assert!(rows[0].detail.contains("(a-1, b-1)") && rows[0].detail.contains("\"true\""));
    let end = "well: 1, not well: 1 (b-1: refused, its policy is off)";
    assert!(rows[2].detail.ends_with(end), "{:?}", rows[2]);
    room.look().await;
    assert_eq!(room.store.audit_length().expect("readable"), 3, "each is told once");
}
