//! Pulses between a hub and agents of the tests' own.

use watchfire_model::Presence;
use watchfire_runtime::ManualClock;
use watchfire_testkit::seeded::Seeded;
use watchfire_wire::pulse::RoundTrip;

use super::*;
use crate::testing::{fleet_of, manual_clock};

struct Room {
    fleet: Arc<Fleet>,
    pulses: Pulses,
    clock: Clock,
    hand: ManualClock,
}

fn room(servers: &[&str]) -> Room {
    let (clock, hand) = manual_clock();
    let fleet = fleet_of(servers, &[], &clock);
    let pulses = Pulses::new(fleet.clone(), clock.clone(), true);
    Room { fleet, pulses, clock, hand }
}

fn key(number: u8) -> PulseKey {
    PulseKey::from_exported([number; 32])
}

fn from(port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(203, 0, 113, 1).into(), port)
}

fn datagram(key: &PulseKey, session: u64, counter: u64, flags: PulseFlags) -> Datagram {
    let body = Pulse { session, counter, flags, sent_us: 77, ..Pulse::default() }.encode();
    join(&body, &key.tag(&body))
}

fn pulse_of(datagram: &Datagram) -> Pulse {
    Pulse::decode(split(datagram).expect("whole").0).expect("a pulse")
}

#[test]
fn a_pulse_is_a_sign_of_life_and_is_answered() {
    let room = room(&["a-1", "b-1"]);
    let pulsing = room.pulses.listen(0, key(1)).expect("open");
    let sent = datagram(&key(1), pulsing.id(), 1, PulseFlags::default());
    let answer = room.pulses.take(&sent, from(4000)).expect("an echo");
    let echo = pulse_of(&answer);
    assert_eq!((echo.counter, echo.sent_us, echo.flags), (1, 77, PulseFlags::ECHO));
    let (body, tag) = split(&answer).expect("whole");
    assert!(key(1).verify(body, tag));
    let presences = || [0, 1].map(|index| room.fleet.snapshot(index).presence);
    assert_eq!(presences(), [Presence::Up, Presence::Unknown]);
}

/// Pulses of one session beside which there is no stream any more: it is over when none
/// has come for 20 s, and after an hour.
#[test]
fn pulses_without_their_stream_count_for_as_long_as_they_come() {
    let last_answer = |each: u64| {
        let room = room(&["a-1"]);
        let id = room.pulses.listen(0, key(1)).expect("open").id();
        let mut answered = None;
        for second in 1..=4000 {
            room.hand.advance(Duration::from_secs(1));
            room.pulses.due();
            if second % each == 0 {
                let orphan = datagram(&key(1), id, second, PulseFlags::ORPHAN);
                let echo = room.pulses.take(&orphan, from(4000));
                assert_eq!(
                    room.fleet.snapshot(0).last_sign == Some(room.clock.now()),
                    echo.is_some()
                );
                answered = echo.map(|_| second).or(answered);
            }
        }
        answered
    };
    assert_eq!(last_answer(50), None, "the session is over");
    assert!(last_answer(10).is_some_and(|last| (3590..3630).contains(&last)));
}

#[test]
fn a_newer_stream_a_farewell_and_a_removal_end_the_pulses_of_an_older_one() {
    let plain = PulseFlags::default();
    for what in ["nothing", "a newer stream", "one that is not heard", "a farewell", "a removal"] {
        let room = room(&["a-1", "b-1"]);
        let id = room.pulses.listen(0, key(1)).expect("open").id();
        let other = room.pulses.listen(1, key(2)).expect("open");
        assert!(room.pulses.take(&datagram(&key(2), other.id(), 1, plain), from(1)).is_some());
        let newer = room.pulses.listen(0, key(3)).expect("open");
        let ends = match what {
            "a newer stream" => {
                let first = datagram(&key(3), newer.id(), 1, plain);
                room.pulses.take(&first, from(4000)).is_some()
            }
            "a farewell" => {
                let last = datagram(&key(1), id, 1, PulseFlags::LEAVING);
                room.pulses.take(&last, from(4000)).is_some()
            }
            "a removal" => {
                room.fleet.remove(0);
                true
            }
            _ => false,
        };
        let orphan = datagram(&key(1), id, 2, PulseFlags::ORPHAN);
        assert_eq!(room.pulses.take(&orphan, from(4000)).is_none(), ends, "{what}");
    }
}

#[test]
fn a_pulse_without_its_stream_does_not_hold_the_seat() {
    let room = room(&["a-1"]);
    let pulsing = room.pulses.listen(0, key(1)).expect("open");
    let orphan = datagram(&key(1), pulsing.id(), 1, PulseFlags::ORPHAN);
    assert!(room.pulses.take(&orphan, from(4000)).is_some());
    assert_eq!(room.fleet.snapshot(0).presence, Presence::Up);
    assert_eq!(pulsing.last(), None, "the stream beside it may be dead");
}

#[test]
fn what_is_forged_replayed_or_sent_back_is_neither_a_sign_nor_answered() {
    let room = room(&["a-1", "b-1"]);
    let own = room.pulses.listen(0, key(1)).expect("open");
    let others = room.pulses.listen(1, key(2)).expect("open");
    let plain = PulseFlags::default();
    let good = datagram(&key(1), own.id(), 5, plain);
    let mut changed = good;
    changed[20] ^= 1;
    let refused = [
        ("another key", datagram(&key(2), own.id(), 5, plain)),
        ("another's session", datagram(&key(1), others.id(), 5, plain)),
        ("changed", changed),
        ("no session", datagram(&key(1), own.id() ^ 1, 5, plain)),
        ("an echo", datagram(&key(1), own.id(), 5, PulseFlags::ECHO)),
        ("noise", [0xA5; DATAGRAM_BYTES]),
    ];
    for (what, bytes) in refused {
        assert_eq!(room.pulses.take(&bytes, from(4000)), None, "{what}");
        assert_eq!(room.fleet.snapshot(0).last_sign, None, "{what}");
        assert_eq!(room.fleet.snapshot(1).last_sign, None, "{what}");
    }
    let answer = room.pulses.take(&good, from(4000)).expect("it was none of them");
    assert_eq!(room.pulses.take(&answer, from(4000)), None, "what the hub sent");
    let before = room.fleet.snapshot(0).last_sign;
    room.hand.advance(Duration::from_secs(1));
    assert_eq!(room.pulses.take(&good, from(9999)), None, "it came before");
    assert_eq!(room.fleet.snapshot(0).last_sign, before);
    let refused = room.pulses.refused();
    assert_eq!((refused.forged, refused.replayed), (3, 1), "{refused:?}");
}

#[test]
fn one_that_leaves_gives_no_sign() {
    let room = room(&["a-1"]);
    let pulsing = room.pulses.listen(0, key(1)).expect("open");
    let leaving = datagram(&key(1), pulsing.id(), 1, PulseFlags::LEAVING);
    assert!(room.pulses.take(&leaving, from(4000)).is_some(), "it is answered");
    assert_eq!(room.fleet.snapshot(0).presence, Presence::Unknown);
}

#[test]
fn the_hub_sends_two_a_second_and_four_when_none_is_answered() {
    let room = room(&["a-1"]);
    let to = from(5000);
    let pulsing = room.pulses.send(0, 9, key(1), to);
    let run = |seconds: u64, answers: bool| {
        let mut sent = 0;
        for _ in 0..seconds * 20 {
            room.hand.advance(STEP);
            for (address, bytes) in room.pulses.due() {
                assert_eq!(address, to);
                sent += 1;
                if answers {
                    let body = pulse_of(&bytes).echo().encode();
                    let echo = join(&body, &key(1).tag(&body));
                    assert_eq!(room.pulses.take(&echo, to), None, "an echo has no answer");
                }
            }
        }
        sent
    };
    assert_eq!(run(10, true), 20);
    assert_eq!(room.fleet.snapshot(0).presence, Presence::Up);
    let shown = pulsing.quality().shown(room.clock.now());
    assert_eq!((shown.fresh, shown.loss_percent), (true, Some(0.0)));
    assert_eq!(shown.rtt_ms, Some(0.0));
    let quiet = run(10, false);
    assert!((35..=37).contains(&quiet), "{quiet}");
    let shown = pulsing.quality().shown(room.clock.now());
    assert!(!shown.fresh && shown.loss_percent.is_some_and(|loss| loss > 50.0), "{shown:?}");
    room.pulses.hurry(0);
    room.pulses.hurry(0);
    let burst = room.pulses.due().len();
    assert!((4..=5).contains(&burst), "{burst}: one burst, and one that was due");
    assert!((35..=42).contains(&run(10, false)), "the pace is as before");
}

#[test]
fn pulses_of_the_hub_outlive_their_stream_until_there_is_another() {
    let room = room(&["a-1"]);
    let to = from(5000);
    let run = |seconds: u64| -> Vec<Pulse> {
        let mut sent = Vec::new();
        for _ in 0..seconds * 20 {
            room.hand.advance(STEP);
            for (_, bytes) in room.pulses.due() {
                let pulse = pulse_of(&bytes);
                let body = pulse.echo().encode();
                room.pulses.take(&join(&body, &key(1).tag(&body)), to);
                sent.push(pulse);
            }
        }
        sent
    };
    drop(room.pulses.send(0, 9, key(1), to));
    let sent = run(3590);
    assert!((7178..=7182).contains(&sent.len()), "{}", sent.len());
    assert!(sent.iter().all(|pulse| pulse.flags.contains(PulseFlags::ORPHAN)));
    assert_eq!(room.fleet.presence(0), Presence::Up);
    assert!(
        room.clock.now().since(room.fleet.snapshot(0).last_sign.expect("it was heard"))
            <= STEP * 10
    );
    run(40);
    assert_eq!(run(2), [], "another stream takes too long");
    drop(room.pulses.send(0, 10, key(1), to));
    let _pulsing = room.pulses.send(0, 11, key(1), to);
    let sent = run(2);
    assert!(sent.len() == 4 && sent.iter().all(|pulse| pulse.session == 11), "{sent:?}");
    assert!(sent.iter().all(|pulse| pulse.flags == PulseFlags::default()));
}

#[test]
fn an_agent_that_dials_tells_the_round_trip() {
    let room = room(&["a-1"]);
    let pulsing = room.pulses.listen(0, key(1)).expect("open");
    let shown = || pulsing.quality().shown(room.clock.now()).rtt_ms;
    for (counter, told_ms) in [(1, None), (2, Some(10)), (3, None), (4, Some(30))] {
        let round = told_ms.map(Duration::from_millis).map(RoundTrip::of).unwrap_or_default();
        let body = Pulse { session: pulsing.id(), counter, round, ..Pulse::default() }.encode();
        assert!(room.pulses.take(&join(&body, &key(1).tag(&body)), from(4000)).is_some());
        assert_eq!(shown().is_some(), counter > 1);
    }
    assert_eq!(shown(), Some(20.0), "the mean of two");
}

#[test]
fn an_answer_from_elsewhere_is_none() {
    let room = room(&["a-1"]);
    let _pulsing = room.pulses.send(0, 9, key(1), from(5000));
    let echo = datagram(&key(1), 9, 1, PulseFlags::ECHO);
    room.pulses.take(&echo, from(5001));
    assert_eq!(room.fleet.snapshot(0).presence, Presence::Unknown);
    room.pulses.take(&echo, from(5000));
    assert_eq!(room.fleet.snapshot(0).presence, Presence::Up);
}

/// Fault F3: thirty per cent of all datagrams are lost, each way by itself.
#[test]
fn at_thirty_percent_loss_nobody_is_called_down() {
    let room = room(&["a-1"]);
    let pulsing = room.pulses.listen(0, key(1)).expect("open");
    let mut lost = Seeded::new(7);
    let (mut counter, mut answered, mut next) = (0, room.clock.now(), room.clock.now());
    for _ in 0..10 * 3600 * 4 {
        let now = room.clock.now();
        if now.monotonic >= next.monotonic {
            counter += 1;
            let sent = datagram(&key(1), pulsing.id(), counter, PulseFlags::default());
            let echo = if lost.chance(0.3) { None } else { room.pulses.take(&sent, from(4000)) };
            if echo.is_some() && !lost.chance(0.3) {
                answered = now;
            }
            let hasty = now.since(answered) >= Duration::from_secs(2);
            next = now.after(Duration::from_millis(if hasty { 250 } else { 500 }));
        }
        room.hand.advance(Duration::from_millis(250));
        room.fleet.check(0, room.clock.now());
        assert!(!room.fleet.snapshot(0).presence.is_trouble());
    }
    let loss = pulsing.quality().shown(room.clock.now()).loss_percent.expect("it is known");
    assert!((15.0..=45.0).contains(&loss), "{loss}");
}
