//! Sessions against an agent of the test's own, over a connection in memory.

mod fallback;
mod hostile;
mod opinion;
mod quota;

use std::collections::BTreeMap;

use watchfire_codec::TickEncoder;
use watchfire_model::{Presence, Schema, SeriesKey, Tick};
use watchfire_runtime::socket::SocketError;
use watchfire_runtime::task::{Process, Task};
use watchfire_runtime::{ManualClock, Shutdown, ShutdownHandle};
use watchfire_store::History;
use watchfire_wire::pulse::{Pulse, PulseFlags, join};
use watchfire_wire::{
    Alive, BackfillEnd, GoodbyeReason, Hello, Message, ProbeResult, ProbeSaw, Record, RecordKind,
    Records, RingState, StreamEncoder, decode, encode,
};

use super::*;
use crate::testing::{fleet_of, manual_clock, moment, settle, until};

pub(super) const RING: [u8; 16] = [7; 16];

/// A hub with a history and no listener.
pub(super) struct Room {
    pub(super) fleet: Arc<Fleet>,
    pub(super) sessions: Sessions,
    pub(super) historian: Historian,
    pub(super) hand: ManualClock,
    pub(super) clock: Clock,
    /// What is done on threads elsewhere is done at once in it, so that no test depends
    /// on how fast a disk is.
    process: Process,
    _history: Option<tempfile::TempDir>,
    _end: ShutdownHandle,
    _writer: Task<()>,
}

/// The other end of a session.
pub(super) struct Agent {
    socket: Socket,
    encoder: StreamEncoder,
    ticks: Ticks,
    pub(super) session: Task<()>,
}

/// Ticks of one series, as the recorder would hold them.
pub(super) struct Ticks {
    encoder: TickEncoder,
    schema: Schema,
}

impl Room {
    pub(super) fn new(servers: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History::open(folder.path(), 1 << 30).expect("a good history");
        Self::with(servers, Some(history), Some(folder))
    }

    /// A hub whose history cannot be used.
    fn without_disk(servers: &[&str]) -> Self {
        Self::with(servers, None, None)
    }

    fn with(servers: &[&str], history: Option<History>, folder: Option<tempfile::TempDir>) -> Self {
        let (clock, hand) = manual_clock();
        let fleet = fleet_of(servers, &[], &clock);
        Self::of(fleet, (clock, hand), history, folder)
    }

    pub(super) fn of(
        fleet: Arc<Fleet>,
        (clock, hand): (Clock, ManualClock),
        history: Option<History>,
        folder: Option<tempfile::TempDir>,
    ) -> Self {
        let historian = Historian::new(history, clock.clone());
        let (shutdown, end) = Shutdown::new();
        let process = Process::new(1);
        let writer = process.spawn("historian", historian.clone().run(shutdown));
        let sessions = Sessions::new(Parts {
            fleet: fleet.clone(),
            clock: clock.clone(),
            historian: historian.clone(),
            pulses: Pulses::new(fleet.clone(), clock.clone(), true),
            corrections: Corrections::new().0,
        });
        Self {
            fleet,
            sessions,
            historian,
            hand,
            clock,
            process,
            _history: folder,
            _end: end,
            _writer: writer,
        }
    }

    pub(super) fn peer(&self, index: usize) -> Peer {
        let agent = AgentId::of_public_key(&[u8::try_from(index).expect("few")]);
        let pulse_key = Some(PulseKey::from_exported([9; 32]));
        let remote = format!("203.0.113.{}:4000", index + 1).parse().expect("an address");
        Peer { index, agent: Some(agent), pulse_key, remote }
    }

    /// An agent of the server at `index` that dials the hub.
    pub(super) async fn agent(&self, index: usize) -> Agent {
        self.agent_as(self.peer(index)).await
    }

    async fn agent_as(&self, peer: Peer) -> Agent {
        let (here, there) = tokio::io::duplex(1 << 16);
        let there = Socket::accepted(there, SOCKET_LIMITS).await;
        let sessions = self.sessions.clone();
        let session = async move { sessions.accept(there, peer).await };
        let session = self.process.spawn("session", session);
        let limits = SocketLimits { outgoing: MAX_FRAME_BYTES, ..SOCKET_LIMITS };
        let socket = Socket::begun(here, limits).await;
        let encoder = StreamEncoder::new();
        Agent { socket, encoder, ticks: Ticks::new(), session }
    }

    pub(super) fn presence(&self, index: usize) -> Presence {
        self.fleet.snapshot(index).presence
    }

    fn load(&self, index: usize) -> Option<f64> {
        self.fleet.snapshot(index).status.map(|(_, status)| status.load.one)
    }

    fn key(&self, index: usize) -> String {
        self.peer(index).agent.expect("it has one").to_string()
    }

    fn coverage(&self, index: usize) -> Vec<(u64, u64)> {
        let history = self.historian.history().expect("it has one");
        history.coverage(&self.key(index), RING).expect("readable")
    }

    /// Lets time go by. What came is stored when it is due.
    async fn pass(&self, ms: u64) {
        for _ in 0..ms / 100 {
            self.hand.advance(Duration::from_millis(100));
            settle().await;
        }
    }
}

impl Ticks {
    pub(super) fn new() -> Self {
        let mut schema = Schema::new(1);
        schema.push(SeriesKey::new("node_load1", []).expect("a good key"));
        Self { encoder: TickEncoder::new(), schema }
    }

    /// The record of a tick with that load.
    pub(super) fn record(&mut self, sequence: u64, load: f64) -> Record {
        let at = moment(sequence * 1000);
        let tick = Tick { at, generation: 1, values: vec![load] };
        let mut bytes = Vec::new();
        self.encoder.encode(&self.schema, &tick, &mut bytes);
        let monotonic_ns = u64::try_from(at.monotonic.as_nanos()).expect("it fits");
        Record { sequence, kind: RecordKind::Tick, monotonic_ns, unix_ms: at.unix_ms, bytes }
    }
}

impl Agent {
    pub(super) async fn say(&mut self, message: &Message) {
        let frame = self.encoder.encode(message).expect("it fits");
        self.socket.send(frame).await.expect("open");
        settle().await;
    }

    pub(super) async fn greet(&mut self, oldest: u64, newest: u64) {
        let ring = Some(RingState { ring: RING, oldest, newest });
        self.say(&Message::Hello(Hello { ring, unix_ms: moment(0).unix_ms, ..Hello::default() }))
            .await;
    }

    /// Sends a live tick.
    pub(super) async fn tick(&mut self, previous: u64, sequence: u64, load: f64) {
        let records = vec![self.ticks.record(sequence, load)];
        self.say(&Message::Records(Records { request: 0, previous, records })).await;
    }

    /// What came from the hub so far, by what `of` picks.
    async fn heard<T>(&mut self, of: impl Fn(Message) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        settle().await;
        while let Some(frame) =
            futures_util::FutureExt::now_or_never(self.socket.recv()).and_then(Result::ok)
        {
            found.extend(decode(&frame).expect("of the hub").and_then(&of));
        }
        found
    }

    /// Why the hub ended it; `None` while it has not.
    async fn is_over(&mut self) -> bool {
        settle().await;
        loop {
            match futures_util::FutureExt::now_or_never(self.socket.recv()) {
                Some(Ok(_)) => {}
                Some(Err(SocketError::Closed(_) | SocketError::Broken(_))) => return true,
                Some(Err(error)) => panic!("{error}"),
                None => return false,
            }
        }
    }
}

fn acks(message: Message) -> Option<u64> {
    if let Message::Ack(ack) = message { Some(ack.up_to) } else { None }
}

fn asks(message: Message) -> Option<(u64, u64, u64)> {
    let Message::Backfill(ask) = message else { return None };
    Some((ask.request, ask.from, ask.to))
}

#[tokio::test]
async fn live_ticks_are_shown_at_once_and_acknowledged_when_they_are_durable() {
    let room = Room::new(&["a-1", "b-1"]);
    let mut agent = room.agent(0).await;
    let hellos = agent
        .heard(|message| if let Message::Hello(hello) = message { Some(hello) } else { None })
        .await;
    assert!(hellos[0].wants_ticks && hellos[0].pulse.is_some(), "{hellos:?}");
    assert_eq!(room.presence(0), Presence::Unknown, "an open stream is no sign yet");
    agent.greet(1, 0).await;
    assert_eq!(room.presence(0), Presence::Up);
    for sequence in 1..=5 {
        agent.tick(sequence - 1, sequence, sequence as f64 / 4.0).await;
    }
    assert_eq!(room.load(0), Some(1.25));
    assert_eq!((room.presence(1), room.load(1)), (Presence::Unknown, None));
    assert_eq!(room.coverage(0), [], "nothing is stored yet");
    assert_eq!(agent.heard(acks).await, [0_u64; 0], "so nothing is acknowledged");
    let mut acked = Vec::new();
    for _ in 0..8 {
        room.pass(1000).await;
        agent.say(&Message::Alive(Alive::default())).await;
        for up_to in agent.heard(acks).await {
            // Invariant I4: what is acknowledged is stored.
            assert!(room.coverage(0).iter().any(|(_, to)| *to >= up_to), "{up_to}");
            acked.push(up_to);
        }
    }
    assert_eq!(acked, [5], "once");
    assert_eq!(room.coverage(0), [(0, 5)]);
    assert_eq!(room.coverage(1), []);
}

#[tokio::test]
async fn holes_are_asked_for_newest_first_and_filled() {
    let room = Room::new(&["a-1"]);
    let history = room.historian.history().expect("it has one").clone();
    let mut ticks = Ticks::new();
    let mut chunk = |from: u64, to: u64| {
        let mut gather = crate::historian::Gather::new(room.key(0), RING);
        for sequence in from..=to {
            let record = ticks.record(sequence, 0.0);
            assert!(gather.push(sequence - 1, record, room.clock.now()).is_none());
        }
        gather.take().expect("it has records")
    };
    history.append(&[chunk(3, 5), chunk(8, 10)]).expect("stored");
    let mut agent = room.agent(0).await;
    agent.greet(1, 20).await;
    agent.tick(20, 21, 1.0).await;
    let mut asked = Vec::new();
    let mut old = Ticks::new();
    for _ in 0..20 {
        room.pass(500).await;
        for (request, from, to) in agent.heard(asks).await {
            asked.push((from, to));
            let records = (from..=to).map(|sequence| old.record(sequence, 0.5)).collect();
            let previous = from - 1;
            agent.say(&Message::Records(Records { request, previous, records })).await;
            agent.say(&Message::BackfillEnd(BackfillEnd { request, missing: false })).await;
        }
        agent.say(&Message::Alive(Alive::default())).await;
    }
    assert_eq!(asked, [(11, 20), (6, 7), (1, 2)]);
    assert_eq!(room.coverage(0), [(0, 21)]);
    assert_eq!(room.load(0), Some(1.0), "old records are no reading of now");
    assert_eq!(room.sessions.counts(), SessionCounts::default());
}

#[tokio::test]
async fn an_answer_without_end_ends_the_session() {
    let room = Room::new(&["a-1"]);
    let mut agent = room.agent(0).await;
    agent.greet(1, 20).await;
    agent.tick(20, 21, 1.0).await;
    let mut asked = Vec::new();
    for _ in 0..20 {
        if asked.is_empty() {
            room.pass(500).await;
            asked = agent.heard(asks).await;
        }
    }
    let (request, from, _) = asked[0];
    let mut old = Ticks::new();
    for _ in 0..2 {
        let records = vec![old.record(from, 0.5)];
        agent.say(&Message::Records(Records { request, previous: from - 1, records })).await;
    }
    assert!(agent.is_over().await);
    assert_eq!(room.sessions.counts().wrong, 1);
}

#[tokio::test]
async fn a_return_that_was_not_told_is_left_for_the_next_session() {
    let room = Room::new(&["a-1"]);
    let mut agent = room.agent(0).await;
    agent.greet(1, 20).await;
    agent.tick(20, 21, 1.0).await;
    room.hand.advance(Duration::from_secs(4));
    room.fleet.check(0, room.clock.now());
    room.hand.advance(Duration::from_secs(2));
    room.fleet.check(0, room.clock.now());
    assert!(room.presence(0).is_trouble());
    agent.tick(21, 22, 1.0).await;
    assert_eq!(room.presence(0), Presence::Up);
    // It waits for old records, which do not come.
    room.pass(3000).await;
    assert_eq!(room.fleet.take_return(0), None, "the session has it");
    drop(agent);
    settle().await;
    assert!(room.fleet.take_return(0).is_some());
}

#[tokio::test]
async fn what_an_agent_does_not_have_is_asked_for_once() {
    let room = Room::new(&["a-1"]);
    let mut agent = room.agent(0).await;
    agent.greet(1, 20).await;
    agent.tick(20, 21, 1.0).await;
    let mut asked = Vec::new();
    for _ in 0..60 {
        room.pass(500).await;
        for (request, from, to) in agent.heard(asks).await {
            asked.push((from, to));
            agent.say(&Message::BackfillEnd(BackfillEnd { request, missing: true })).await;
        }
        agent.say(&Message::Alive(Alive::default())).await;
    }
    assert_eq!(asked, [(1, 20)]);
}

#[tokio::test]
async fn a_disk_that_takes_nothing_leaves_everything_unacknowledged_and_shown() {
    let room = Room::without_disk(&["a-1"]);
    let mut agent = room.agent(0).await;
    agent.greet(1, 0).await;
    for sequence in 1..=20 {
        agent.tick(sequence - 1, sequence, sequence as f64).await;
        room.pass(1000).await;
    }
    assert_eq!(room.load(0), Some(20.0));
    assert_eq!(agent.heard(acks).await, [0_u64; 0]);
    assert!(room.historian.counts().refused > 0);
    assert_eq!(room.presence(0), Presence::Up);
}

#[tokio::test]
async fn a_second_stream_is_refused_while_the_first_lives_and_twins_are_told() {
    let room = Room::new(&["a-1"]);
    let mut first = room.agent(0).await;
    first.greet(1, 0).await;
    let mut second = room.agent(0).await;
    assert!(second.is_over().await, "the newer one has to leave");
    assert_eq!(room.sessions.counts().refused, 1);
    assert_eq!(room.sessions.counts().twins, 0, "it may be the same agent");
    for _ in 0..3 {
        room.pass(1000).await;
        first.say(&Message::Alive(Alive::default())).await;
    }
    room.pass(1000).await;
    assert_eq!(room.sessions.counts().twins, 1, "within five seconds");
    assert!(room.fleet.snapshot(0).link.twins);
    assert!(!first.is_over().await);
}

#[tokio::test]
async fn what_a_lossy_way_kept_back_of_a_closed_stream_is_no_second_agent() {
    let room = Room::new(&["a-1"]);
    let mut first = room.agent(0).await;
    first.greet(1, 0).await;
    let mut second = room.agent(0).await;
    assert!(second.is_over().await);
    room.pass(2000).await;
    for _ in 0..3 {
        first.say(&Message::Alive(Alive::default())).await;
        room.pass(200).await;
    }
    room.pass(1000).await;
    assert_eq!(room.sessions.counts().twins, 0);
    drop(first);
    let mut third = room.agent(0).await;
    third.greet(1, 0).await;
    assert!(!third.is_over().await, "the seat is free again");
}

#[tokio::test]
async fn an_agent_that_comes_again_takes_the_place_of_its_quiet_stream() {
    let room = Room::new(&["a-1"]);
    let mut first = room.agent(0).await;
    first.greet(1, 0).await;
    room.pass(2000).await;
    let mut second = room.agent(0).await;
    second.greet(1, 0).await;
    assert!(first.is_over().await);
    assert!(!second.is_over().await);
    room.pass(3000).await;
    second.say(&Message::Alive(Alive::default())).await;
    assert_eq!((room.presence(0), room.sessions.counts().twins), (Presence::Up, 0));
}

#[tokio::test]
async fn one_that_says_no_hello_has_to_leave() {
    let room = Room::new(&["a-1"]);
    let mut agent = room.agent(0).await;
    room.pass(9900).await;
    assert!(!agent.is_over().await, "the way may be slow");
    room.pass(200).await;
    room.pass(1000).await;
    assert!(agent.is_over().await);
    assert_eq!(room.presence(0), Presence::Unknown);
}

#[tokio::test]
async fn pulses_go_on_after_a_stream_broke_and_not_after_a_goodbye_or_a_removal() {
    for why in ["broken", "goodbye", "removed"] {
        let room = Room::new(&["a-1"]);
        let mut agent = room.agent(0).await;
        agent.greet(1, 0).await;
        let id = agent.heard(|message| match message {
            Message::Hello(hello) => hello.pulse,
            _ => None,
        });
        let id = id.await[0];
        match why {
            "goodbye" => agent.say(&Message::Goodbye(GoodbyeReason::Reboot)).await,
            "removed" => room.sessions.close(0, CloseReason::Forbidden),
            _ => {}
        }
        settle().await;
        drop(agent.socket);
        agent.session.join().await.expect("it did not panic");
        let pulse =
            Pulse { session: id, counter: 1, flags: PulseFlags::ORPHAN, ..Pulse::default() };
        let (body, key) = (pulse.encode(), PulseKey::from_exported([9; 32]));
        let datagram = join(&body, &key.tag(&body));
        let from = room.peer(0).remote;
        let echo = room.sessions.0.pulses.take(&datagram, from);
        assert_eq!(echo.is_some(), why == "broken", "{why}");
    }
}

#[tokio::test]
async fn goodbyes_are_told_with_their_reasons() {
    let room = Room::new(&["a-1", "b-1", "c-1"]);
    let goodbyes = [GoodbyeReason::Reboot, GoodbyeReason::Upgrade, GoodbyeReason::Stop];
    for (index, reason) in goodbyes.into_iter().enumerate() {
        let mut agent = room.agent(index).await;
        agent.greet(1, 0).await;
        agent.say(&Message::Goodbye(reason)).await;
    }
    let after = |seconds| {
        room.hand.advance(Duration::from_secs(seconds));
        for index in 0..3 {
            room.fleet.check(index, room.clock.now());
        }
        [room.presence(0), room.presence(1), room.presence(2)]
    };
    assert_eq!(after(0), [Presence::Leaving, Presence::Leaving, Presence::Up]);
    assert_eq!(after(5), [Presence::Leaving, Presence::Leaving, Presence::AgentDown]);
    assert_eq!(after(55), [Presence::Leaving, Presence::Down, Presence::AgentDown]);
    assert_eq!(after(240), [Presence::Down, Presence::Down, Presence::AgentDown]);
}

#[tokio::test]
async fn a_probe_is_answered_by_whom_it_was_asked_and_by_nobody_else() {
    let room = Room::new(&["a-1", "b-1"]);
    let (mut asked, mut other) = (room.agent(0).await, room.agent(1).await);
    asked.greet(1, 0).await;
    other.greet(1, 0).await;
    let (server, address) = ("c-1".to_owned(), "203.0.113.9:5000".to_owned());
    let probe = watchfire_wire::Probe { server, address, ..Default::default() };
    let mut answer = room.sessions.of(0).expect("a session").probe(probe);
    let probes = asked
        .heard(|message| if let Message::Probe(probe) = message { Some(probe.id) } else { None })
        .await;
    let result = |id| Message::ProbeResult(ProbeResult { id, saw: ProbeSaw::Reached, took_ms: 3 });
    other.say(&result(probes[0])).await;
    assert!(answer.try_recv().is_err(), "it was not asked");
    assert_eq!(room.sessions.counts().strange, 1);
    asked.say(&result(probes[0] + 1)).await;
    assert_eq!(room.sessions.counts().strange, 2);
    asked.say(&result(probes[0])).await;
    assert_eq!(answer.try_recv().expect("an answer").saw, ProbeSaw::Reached);
    // Once more is nobody's any more.
    asked.say(&result(probes[0])).await;
    assert_eq!(room.sessions.counts().strange, 3);
}

#[tokio::test]
async fn a_server_that_was_removed_is_told_so() {
    let room = Room::new(&["a-1"]);
    let mut agent = room.agent(0).await;
    agent.greet(1, 0).await;
    room.sessions.close(0, CloseReason::Forbidden);
    assert!(agent.is_over().await);
    until("its seat is free", || room.sessions.of(0).is_none().then_some(())).await;
}

#[tokio::test]
async fn an_old_agent_behind_a_password_is_understood() {
    let room = Room::new(&["a-1"]);
    let peer = Peer { agent: None, pulse_key: None, ..room.peer(0) };
    let mut agent = room.agent_as(peer).await;
    let mut status = watchfire_model::Status::default();
    status.load.one = 7.25;
    agent.say(&Message::Status(status)).await;
    agent.say(&Message::Processes(watchfire_model::ProcessTable::default())).await;
    assert_eq!(room.load(0), Some(7.25));
    assert!(room.fleet.processes_of(0).is_some());
    room.pass(10_000).await;
    assert!(!agent.is_over().await, "it never says hello, and need not");
}

/// Fault F18: what a server's clock says changes nothing but what is shown of it.
#[tokio::test]
async fn a_clock_that_is_wrong_is_shown_and_readings_have_the_hubs_time() {
    let room = Room::new(&["a-1"]);
    let mut agent = room.agent(0).await;
    let unix_ms = moment(0).unix_ms - 600_000;
    let ring = Some(RingState { ring: RING, oldest: 1, newest: 0 });
    agent.say(&Message::Hello(Hello { unix_ms, ring, ..Hello::default() })).await;
    room.pass(1000).await;
    agent.tick(0, 1, 1.0).await;
    let snapshot = room.fleet.snapshot(0);
    assert_eq!(snapshot.link.skew_ms, Some(-600_000));
    assert_eq!(snapshot.status.expect("it told one").0, room.clock.now());
}

/// Kept for those who change the wire: a message that only hubs send is dropped.
#[tokio::test]
async fn what_only_a_hub_says_is_dropped_and_counted() {
    let room = Room::new(&["a-1"]);
    let mut agent = room.agent(0).await;
    agent.greet(1, 0).await;
    let frames = BTreeMap::from([
        (1, Message::Ack(watchfire_wire::Ack { up_to: 7 })),
        (2, Message::Backfill(watchfire_wire::Backfill { request: 1, from: 1, to: 2 })),
        (3, Message::BackfillEnd(BackfillEnd { request: 1, missing: false })),
        (4, Message::Records(Records { request: 5, ..Records::default() })),
    ]);
    for (count, message) in frames {
        assert!(encode(&message).is_ok());
        agent.say(&message).await;
        assert_eq!(room.sessions.counts().strange, count);
    }
    assert!(!agent.is_over().await);
}

#[tokio::test]
async fn a_session_that_is_given_up_in_the_middle_is_no_connection_any_more() {
    let room = Room::new(&["a-1"]);
    let mut agent = room.agent(0).await;
    agent.greet(1, 0).await;
    assert!(room.fleet.snapshot(0).link.connected);
    drop(agent.session);
    settle().await;
    let link = room.fleet.snapshot(0).link;
    assert!(!link.connected && link.quality.is_none());
}

#[tokio::test]
async fn what_comes_live_during_an_answer_is_not_asked_for() {
    let room = Room::new(&["a-1"]);
    let mut agent = room.agent(0).await;
    agent.greet(1, 20).await;
    agent.tick(20, 21, 1.0).await;
    let (mut asked, mut old, mut last) = (Vec::new(), Ticks::new(), 21);
    for _ in 0..12 {
        room.pass(500).await;
        for (request, from, to) in agent.heard(asks).await {
            asked.push((from, to));
            let records = (from..=to).map(|sequence| old.record(sequence, 0.5)).collect();
            let previous = from - 1;
            agent.say(&Message::Records(Records { request, previous, records })).await;
            agent.tick(last, last + 1, 1.0).await;
            last += 1;
            agent.say(&Message::BackfillEnd(BackfillEnd { request, missing: false })).await;
        }
        agent.tick(last, last + 1, 1.0).await;
        last += 1;
    }
    assert_eq!(asked, [(1, 20)]);
}

/// Lets everybody in, and keeps which versions it was asked for.
#[derive(Default, Clone)]
struct Asked(Arc<std::sync::Mutex<Vec<(u32, u32)>>>);

impl Renewal for Asked {
    fn renew(&self, _: AgentId, _: &str, _: Moment) -> Result<String, String> {
        Err("not here".to_owned())
    }

    fn admit(&self, _: AgentId, version: Version) -> Result<(), String> {
        self.0.lock().expect("no panic").push((version.major, version.minor));
        Ok(())
    }
}

/// An agent is held to the newest version that it spoke: none may come in there with
/// which nothing can be spoken, nor by a word that is dropped.
#[tokio::test]
async fn only_the_version_of_a_hello_that_counts_is_kept() {
    let room = Room::new(&["a-1"]);
    let asked = Asked::default();
    room.sessions.set_renewal(Box::new(asked.clone()));
    let hello = |major, minor| Message::Hello(Hello { major, minor, ..Hello::default() });
    let known = watchfire_wire::PROTOCOL;
    let mut agent = room.agent(0).await;
    agent.say(&hello(known.major + 1, 0)).await;
    assert!(agent.is_over().await, "nothing can be spoken with it");
    until("its seat is free", || room.sessions.of(0).is_none().then_some(())).await;
    let mut agent = room.agent(0).await;
    agent.say(&hello(known.major, known.minor)).await;
    agent.say(&hello(known.major, known.minor + 7)).await;
    assert_eq!(room.sessions.counts().strange, 1);
    assert_eq!(*asked.0.lock().expect("no panic"), [(known.major, known.minor)]);
}

#[tokio::test]
async fn after_an_answer_others_that_wait_for_a_permit_may_have_it() {
    let room = Room::new(&["a-1"]);
    let mut agent = room.agent(0).await;
    agent.greet(1, 20).await;
    agent.tick(20, 21, 1.0).await;
    // All but one are out.
    let permits = room.sessions.0.backfills.clone();
    let others = u32::try_from(MAX_BACKFILLS - 1).expect("few");
    let others = permits.clone().try_acquire_many_owned(others).expect("nobody asks yet");
    let history = room.historian.history().expect("it has one").clone();
    let mut gather = crate::historian::Gather::new(room.key(0), RING);
    gather.push(9, Ticks::new().record(10, 0.0), room.clock.now());
    history.append(&[gather.take().expect("a record")]).expect("stored");
    let mut asked = Vec::new();
    while asked.is_empty() {
        room.pass(500).await;
        asked = agent.heard(asks).await;
    }
    assert_eq!((asked[0].1, permits.available_permits()), (11, 0));
    let end = |request| Message::BackfillEnd(BackfillEnd { request, missing: true });
    agent.say(&end(1)).await;
    assert_eq!(agent.heard(asks).await, []);
    assert_eq!(permits.available_permits(), 1, "whose tick comes first takes it");
    room.pass(1500).await;
    agent.say(&Message::Alive(Alive::default())).await;
    assert_eq!(agent.heard(asks).await, [(2, 1, 9)]);
    drop(others);
}

#[tokio::test]
async fn an_answer_is_not_given_up_for_a_standstill_of_the_hub() {
    let room = Room::new(&["a-1"]);
    let mut agent = room.agent(0).await;
    agent.greet(1, 20).await;
    agent.tick(20, 21, 1.0).await;
    let mut asked = Vec::new();
    while asked.is_empty() {
        room.pass(500).await;
        asked = agent.heard(asks).await;
    }
    let (request, from, to) = asked[0];
    let mut old = Ticks::new();
    let mut part = |from: u64, to: u64| {
        let records = (from..=to).map(|sequence| old.record(sequence, 0.5)).collect();
        Message::Records(Records { request, previous: from - 1, records })
    };
    agent.say(&part(from, from)).await;
    // It stands still for 15 s, and knows that only when its sessions have looked.
    room.hand.advance(Duration::from_secs(15));
    agent.say(&Message::Alive(Alive::default())).await;
    room.fleet.stall().timer_was_late(Duration::from_secs(15));
    for _ in 0..9 {
        room.pass(1000).await;
        agent.say(&Message::Alive(Alive::default())).await;
    }
    agent.say(&part(from + 1, to)).await;
    agent.say(&Message::BackfillEnd(BackfillEnd { request, missing: false })).await;
    for _ in 0..3 {
        room.pass(1000).await;
        agent.say(&Message::Alive(Alive::default())).await;
    }
    assert_eq!(room.coverage(0).first().map(|(_, to)| *to >= 20), Some(true));
    assert_eq!(room.sessions.counts().strange, 0);
}

#[tokio::test]
async fn what_comes_of_an_answer_that_was_given_up_is_no_misdeed() {
    let room = Room::new(&["a-1"]);
    let mut agent = room.agent(0).await;
    agent.greet(1, 20).await;
    agent.tick(20, 21, 1.0).await;
    let mut asked = Vec::new();
    for _ in 0..14 {
        room.pass(1000).await;
        agent.say(&Message::Alive(Alive::default())).await;
        asked.extend(agent.heard(asks).await);
    }
    let (request, from, _) = asked[0];
    let free = room.sessions.0.backfills.available_permits();
    assert_eq!(free, MAX_BACKFILLS, "it was given up");
    let late = Message::Records(Records {
        request,
        previous: from - 1,
        records: vec![Ticks::new().record(from, 0.5)],
    });
    agent.say(&late).await;
    agent.say(&Message::BackfillEnd(BackfillEnd { request, missing: false })).await;
    assert_eq!(room.sessions.counts().strange, 0);
    agent.say(&late).await;
    assert_eq!(room.sessions.counts().strange, 1, "it had ended");
}
