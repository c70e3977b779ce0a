//! Which way news go, when they wait, and what nobody is told of.

use watchfire_alert::told::{Awake, Hours, Maintenance, Way, Window};
use watchfire_model::{Channel, Selector, Severity, TimelineKind};

use super::*;
use crate::muting::{Muting, Standing};

/// When tests begin, in milliseconds since 1970: it is 22:13:20 in the evening.
const EVENING: i64 = 1_700_000_000_000;
const MINUTE: i64 = 60_000;
/// 08:00 of the next morning.
const MORNING: i64 = 1_700_035_200_000;

fn everything() -> [(&'static str, Scope); 1] {
    [("ann", Scope::everything())]
}

fn hours(text: &str) -> Option<Hours> {
    Some(Hours::parse(text).expect("good hours"))
}

fn channels(urls: &[&str]) -> Vec<Channel> {
    urls.iter().map(|url| Channel::new(url)).collect()
}

/// A room in which ann works from eight to six, and is called at night for what is critical.
fn night(servers: &[&str]) -> Room {
    let mut room = Room::new(servers, &everything());
    let desk = Arc::get_mut(&mut room.desk).expect("nobody else has it");
    let ann = &mut desk.letters.recipients[0];
    ann.awake = Awake { working: hours("08:00-18:00"), ..Awake::default() };
    let (severity, channels) = (Severity::Critical, channels(&["sms:1"]));
    ann.ways = vec![Way { scope: None, severity, during: hours("18:00-08:00"), channels }];
    room
}

fn works_on(room: &mut Room, minutes: (i64, i64)) {
    let selector = watchfire_model::Selector::parse("*").expect("all");
    let maintenance = Maintenance {
        name: "disks".to_owned(),
        scope: Scope::new(vec![selector]),
        window: Window::Once(EVENING + minutes.0 * MINUTE, EVENING + minutes.1 * MINUTE),
    };
    let desk = Arc::get_mut(&mut room.desk).expect("nobody else has it");
    desk.letters.muting = Arc::new(Muting::new(vec![maintenance]));
}

#[test]
fn what_is_critical_goes_the_way_for_it_and_its_end_goes_there_too() {
    let room = night(&["a-1"]);
    room.record(&[down("a-1", 5000)]);
    // It comes back by day, when another way fits.
    let ten_hours = 10 * 3_600_000;
    room.hand.advance(Duration::from_millis(ten_hours));
    room.record(&[back("a-1", ten_hours)]);
    let told = room.told("ann");
    assert_eq!(room.kinds("ann"), [NotificationKind::Down, NotificationKind::Recovered]);
    for letter in told {
        assert_eq!((letter.channels, letter.not_before_ms), (channels(&["sms:1"]), None));
    }
}

#[test]
fn what_follows_goes_where_the_letter_went_and_not_where_its_copy_did() {
    let room = night(&["a-1"]);
    room.record(&[down("a-1", 5000)]);
    let letter = room.told("ann").remove(0);
    let copy = crate::courier::owed::copy(&letter, &Channel::new("pagerduty://abc"));
    room.store.write(|batch| batch.enqueue(&copy)).expect("the store works");
    room.record(&[back("a-1", 65_000)]);
    let told = room.told("ann");
    let end = told.iter().find(|one| one.kind == NotificationKind::Recovered).expect("it is told");
    assert_eq!((&end.channels, &end.references), (&letter.channels, &vec![letter.message_id]));
}

#[test]
fn what_can_wait_waits_for_the_morning_and_has_no_try_before() {
    let room = night(&["a-minor"]);
    room.record(&[down("a-minor", 5000)]);
    room.record(&[back("a-minor", 65_000)]);
    let told = room.told("ann");
    assert_eq!(told.len(), 2);
    for letter in told {
        assert_eq!(letter.channels, channels(&["terminal:"]));
        assert_eq!(letter.not_before_ms, Some(MORNING));
        assert_eq!(room.store.deliveries_of(letter.id).expect("readable"), []);
    }
}

#[test]
fn what_goes_different_ways_is_not_one_letter() {
    let room = night(&["a-1", "a-2", "a-minor"]);
    room.record(&[down("a-1", 5000), down("a-2", 5000), down("a-minor", 5000)]);
    let pending = pending(&room);
    let ways: Vec<_> = pending.iter().map(|one| (&*one.channels, one.not_before_ms)).collect();
    let (sms, terminal) = (channels(&["sms:1"]), channels(&["terminal:"]));
    assert_eq!(ways.len(), 2, "the two that are critical are one letter: {ways:?}");
    assert!(ways.contains(&(&*sms, None)) && ways.contains(&(&*terminal, Some(MORNING))));
}

/// What is to be sent, whatever it is about.
fn pending(room: &Room) -> Vec<Notification> {
    let lanes = room.store.lanes().expect("readable");
    let letters = lanes.iter().flat_map(|lane| room.store.lane(&lane.key).expect("readable"));
    let pending = letters.map(|(letter, _)| letter);
    pending.filter(|letter| letter.state == NotificationState::Pending).collect()
}

#[test]
fn trouble_in_maintenance_is_told_when_that_ends_and_it_goes_on() {
    let mut room = Room::new(&["a-1", "a-2"], &everything());
    works_on(&mut room, (0, 10));
    room.record(&[down("a-1", 5000), down("a-2", 5000)]);
    room.record(&[back("a-2", 65_000)]);
    assert_eq!(room.told("ann"), []);
    let line = |incident: &Incident| {
        let timeline = room.store.timeline(incident.id).expect("readable");
        timeline.into_iter().filter(|line| line.kind == TimelineKind::Muted).count()
    };
    assert_eq!(room.incidents().iter().map(line).collect::<Vec<_>>(), [1, 1]);
    room.advance(9 * 60_000);
    assert_eq!(room.told("ann"), []);
    assert!(room.next().is_some_and(|next| next <= moment(10 * 60_000)), "{:?}", room.next());
    room.advance(60_000);
    assert_eq!(room.kinds("ann"), [NotificationKind::Down]);
    assert_eq!(room.incidents().iter().map(line).collect::<Vec<_>>(), [1, 1]);
    room.record(&[back("a-1", 11 * 60_000)]);
    assert_eq!(room.kinds("ann"), [NotificationKind::Down, NotificationKind::Recovered]);
}

#[test]
fn trouble_that_is_silenced_is_told_as_soon_as_the_silence_ends() {
    let room = Room::new(&["a-1", "b-1"], &everything());
    let silence = watchfire_alert::told::Silence {
        matchers: Selector::parse("team=\"a\"").expect("good").matchers().to_vec(),
        from_ms: EVENING,
        to_ms: EVENING + 60 * MINUTE,
        author: "ada".to_owned(),
        comment: "disks".to_owned(),
    };
    let silence = Standing::new("1".to_owned(), silence, Scope::everything(), moment(0));
    room.desk.letters.muting.hold(vec![Arc::new(silence)]);
    room.record(&[down("a-1", 5000), down("b-1", 5000)]);
    let of_a = |room: &Room| {
        let incidents = room.incidents();
        let a = incidents.iter().find(|one| one.server.as_str() == "a-1").expect("it is open").id;
        let told = room.store.notifications_of(a).expect("readable").len();
        let timeline = room.store.timeline(a).expect("readable");
        let muted = timeline.into_iter().filter(|line| line.kind == TimelineKind::Muted);
        (told, muted.map(|line| line.text).collect::<Vec<_>>())
    };
    let line = vec!["told to nobody: silence of ada: \"disks\"".to_owned()];
    assert_eq!(of_a(&room), (0, line.clone()));
    room.desk.look_at_muted().expect("the store works");
    assert_eq!(of_a(&room), (0, line.clone()), "the silence stands");
    room.desk.letters.muting.hold(Vec::new());
    room.desk.look_at_muted().expect("the store works");
    assert_eq!(of_a(&room), (1, line));
}

#[test]
fn what_can_wait_is_never_in_one_thread_with_what_cannot() {
    let mut room = night(&["a-1", "a-minor"]);
    // By day both go the same way, at once.
    Arc::get_mut(&mut room.desk).expect("nobody else has it").letters.recipients[0].ways.clear();
    room.hand.advance(Duration::from_millis(MORNING.abs_diff(EVENING)));
    let day = MORNING.abs_diff(EVENING);
    room.record(&[down("a-1", day), down("a-minor", day)]);
    let threads = |room: &Room| room.told("ann").iter().map(|one| one.thread).collect::<Vec<_>>();
    assert_eq!(threads(&room), [None, None], "two letters, each in its incident's lane");
}

#[test]
fn outages_in_maintenance_do_not_make_the_first_one_after_it_wait() {
    let mut room = Room::new(&["a-1"], &everything());
    works_on(&mut room, (0, 10));
    for minute in [1, 3, 5, 7] {
        room.hand.advance(Duration::from_secs(60));
        room.record(&[down("a-1", minute * 60_000)]);
        room.hand.advance(Duration::from_secs(60));
        room.record(&[back("a-1", (minute + 1) * 60_000)]);
    }
    assert_eq!(room.told("ann"), []);
    room.hand.advance(Duration::from_secs(150));
    room.record(&[down("a-1", 630_000)]);
    assert_eq!(room.kinds("ann"), [NotificationKind::Down]);
    assert_eq!(pending(&room).len(), 1, "it is sent, and held for nothing");
}

#[test]
fn what_a_way_says_not_to_tell_is_not_told_by_a_restart() {
    let change = |room: &mut Room| {
        let desk = Arc::get_mut(&mut room.desk).expect("nobody else has it");
        let nowhere = Way { scope: None, severity: Severity::Info, during: None, channels: vec![] };
        desk.letters.recipients[0].ways = vec![nowhere];
    };
    let mut room = Room::new(&["a-1"], &everything());
    change(&mut room);
    room.record(&[down("a-1", 5000)]);
    assert_eq!(room.told("ann"), []);
    let room = room.restart(&["a-1"], &everything());
    room.advance(120_000);
    assert_eq!(room.told("ann"), []);
}

#[test]
fn a_word_about_the_hub_finds_any_channel_that_there_is() {
    let mut room = night(&["a-1"]);
    let desk = Arc::get_mut(&mut room.desk).expect("nobody else has it");
    let ann = &mut desk.letters.recipients[0];
    ann.channels.clear();
    let noon = moment(MORNING.abs_diff(EVENING) + 4 * 3_600_000);
    let route = super::super::routes::of_hub(ann, noon).expect("a way has a channel");
    assert_eq!(route.channels, channels(&["sms:1"]));
}

/// What is left to be sent of a letter that waits for the morning, after a start of the hub with
/// other users.
fn after_a_start_with(
    users: &[(&str, Scope)],
    change: impl FnOnce(&mut watchfire_alert::Recipient),
) -> Vec<Notification> {
    let room = night(&["a-minor"]);
    room.record(&[down("a-minor", 5000)]);
    assert_eq!(pending(&room)[0].not_before_ms, Some(MORNING));
    let mut room = room.restart(&["a-minor"], users);
    let desk = Arc::get_mut(&mut room.desk).expect("nobody else has it");
    if let [first, ..] = desk.letters.recipients.as_mut_slice() {
        change(first);
    }
    room.desk.reroute().expect("the store works");
    pending(&room)
}

#[test]
fn what_waits_is_taken_back_from_who_may_not_know_it_any_more() {
    assert_eq!(after_a_start_with(&[("bob", Scope::everything())], |_| {}), []);
    assert_eq!(after_a_start_with(&[("ann", team("b"))], |_| {}), []);
}

/// A letter about servers of two teams waits while the hub is started anew, and its user is
/// somebody else by then.
#[test]
fn a_letter_about_several_names_those_alone_that_its_user_may_still_know_of() {
    let servers = ["a-1", "a-2", "b-1"];
    let left = |scope: Scope| {
        let room = Room::new(&servers, &everything());
        room.record(&[down("a-1", 3000), down("a-2", 3000), down("b-1", 3000)]);
        let [letter] = pending(&room).try_into().expect("one letter tells of all");
        let room = room.restart(&servers, &[("ann", scope)]);
        room.desk.reroute().expect("the store works");
        (letter, pending(&room))
    };
    let (letter, all) = left(Scope::everything());
    assert_eq!(all, [letter]);
    let (_, some) = left(team("a"));
    let [some] = some.try_into().expect("one letter");
    assert_eq!(some.content.subject, "[DOWN] 2 servers");
    for part in [&some.content.text, &some.content.html] {
        assert!(part.contains("a-1") && part.contains("a-2") && !part.contains("b-1"), "{part}");
    }
    assert_eq!(left(team("c")).1, []);
}

#[test]
fn what_waits_goes_where_its_user_is_reached_by_then() {
    let left = after_a_start_with(&everything(), |ann| ann.channels = channels(&["mailto:a@b.c"]));
    assert_eq!(left[0].channels, channels(&["mailto:a@b.c"]));
    assert_eq!(left[0].not_before_ms, None, "nor does she sleep any more");
    let left = after_a_start_with(&everything(), |ann| ann.awake.quiet = hours("20:00-09:00"));
    let nine = MORNING + 60 * MINUTE;
    assert_eq!(
        (&*left[0].channels, left[0].not_before_ms),
        (&*channels(&["terminal:"]), Some(nine))
    );
}

#[test]
fn a_restart_in_maintenance_neither_tells_nor_forgets() {
    let servers = ["a-1"];
    let mut room = Room::new(&servers, &everything());
    works_on(&mut room, (0, 10));
    room.record(&[down("a-1", 5000)]);
    room.advance(60_000);
    let Room { store, fleet, desk, folder, .. } = room;
    drop((store, fleet, desk));
    let mut room = Room::in_folder(folder, &servers, &everything());
    works_on(&mut room, (0, 10));
    room.desk.take_up().expect("the store works");
    room.advance(120_000);
    assert_eq!(room.told("ann"), []);
    room.advance(10 * 60_000);
    assert_eq!(room.kinds("ann"), [NotificationKind::Down]);
}

#[test]
fn who_was_told_before_maintenance_is_told_the_end_in_it() {
    let mut room = Room::new(&["a-1"], &everything());
    works_on(&mut room, (1, 10));
    room.record(&[down("a-1", 5000)]);
    room.hand.advance(Duration::from_secs(120));
    room.record(&[back("a-1", 120_000)]);
    assert_eq!(room.kinds("ann"), [NotificationKind::Down, NotificationKind::Recovered]);
}
