use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use watchfire_runtime::datagram::Datagrams;
use watchfire_runtime::net::Net;
use watchfire_runtime::{Clock, task};
use watchfire_wire::pulse::{PulseFlags, TAG_BYTES};

use super::*;
use crate::uplink::UplinkCounters;

fn at(millis: u64) -> Moment {
    Moment::default().after(Duration::from_millis(millis))
}

fn key(byte: u8) -> PulseKey {
    PulseKey::from_exported([byte; 32])
}

/// A sender and the desk that answers it.
fn both() -> (Sender, Arc<PulseDesk>, PulseSeat) {
    let desk = Arc::<PulseDesk>::default();
    let seat = desk.seat(key(1));
    (Sender::new(seat.id(), key(1), at(0)), desk, seat)
}

#[test]
fn two_a_second_and_four_when_nothing_comes_back() {
    let (mut sender, desk, _seat) = both();
    let pulse = sender.next(PulseFlags::default(), at(0));
    assert_eq!(sender.period(at(1999)), Duration::from_millis(500));
    assert_eq!(sender.period(at(2000)), Duration::from_millis(250));
    let echo = desk.echo(&pulse, at(2000)).expect("it is valid");
    assert!(sender.hear(&echo, at(2100)));
    assert_eq!(sender.period(at(4099)), Duration::from_millis(500));
    assert_eq!(sender.period(at(4100)), Duration::from_millis(250));
}

#[test]
fn replays_forgeries_and_strangers_get_no_answer() {
    let (mut sender, desk, seat) = both();
    let pulse = sender.next(PulseFlags::default(), at(0));
    assert!(!seat.signs().get_through(at(0)));
    let echo = desk.echo(&pulse, at(10)).expect("it is valid");
    assert_eq!(desk.echo(&pulse, at(11)), None, "a replay");
    assert_eq!(desk.echo(&echo, at(11)), None, "an echo is not echoed");
    let mut forged = sender.next(PulseFlags::default(), at(500));
    for byte in 0..forged.len() {
        // The last three bytes of the head are passed over, but not by the tag.
        forged[byte] ^= 1;
        assert_eq!(desk.echo(&forged, at(501)), None, "{byte}");
        forged[byte] ^= 1;
    }
    assert!(desk.echo(&forged, at(502)).is_some(), "a forgery moves no window");
    let mut stranger = Sender::new(seat.id(), key(2), at(0));
    assert_eq!(desk.echo(&stranger.next(PulseFlags::default(), at(0)), at(503)), None);
    let mut elsewhere = Sender::new(seat.id() ^ 1, key(1), at(0));
    assert_eq!(desk.echo(&elsewhere.next(PulseFlags::default(), at(0)), at(503)), None);
    assert!(sender.hear(&echo, at(600)) && !sender.hear(&echo, at(601)), "once");
    assert!(!stranger.hear(&echo, at(600)), "another key");
    assert!(!sender.hear(&pulse, at(600)), "a pulse is no echo");
    assert!(seat.signs().get_through(at(3501)) && !seat.signs().get_through(at(3502)));
    drop(seat);
    assert_eq!(desk.echo(&sender.next(PulseFlags::default(), at(700)), at(700)), None);
}

#[test]
fn pulses_of_a_stream_that_broke_are_answered_while_they_come_and_for_an_hour() {
    let answering = |seconds: &[u64]| -> Vec<bool> {
        let (mut sender, desk, seat) = both();
        seat.outlive_stream(at(0));
        let mut answered = |millis: u64| {
            let pulse = sender.next(PulseFlags::ORPHAN, at(millis));
            desk.echo(&pulse, at(millis)).is_some_and(|echo| sender.hear(&echo, at(millis)))
        };
        seconds.iter().map(|second| answered(second * 1000)).collect()
    };
    assert_eq!(answering(&[20]), [false], "none came");
    assert_eq!(answering(&[19, 38, 57, 77, 78]), [true, true, true, false, false]);
    let all: Vec<u64> = (0..=3600).step_by(10).collect();
    let answered = answering(&all);
    assert_eq!(answered.iter().filter(|yes| **yes).count(), 360, "and not for ever");
    assert_eq!(answered.last(), Some(&false));
}

#[test]
fn a_hub_that_left_has_no_old_pulses_answered() {
    let (mut sender, desk, seat) = both();
    seat.outlive_stream(at(0));
    let mut answered = || desk.echo(&sender.next(PulseFlags::ORPHAN, at(1)), at(1)).is_some();
    assert!(answered());
    desk.forget_old();
    assert!(!answered());
}

#[test]
fn a_hub_that_dials_without_end_has_few_old_pulses_answered() {
    let desk = Arc::<PulseDesk>::default();
    let seats: Vec<_> = (0..40).map(|_| desk.seat(key(1))).collect();
    let mut senders: Vec<_> =
        seats.iter().map(|seat| Sender::new(seat.id(), key(1), at(0))).collect();
    seats.into_iter().for_each(|seat| seat.outlive_stream(at(0)));
    let live = desk.seat(key(1));
    senders.push(Sender::new(live.id(), key(1), at(0)));
    let answered = |sender: &mut Sender| {
        desk.echo(&sender.next(PulseFlags::default(), at(1)), at(1)).is_some()
    };
    let answered: Vec<bool> = senders.iter_mut().map(answered).collect();
    assert_eq!(answered.iter().filter(|yes| **yes).count(), 33);
    assert!(answered[40] && !answered[7] && answered[8], "the oldest make room, the live one not");
}

#[test]
fn an_echo_of_what_was_never_sent_is_refused() {
    let (mut sender, ..) = both();
    let mut other = Sender::new(sender_session(&mut sender), key(1), at(0));
    for _ in 0..7 {
        let _skipped = other.next(PulseFlags::default(), at(0));
    }
    let ahead = claimed(&other.next(PulseFlags::default(), at(0))).expect("a pulse");
    assert!(!sender.hear(&sealed(&ahead.echo(), &key(1)), at(1)));
}

fn sender_session(sender: &mut Sender) -> u64 {
    claimed(&sender.next(PulseFlags::default(), at(0))).expect("a pulse").session
}

#[test]
fn no_datagram_panics() {
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;
    let (sender, desk, _seat) = both();
    let sender = std::cell::RefCell::new(sender);
    let bytes = proptest::array::uniform32(any::<u8>());
    let tag = proptest::array::uniform16(any::<u8>());
    let any_datagram =
        (bytes, tag).prop_map(|(body, tag): ([u8; 32], [u8; TAG_BYTES])| join(&body, &tag));
    TestRunner::default()
        .run(&any_datagram, |datagram| {
            prop_assert!(desk.echo(&datagram, at(0)).is_none());
            prop_assert!(!sender.borrow_mut().hear(&datagram, at(0)));
            Ok(())
        })
        .expect("none is valid");
}

#[tokio::test]
async fn pulses_go_over_sockets_and_the_last_one_says_so() {
    let socket = Datagrams::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
    let to: SocketAddr = socket.local_addr().expect("an address");
    let (clock, hand) = Clock::manual(at(0));
    let desk = Arc::<PulseDesk>::default();
    let seat = desk.seat(key(1));
    let sender = Sender::new(seat.id(), key(1), at(0));
    let counters = Arc::<UplinkCounters>::default();
    let pulses = Pulses::begin(sender, to, (&clock, &Net::system()), Arc::clone(&counters))
        .expect("a socket");
    let (first, _) = socket.recv::<DATAGRAM_BYTES>().await;
    assert_eq!(claimed(&first).map(|pulse| pulse.counter), Some(1));
    hand.advance(Duration::from_millis(500));
    let (second, from) = socket.recv::<DATAGRAM_BYTES>().await;
    assert_eq!(claimed(&second).map(|pulse| pulse.counter), Some(2));
    assert!(!pulses.signs().get_through(clock.now()));
    socket.send(&desk.echo(&second, clock.now()).expect("it is valid"), from);
    while !pulses.signs().get_through(clock.now()) {
        tokio::task::yield_now().await;
    }
    pulses.leave(clock.now());
    let (last, _) = socket.recv::<DATAGRAM_BYTES>().await;
    assert!(claimed(&last).is_some_and(|pulse| pulse.flags.contains(PulseFlags::LEAVING)));
    assert_eq!((counters.pulses_sent.get(), counters.echoes.get()), (2, 1));

    let answering = task::spawn("desk", Arc::clone(&desk).answer(socket, clock.clone()));
    let other = Datagrams::towards(to).expect("a port");
    let mut sender = Sender::new(seat.id(), key(1), at(0));
    for _ in 0..20 {
        let _skipped = sender.next(PulseFlags::default(), at(0));
    }
    other.send(&sender.next(PulseFlags::default(), clock.now()), to);
    let (echo, _) = other.recv::<DATAGRAM_BYTES>().await;
    assert!(sender.hear(&echo, clock.now()));
    drop(answering);
}
