use proptest::prelude::*;
use watchfire_model::{Content, IncidentId};

use super::*;

type Lane = Vec<(Notification, Vec<Delivery>)>;

const A: &str = "mailto:ada@example.org";
const B: &str = "ntfy:b";

/// The next step while no channel rests.
fn next_step(lane: &[(Notification, Vec<Delivery>)], now: Moment, jitter: f64) -> Step {
    super::next_step(lane, now, jitter, |_, _| None)
}

fn at(seconds: f64) -> Moment {
    let start = Moment { monotonic: Duration::from_secs(1000), unix_ms: 1_700_000_000_000 };
    start.after(Duration::from_secs_f64(seconds))
}

fn note(id: i64, incident: i64, kind: NotificationKind, channels: &[&str]) -> Notification {
    Notification {
        id: NotificationId(id),
        incident: Some(IncidentId(incident)),
        thread: None,
        user: "ada".to_owned(),
        kind,
        channels: channels.iter().map(|url| Channel::new(url)).collect(),
        content: Content::default(),
        content_if_first: None,
        not_before_ms: None,
        message_id: format!("{id}@hub"),
        references: Vec::new(),
        created: at(0.0),
        state: NotificationState::Pending,
    }
}

fn down(id: i64) -> Notification {
    note(id, 1, NotificationKind::Down, &[A])
}

fn recovered(id: i64) -> Notification {
    Notification {
        references: vec!["1@hub".to_owned()],
        ..note(id, 1, NotificationKind::Recovered, &[A])
    }
}

fn retry(maybe_accepted: bool) -> DeliveryOutcome {
    DeliveryOutcome::Retry { why: String::new(), maybe_accepted }
}

fn refused() -> DeliveryOutcome {
    DeliveryOutcome::Refused { why: String::new() }
}

fn tried(id: i64, channel: &str, attempt: u32, ended: f64, outcome: DeliveryOutcome) -> Delivery {
    Delivery {
        notification: NotificationId(id),
        channel: Channel::new(channel),
        attempt,
        began: at(ended),
        ended: (outcome != DeliveryOutcome::Unknown).then(|| at(ended)),
        outcome,
    }
}

fn send(id: i64, channel: &str, first: bool, merges: &[i64]) -> Step {
    Step::Send {
        notification: NotificationId(id),
        channel: Channel::new(channel),
        first,
        merges: merges.iter().copied().map(NotificationId).collect(),
    }
}

fn wait(seconds: f64) -> Step {
    Step::Wait { until: at(seconds) }
}

#[test]
fn what_can_wait_waits_for_its_user_to_be_awake() {
    let asleep = |until_s: f64, one: Notification| Notification {
        not_before_ms: Some(at(until_s).unix_ms),
        ..one
    };
    let lane = vec![(asleep(600.0, down(1)), vec![])];
    assert_eq!(next_step(&lane, at(0.0), 0.5), wait(600.0));
    assert_eq!(next_step(&lane, at(599.0), 0.5), wait(600.0));
    assert_eq!(next_step(&lane, at(600.0), 0.5), send(1, A, true, &[]));
    // A long night is looked at again, and a clock that was set back does not make it longer.
    let long = vec![(asleep(8.0 * 3600.0, down(1)), vec![])];
    assert_eq!(next_step(&long, at(0.0), 0.5), wait(3600.0));
    let set_back = Moment { unix_ms: at(0.0).unix_ms - 7_200_000, ..at(600.0) };
    assert_eq!(next_step(&lane, set_back, 0.5), send(1, A, true, &[]));
    // Its end came in the night as well: both are one word in the morning.
    let lane = vec![(asleep(600.0, down(1)), vec![]), (asleep(600.0, recovered(2)), vec![])];
    assert_eq!(next_step(&lane, at(100.0), 0.5), wait(600.0));
    assert_eq!(next_step(&lane, at(600.0), 0.5), send(2, A, true, &[1]));
    // It came when the user was awake: it is told at once.
    let lane = vec![(asleep(600.0, down(1)), vec![]), (recovered(2), vec![])];
    assert_eq!(next_step(&lane, at(100.0), 0.5), send(2, A, true, &[1]));
}

#[test]
fn the_time_in_which_it_slept_makes_no_letter_old() {
    let awake = 62.0 * 3600.0;
    let slept = Notification { not_before_ms: Some(at(awake).unix_ms), ..down(1) };
    let tries: Vec<Delivery> =
        (1..=60).map(|n| tried(1, A, n, awake + f64::from(n), retry(false))).collect();
    let lane = vec![(slept, tries)];
    assert!(matches!(next_step(&lane, at(awake + 3600.0), 0.0), Step::Send { .. }));
    let day_later = at(awake + 25.0 * 3600.0);
    assert_eq!(next_step(&lane, day_later, 0.0), Step::Dead(NotificationId(1)));
}

#[test]
fn an_end_that_can_wait_holds_back_no_trouble_that_is_due() {
    let sleeps = Notification { not_before_ms: Some(at(600.0).unix_ms), ..recovered(2) };
    let lane = vec![(down(1), vec![tried(1, A, 1, 0.0, retry(false))]), (sleeps, vec![])];
    assert_eq!(next_step(&lane, at(2.0), 0.0), send(1, A, true, &[]));
}

#[test]
fn the_head_goes_first_and_at_once() {
    let lane = vec![(down(1), vec![]), (note(2, 2, NotificationKind::Down, &[A]), vec![])];
    assert_eq!(next_step(&lane, at(0.0), 0.5), send(1, A, true, &[]));
    assert_eq!(next_step(&[], at(0.0), 0.5), Step::Empty);
    let done = Notification { state: NotificationState::Delivered, ..down(1) };
    assert_eq!(next_step(&[(done, vec![])], at(0.0), 0.5), Step::Empty);
}

#[test]
fn pauses_double_up_to_a_minute_and_jitter_shortens_them() {
    let mut tries = Vec::new();
    for (n, pause) in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0].into_iter().enumerate() {
        let attempt = u32::try_from(n).unwrap() + 1;
        tries.push(tried(1, A, attempt, 100.0, retry(false)));
        let lane = vec![(down(1), tries.clone())];
        assert_eq!(next_step(&lane, at(100.0), 0.0), wait(100.0 + pause), "after {attempt}");
        assert_eq!(next_step(&lane, at(100.0), 1.0), wait(100.0 + 0.75 * pause));
        assert_eq!(next_step(&lane, at(100.0 + pause), 0.0), send(1, A, true, &[]));
    }
}

#[test]
fn the_pause_counts_from_the_beginning_of_a_try_that_hung() {
    let hung = |attempt: u32, began: f64| Delivery {
        began: at(began),
        ..tried(1, A, attempt, began + 30.0, retry(true))
    };
    let mut lane = vec![(down(1), vec![hung(1, 0.0)])];
    // Longer in flight than the pause: only the shortest one is left.
    assert_eq!(next_step(&lane, at(30.0), 0.0), wait(31.0));
    assert_eq!(next_step(&lane, at(31.0), 0.0), send(1, A, true, &[]));
    lane[0].1.extend((2..=7).map(|n| hung(n, 100.0)));
    assert_eq!(next_step(&lane, at(130.0), 0.0), wait(160.0));
    assert_eq!(next_step(&lane, at(160.0), 0.0), send(1, A, true, &[]));
}

#[test]
fn what_was_accepted_just_before_a_crash_is_not_sent_again() {
    // The acceptance was stored and the mark was not.
    let accepted = || tried(1, A, 1, 0.0, DeliveryOutcome::Accepted { reply: String::new() });
    let lane = vec![(down(1), vec![accepted()])];
    assert_eq!(next_step(&lane, at(100.0), 0.0), Step::Empty);
    // What follows it goes out, and knows that the trouble was told.
    let lane = vec![(down(1), vec![accepted()]), (recovered(2), vec![])];
    assert_eq!(next_step(&lane, at(100.0), 0.0), send(2, A, false, &[]));
}

#[test]
fn a_refusal_moves_to_the_next_channel_at_once_and_the_last_one_kills() {
    let both = || note(1, 1, NotificationKind::Down, &[A, B]);
    let mut tries = vec![tried(1, A, 1, 0.0, refused())];
    assert_eq!(next_step(&[(both(), tries.clone())], at(0.0), 0.0), send(1, B, true, &[]));
    tries.push(tried(1, B, 2, 0.0, refused()));
    assert_eq!(next_step(&[(both(), tries)], at(0.0), 0.0), Step::Dead(NotificationId(1)));
    let nobody = note(1, 1, NotificationKind::Down, &[]);
    assert_eq!(next_step(&[(nobody, vec![])], at(0.0), 0.0), Step::Dead(NotificationId(1)));
}

#[test]
fn after_thirty_seconds_the_next_channel_is_tried_too_and_they_take_turns() {
    let both = || note(1, 1, NotificationKind::Down, &[A, B]);
    let mut tries: Vec<Delivery> = [0.0, 1.0, 3.0, 7.0, 15.0]
        .into_iter()
        .zip(1..)
        .map(|(end, n)| tried(1, A, n, end, retry(false)))
        .collect();
    let step = |tries: &[Delivery], now| next_step(&[(both(), tries.to_vec())], at(now), 0.0);
    assert_eq!(step(&tries, 15.0), wait(30.0));
    assert_eq!(step(&tries, 30.0), send(1, B, true, &[]));
    tries.push(tried(1, B, 6, 30.0, retry(false)));
    assert_eq!(step(&tries, 30.0), wait(31.0));
    assert_eq!(step(&tries, 30.9), wait(31.0));
    // Both are due: the preferred one first, then the other.
    assert_eq!(step(&tries, 40.0), send(1, A, true, &[]));
    tries.push(tried(1, A, 7, 40.0, retry(false)));
    assert_eq!(step(&tries, 40.0), send(1, B, true, &[]));
}

#[test]
fn while_a_channel_rests_the_next_one_has_its_turn_at_once() {
    let c = "ntfy:c";
    let all = || note(1, 1, NotificationKind::Down, &[A, B, c]);
    let step = |tries: &[Delivery], now: f64, resting: &[(&str, f64)]| {
        super::next_step(&[(all(), tries.to_vec())], at(now), 0.0, |_, channel| {
            let until = resting.iter().find(|(url, _)| *url == channel.as_str())?.1;
            (until > now).then(|| Duration::from_secs_f64(until - now))
        })
    };
    let turned_away = [tried(1, A, 1, 0.0, retry(false))];
    assert_eq!(step(&turned_away, 0.0, &[(A, 10.0)]), send(1, B, true, &[]));
    assert_eq!(step(&turned_away, 0.0, &[]), wait(1.0), "no rest, no other channel");
    // It rests since before this one came: it has no try of it.
    assert_eq!(step(&[], 0.0, &[(A, 10.0)]), send(1, B, true, &[]));
    assert_eq!(step(&[], 0.0, &[(A, 10.0), (B, 600.0)]), send(1, c, true, &[]));
    assert_eq!(step(&[], 0.0, &[(A, 10.0), (B, 600.0), (c, 5.0)]), wait(5.0));
    assert_eq!(step(&[], 5.0, &[(A, 10.0), (B, 600.0), (c, 5.0)]), send(1, c, true, &[]));
    // The second one failed as well: the third waits for its 30 s, the first for the end of its rest.
    let both = [turned_away[0].clone(), tried(1, B, 2, 0.0, retry(false))];
    assert_eq!(step(&both, 0.5, &[(A, 10.0)]), wait(1.0));
    assert_eq!(step(&both, 12.0, &[(A, 10.0)]), send(1, A, true, &[]));
    assert_eq!(step(&both, 30.0, &[(A, 600.0), (B, 600.0)]), send(1, c, true, &[]));
}

#[test]
fn a_text_message_that_may_have_come_three_times_is_not_sent_a_fourth() {
    let text = "twilio://ACxx:t@+14155550100/+4917012345678";
    let doubtful = |channel: &str, count: u32| -> Vec<Delivery> {
        (1..=count).map(|n| tried(1, channel, n, f64::from(n), retry(true))).collect()
    };
    let step = |channels: &[&str], tries: Vec<Delivery>| {
        next_step(&[(note(1, 1, NotificationKind::Down, channels), tries)], at(3600.0), 0.0)
    };
    assert_eq!(step(&[text, A], doubtful(text, 2)), send(1, text, true, &[]));
    assert_eq!(step(&[text, A], doubtful(text, 3)), send(1, A, true, &[]));
    assert_eq!(step(&[text], doubtful(text, 3)), Step::Dead(NotificationId(1)));
    // A mail costs nothing, and what surely did not come counts for nothing.
    assert_eq!(step(&[A], doubtful(A, 9)), send(1, A, true, &[]));
    let unsent = (1..=9).map(|n| tried(1, text, n, f64::from(n), retry(false))).collect();
    assert_eq!(step(&[text], unsent), send(1, text, true, &[]));
}

#[test]
fn a_try_in_which_the_hub_died_is_made_again_after_a_pause() {
    let lane = vec![(down(1), vec![tried(1, A, 1, 0.0, DeliveryOutcome::Unknown)])];
    assert_eq!(next_step(&lane, at(0.2), 0.0), wait(1.0));
    assert_eq!(next_step(&lane, at(1.0), 0.0), send(1, A, true, &[]));
}

#[test]
fn a_recovery_takes_the_place_of_trouble_that_was_never_told() {
    let changed = note(2, 1, NotificationKind::Changed, &[A]);
    let other = note(3, 9, NotificationKind::Down, &[A]);
    let failed = vec![tried(1, A, 1, 0.0, retry(false))];
    let mut lane =
        vec![(down(1), failed), (changed, vec![]), (other, vec![]), (recovered(4), vec![])];
    assert_eq!(next_step(&lane, at(0.0), 0.0), send(4, A, true, &[1, 2]));
    // It stays so when the recovery itself may have been accepted.
    lane[3].1.push(tried(4, A, 1, 0.0, retry(true)));
    assert_eq!(next_step(&lane, at(1.0), 0.0), send(4, A, true, &[1, 2]));
    // Once it is accepted, the next incident follows.
    lane[3].0.state = NotificationState::Delivered;
    lane[0].0.state = NotificationState::Merged;
    lane[1].0.state = NotificationState::Merged;
    assert_eq!(next_step(&lane, at(1.0), 0.0), send(3, A, true, &[]));
}

#[test]
fn trouble_that_was_told_or_may_have_been_keeps_its_place() {
    for outcome in [retry(true), DeliveryOutcome::Unknown] {
        let lane = vec![(down(1), vec![tried(1, A, 1, 0.0, outcome)]), (recovered(2), vec![])];
        assert_eq!(next_step(&lane, at(1.0), 0.0), send(1, A, true, &[]));
    }
    let delivered = Notification { state: NotificationState::Delivered, ..down(1) };
    let changed = note(2, 1, NotificationKind::Changed, &[A]);
    let lane = vec![(delivered, vec![]), (changed, vec![]), (recovered(3), vec![])];
    assert_eq!(next_step(&lane, at(1.0), 0.0), send(2, A, false, &[]));
    // An earlier one that is only named counts as sent.
    assert_eq!(next_step(&[(recovered(3), vec![])], at(1.0), 0.0), send(3, A, false, &[]));
}

#[test]
fn a_recovery_after_dead_trouble_is_the_first_word() {
    let dead = Notification { state: NotificationState::Dead, ..down(1) };
    let lane = vec![(dead, vec![tried(1, A, 1, 0.0, refused())]), (recovered(2), vec![])];
    assert_eq!(next_step(&lane, at(1.0), 0.0), send(2, A, true, &[]));
}

#[test]
fn when_nobody_takes_the_recovery_the_trouble_dies_before_it() {
    let mut lane = vec![(down(1), vec![]), (recovered(2), vec![tried(2, A, 1, 0.0, refused())])];
    assert_eq!(next_step(&lane, at(1.0), 0.0), Step::Dead(NotificationId(1)));
    lane[0].0.state = NotificationState::Dead;
    assert_eq!(next_step(&lane, at(1.0), 0.0), Step::Dead(NotificationId(2)));
}

#[test]
fn pauses_outlive_a_reboot() {
    let tries: Vec<Delivery> = (1..=7).map(|n| tried(1, A, n, 100.0, retry(false))).collect();
    let lane = vec![(down(1), tries)];
    let rebooted =
        |unix_s: f64| Moment { monotonic: Duration::from_secs(5), unix_ms: at(unix_s).unix_ms };
    let left = next_step(&lane, rebooted(140.0), 0.0);
    assert_eq!(left, Step::Wait { until: rebooted(140.0).after(Duration::from_secs(20)) });
    assert_eq!(next_step(&lane, rebooted(160.0), 0.0), send(1, A, true, &[]));
    // A wall clock that stands before the last try tells nothing: try at once.
    assert_eq!(next_step(&lane, rebooted(50.0), 0.0), send(1, A, true, &[]));
}

#[test]
fn giving_up_takes_a_day_and_many_tries() {
    let day = GIVE_UP_AFTER.as_secs_f64();
    let lane = |tries: u32| {
        vec![(
            down(1),
            (1..=tries).map(|n| tried(1, A, n, 100.0, retry(false))).collect::<Vec<_>>(),
        )]
    };
    assert_eq!(next_step(&lane(LEAST_TRIES), at(day), 0.0), Step::Dead(NotificationId(1)));
    assert_eq!(next_step(&lane(LEAST_TRIES), at(day - 1.0), 0.0), send(1, A, true, &[]));
    assert_eq!(next_step(&lane(LEAST_TRIES - 1), at(day), 0.0), send(1, A, true, &[]));
    assert_eq!(next_step(&lane(0), at(3.0 * day), 0.0), send(1, A, true, &[]));
}

/// Carries steps out as the hub does, with outcomes from a script.
struct Hub {
    lane: Lane,
    now: Moment,
}

impl Hub {
    fn entry(&mut self, id: NotificationId) -> &mut (Notification, Vec<Delivery>) {
        self.lane.iter_mut().find(|(n, _)| n.id == id).expect("steps name what is in the lane")
    }

    fn carry_out(
        &mut self,
        id: NotificationId,
        channel: Channel,
        merges: &[NotificationId],
        outcome: DeliveryOutcome,
    ) {
        let began = self.now;
        self.now = self.now.after(Duration::from_millis(300));
        let ended = (outcome != DeliveryOutcome::Unknown).then_some(self.now);
        let accepted = matches!(outcome, DeliveryOutcome::Accepted { .. });
        let (notification, tries) = self.entry(id);
        let attempt = u32::try_from(tries.len()).unwrap() + 1;
        tries.push(Delivery { notification: id, channel, attempt, began, ended, outcome });
        if accepted {
            notification.state = NotificationState::Delivered;
            for merged in merges {
                self.entry(*merged).0.state = NotificationState::Merged;
            }
        }
    }

    fn check_send(
        &self,
        id: NotificationId,
        channel: &Channel,
        first: bool,
        merges: &[NotificationId],
    ) {
        let at = self.lane.iter().position(|(n, _)| n.id == id).unwrap();
        let (notification, tries) = &self.lane[at];
        assert_eq!(notification.state, NotificationState::Pending);
        assert!(notification.channels.contains(channel));
        let refused = |t: &&Delivery| matches!(t.outcome, DeliveryOutcome::Refused { .. });
        assert!(!tries.iter().filter(refused).any(|t| t.channel == *channel));
        let head = self.lane.iter().find(|(n, _)| n.state == NotificationState::Pending).unwrap();
        assert!(head.0.id == id || merges.contains(&head.0.id), "something overtook the head");
        let same = |(n, _): &&(Notification, Vec<Delivery>)| n.incident == notification.incident;
        for earlier in self.lane[..at].iter().filter(same) {
            let merged = merges.contains(&earlier.0.id);
            assert!(merged || earlier.0.state != NotificationState::Pending, "out of order");
            assert!(!(first && told(earlier)), "called first and is not");
        }
        for merged in merges {
            let entry = self.lane.iter().find(|(n, _)| n.id == *merged).unwrap();
            assert!(!told(entry) && entry.0.incident == notification.incident);
            assert_eq!(notification.kind, NotificationKind::Recovered);
        }
    }
}

fn outcome() -> impl Strategy<Value = DeliveryOutcome> {
    prop_oneof![
        3 => Just(retry(false)),
        1 => Just(retry(true)),
        1 => Just(DeliveryOutcome::Unknown),
        1 => Just(refused()),
        2 => Just(DeliveryOutcome::Accepted { reply: "250".to_owned() }),
    ]
}

/// Incidents of one user, interleaved, each with its kinds in a real order.
fn lane() -> impl Strategy<Value = Lane> {
    let kind = prop_oneof![Just(NotificationKind::Changed), Just(NotificationKind::Recovered)];
    let entry = (0..3_i64, kind, 1..=2_usize);
    prop::collection::vec(entry, 0..10).prop_map(|entries| {
        let mut seen = [false; 3];
        let mut lane = Lane::new();
        for ((incident, kind, channels), id) in entries.into_iter().zip(1..) {
            let slot = &mut seen[usize::try_from(incident).unwrap()];
            let kind = if std::mem::replace(slot, true) { kind } else { NotificationKind::Down };
            lane.push((note(id, incident, kind, &[A, B][..channels]), Vec::new()));
        }
        lane
    })
}

proptest! {
    #[test]
    fn every_lane_comes_to_its_end_in_order_and_nothing_is_accepted_twice(
        lane in lane(),
        pauses in prop::collection::vec(0..6_u8, 10),
        outcomes in prop::collection::vec(outcome(), 0..40),
        jitter in 0.0..1.0_f64,
    ) {
        // Notifications come while the lane is at work, some steps apart.
        let mut coming = lane.into_iter().zip(pauses).peekable();
        let mut until_next = 0;
        let mut hub = Hub { lane: Lane::new(), now: at(0.0) };
        let mut outcomes = outcomes.into_iter();
        let mut steps = 0;
        loop {
            steps += 1;
            prop_assert!(steps < 1000, "no end in sight");
            if until_next == 0 && let Some((entry, pause)) = coming.next() {
                hub.lane.push(entry);
                until_next = pause;
                continue;
            }
            until_next = until_next.saturating_sub(1);
            match next_step(&hub.lane, hub.now, jitter) {
                Step::Empty if coming.peek().is_some() => {}
                Step::Empty => break,
                Step::Wait { until } => {
                    prop_assert!(until > hub.now);
                    prop_assert!(until.since(hub.now) <= Duration::from_secs(60));
                    hub.now = until;
                }
                Step::Dead(id) => {
                    let (notification, _) = hub.entry(id);
                    prop_assert_eq!(notification.state, NotificationState::Pending);
                    notification.state = NotificationState::Dead;
                }
                Step::Send { notification, channel, first, merges } => {
                    hub.check_send(notification, &channel, first, &merges);
                    let accepted = DeliveryOutcome::Accepted { reply: String::new() };
                    let outcome = outcomes.next().unwrap_or(accepted);
                    hub.carry_out(notification, channel, &merges, outcome);
                }
            }
        }
        for (notification, tries) in &hub.lane {
            let accepted = tries.iter().filter(|t| matches!(t.outcome, DeliveryOutcome::Accepted { .. })).count();
            prop_assert_eq!(accepted, usize::from(notification.state == NotificationState::Delivered));
            prop_assert_ne!(notification.state, NotificationState::Pending);
        }
    }
}

#[test]
fn the_end_of_the_hubs_cut_takes_the_place_of_its_beginning_that_was_never_told() {
    let of_hub = |id: i64, kind, references: &[&str]| Notification {
        incident: None,
        thread: Some(NotificationId(1)),
        references: references.iter().map(|id| (*id).to_owned()).collect(),
        ..note(id, 0, kind, &[A])
    };
    let cut = || of_hub(1, NotificationKind::CutOff, &[]);
    let back = || of_hub(2, NotificationKind::HubBack, &["1@hub"]);
    let failed = tried(1, A, 1, 0.0, retry(false));
    let lane = vec![(cut(), vec![failed]), (back(), vec![])];
    assert_eq!(next_step(&lane, at(0.0), 0.0), send(2, A, true, &[1]));
    let lane = vec![(cut(), vec![tried(1, A, 1, 0.0, retry(true))]), (back(), vec![])];
    assert_eq!(next_step(&lane, at(9.0), 0.0), send(1, A, true, &[]));
}

#[test]
fn what_follows_a_letter_about_many_waits_for_it_and_knows_that_it_was_told() {
    let group =
        |state| Notification { incident: None, thread: Some(NotificationId(1)), state, ..down(1) };
    let follows = || Notification { thread: Some(NotificationId(1)), ..recovered(2) };
    let lane = |state| vec![(group(state), vec![]), (follows(), vec![])];
    let step = |state| next_step(&lane(state), at(0.0), 0.0);
    assert_eq!(step(NotificationState::Pending), send(1, A, true, &[]), "no other takes its place");
    assert_eq!(step(NotificationState::Delivered), send(2, A, false, &[]));
    assert_eq!(step(NotificationState::Dead), send(2, A, true, &[]), "nobody was told");
}
