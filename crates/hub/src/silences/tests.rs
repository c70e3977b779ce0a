use std::time::Duration;

use watchfire_identity::Role;
use watchfire_identity::password;
use watchfire_model::TimelineKind;
use watchfire_runtime::{ManualClock, Shutdown};

use super::*;
use crate::testing::{fleet_of, manual_clock, moment, open_incident, settle, team};

const HOUR: i64 = 3_600_000;

struct Room {
    silences: Arc<Silences>,
    muting: Arc<Muting>,
    fleet: Arc<Fleet>,
    store: Store,
    hand: ManualClock,
    clock: Clock,
    _folder: tempfile::TempDir,
}

impl Room {
    fn new(servers: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a new store");
        let (clock, hand) = manual_clock();
        let fleet = fleet_of(servers, &[], &clock);
        let muting = Arc::new(Muting::default());
        let silences = Silences::open(store.clone(), fleet.clone(), muting.clone(), clock.clone());
        let silences = Arc::new(silences);
        Self { silences, muting, fleet, store, hand, clock, _folder: folder }
    }

    fn is_muted(&self, server: &str) -> bool {
        let index = self.fleet.index(&crate::testing::name(server)).expect("it is there");
        let labels = &self.fleet.config(index).server.labels;
        self.muting.of_server(labels, self.clock.now()).is_some()
    }

    /// What another run of the hub finds.
    fn again(&self) -> Arc<Muting> {
        let muting = Arc::new(Muting::default());
        Silences::open(self.store.clone(), self.fleet.clone(), muting.clone(), self.clock.clone());
        muting
    }
}

fn account(name: &str, scope: Scope) -> Account {
    Account { name: name.to_owned(), role: Role::Admin, scope, password: password::decoy().clone() }
}

fn root() -> Account {
    account("root", Scope::everything())
}

fn wish(text: &str, hours: i64) -> Wish {
    let selector = Selector::parse(text).expect("good matchers");
    let parts = |one: &Matcher| (one.label().to_owned(), one.op(), one.value().to_owned());
    Wish {
        id: None,
        conditions: selector.matchers().iter().map(parts).collect(),
        from_ms: None,
        to_ms: moment(0).unix_ms + hours * HOUR,
        comment: "new disks".to_owned(),
    }
}

#[tokio::test]
async fn a_silence_holds_at_once_and_after_a_restart_until_it_ends() {
    let room = Room::new(&["a-1", "a-2", "b-1"]);
    let made = room.silences.make(&root(), wish(r#"name="a-1""#, 1)).await.expect("is made");
    assert!(room.is_muted("a-1") && !room.is_muted("a-2"));
    assert_eq!(room.again().silences().len(), 1);
    room.silences.end(&root(), &made.id).await.expect("is ended");
    assert!(!room.is_muted("a-1"));
    assert_eq!(room.again().silences().len(), 0);
    assert!(matches!(room.silences.end(&root(), &made.id).await, Err(NoSilence::Over)));
    assert!(matches!(room.silences.end(&root(), "x").await, Err(NoSilence::Unknown)));
}

#[tokio::test]
async fn incidents_say_when_a_silence_of_them_begins_and_ends() {
    let room = Room::new(&["a-1", "b-1"]);
    let [a, b] = ["a-1", "b-1"].map(|name| {
        let id = open_incident(&room.store, name, 0);
        room.fleet.set_incident(&crate::testing::name(name), Some((id, "gone".to_owned())));
        id
    });
    let made = room.silences.make(&root(), wish(r#"team="a""#, 1)).await.expect("is made");
    let mut later = wish(r#"team="a""#, 3);
    later.from_ms = Some(moment(0).unix_ms + 2 * HOUR);
    room.silences.make(&root(), later).await.expect("is made");
    room.silences.end(&account("ada", Scope::everything()), &made.id).await.expect("is ended");
    for hours in [1, 1, 1] {
        room.hand.advance(Duration::from_secs(hours * 3600));
        room.silences.heed(None).await;
    }
    assert_eq!(room.muting.silences().len(), 0, "what is over is let go");
    let lines = |id| {
        let timeline = room.store.timeline(id).expect("readable");
        assert!(timeline.iter().all(|line| line.kind == TimelineKind::Silenced));
        timeline.into_iter().map(|line| line.text).collect::<Vec<_>>()
    };
    assert_eq!(
        lines(a),
        [
            "silence of root: \"new disks\", until 2023-11-14 23:13:20 UTC",
            "ada ended the silence of root: \"new disks\"",
            "silence of root: \"new disks\", until 2023-11-15 01:13:20 UTC",
            "the silence of root: \"new disks\" is over",
        ]
    );
    assert_eq!(lines(b), [""; 0]);
}

#[tokio::test]
async fn its_begin_and_its_end_wake_the_one_who_keeps_it() {
    let room = Room::new(&["a-1", "b-1"]);
    let mut later = wish(r#"team="a""#, 3);
    later.from_ms = Some(moment(0).unix_ms + 2 * HOUR);
    room.silences.make(&root(), later).await.expect("is made");
    let (shutdown, end) = Shutdown::new();
    let keeping = task::spawn("silences", room.silences.clone().keep(shutdown));
    let mut changes = room.muting.changes();
    settle().await;
    for muted in [true, false] {
        assert_ne!(room.is_muted("a-1"), muted);
        changes.mark_unchanged();
        // It looks each minute, and not later than something changes.
        for _ in 0..=120 {
            room.hand.advance(Duration::from_secs(60));
            settle().await;
            if room.is_muted("a-1") == muted {
                break;
            }
        }
        changes.changed().await.expect("it is told");
        assert_eq!(room.is_muted("a-1"), muted);
    }
    end.request();
    keeping.join().await.expect("it ends");
}

#[tokio::test]
async fn a_change_of_time_keeps_its_id_and_other_matchers_make_another() {
    let room = Room::new(&["a-1", "a-2", "b-1", "b-2"]);
    let first = room.silences.make(&root(), wish(r#"name="a-1""#, 1)).await.expect("is made");
    room.hand.advance(Duration::from_secs(60));
    let longer = Wish { id: Some(first.id.clone()), ..wish(r#"name="a-1""#, 2) };
    let longer = room.silences.make(&root(), longer).await.expect("is changed");
    assert_eq!((&longer.id, longer.from_unix_ms), (&first.id, first.from_unix_ms));
    assert_eq!(longer.to_unix_ms, first.to_unix_ms + HOUR);
    let other = Wish { id: Some(first.id.clone()), ..wish(r#"name="a-2""#, 2) };
    let other = room.silences.make(&root(), other).await.expect("is made");
    assert_ne!(other.id, first.id);
    assert!(!room.is_muted("a-1") && room.is_muted("a-2"));
    let ended = room.silences.find(&root(), &first.id).await.expect("it is kept");
    assert_eq!(ended.to_unix_ms, room.clock.now().unix_ms);
    let unknown = Wish { id: Some(uuid()), ..wish(r#"name="a-2""#, 2) };
    assert!(matches!(room.silences.make(&root(), unknown).await, Err(NoSilence::Unknown)));
}

#[tokio::test]
async fn a_silence_mutes_what_its_author_saw_when_it_was_made() {
    let room = Room::new(&["a-1", "a-2", "b-1"]);
    let olga = account("olga", team("a"));
    let beyond = room.silences.make(&olga, wish(r#"name=~"a-1|b-1""#, 1)).await;
    let Err(NoSilence::Beyond(example)) = beyond else { panic!("{beyond:?}") };
    assert_eq!(example, "team=\"a\"");
    room.silences.make(&olga, wish(r#"team="a",name=~".+""#, 1)).await.expect("is made");
    assert!(room.is_muted("a-1") && !room.is_muted("b-1"));
    let standing = &room.again().silences()[0];
    assert_eq!(standing.scope.selectors()[0].as_str(), "team=\"a\"");
}

#[tokio::test]
async fn several_narrow_ones_do_not_mute_the_fleet_for_longer_than_a_wide_one() {
    let room = Room::new(&["a-1", "a-2", "a-3", "b-1"]);
    let root = root();
    let make = |text: &str, hours| room.silences.make(&root, wish(text, hours));
    make(r#"name="a-1""#, 100).await.expect("it is a quarter");
    let refused = make(r#"name="a-2""#, 100).await;
    assert!(matches!(refused, Err(NoSilence::Refused(SilenceError::TooWide))), "{refused:?}");
    make(r#"name="a-2""#, 24).await.expect("a day is fine");
    make(r#"name="a-1",alertname="x""#, 100).await.expect("it is one alert");
}

#[tokio::test]
async fn wide_ones_that_follow_each_other_last_a_day_together() {
    let room = Room::new(&["a-1", "a-2", "b-1"]);
    let (hour, silences) = (Duration::from_secs(3600), room.silences.clone());
    let silences = &silences;
    let make = |text: &str, from: i64, to: i64| {
        let mut wish = wish(text, to);
        wish.from_ms = Some(moment(0).unix_ms + from * HOUR);
        async move { silences.make(&root(), wish).await }
    };
    let is_wide = |made: &Result<StoredSilence, NoSilence>| {
        matches!(made, Err(NoSilence::Refused(SilenceError::TooWide)))
    };
    let first = make(r#"team="a""#, 0, 20).await.expect("it is less than a day");
    room.hand.advance(19 * hour);
    // None of these is longer than a day from now on.
    let longer = Wish { id: Some(first.id.clone()), ..wish(r#"team="a""#, 30) };
    assert!(is_wide(&room.silences.make(&root(), longer).await), "the same for longer");
    assert!(is_wide(&make(r#"team=~".+""#, 20, 30).await), "another after it");
    make(r#"name="a-1""#, 19, 43).await.expect("it is one server");
    assert!(is_wide(&make(r#"name="a-2""#, 20, 30).await), "half of it by two");
    make(r#"name="a-2""#, 20, 24).await.expect("it is a day in all");
    // After a pause in which people are told, it is another one.
    room.hand.advance(6 * hour);
    make(r#"team=~".+""#, 25, 43).await.expect("there was a pause");
}

#[tokio::test]
async fn the_other_administrators_hear_of_a_silence_that_mutes_much() {
    let room = Room::new(&["a-1", "b-1", "b-2"]);
    let admins = [("root", Scope::everything()), ("ada", Scope::everything()), ("ann", team("a"))];
    let admins = admins.map(|(name, scope)| crate::testing::recipient(name, scope)).to_vec();
    let silences = Silences::open(
        room.store.clone(),
        room.fleet.clone(),
        room.muting.clone(),
        room.clock.clone(),
    )
    .with_watchers(Watchers {
        admins,
        public_url: "https://hub.test".to_owned(),
        hub_id: "hub".to_owned(),
        courier: Arc::default(),
        told: Mutex::default(),
    });
    let told = || {
        let all = room.store.pending_after(watchfire_model::NotificationId(0), 100);
        all.expect("readable")
    };
    silences.make(&root(), wish(r#"name="a-1""#, 100)).await.expect("is made");
    assert_eq!(told(), [], "it is a small one");
    silences.make(&root(), wish(r#"team="b""#, 2)).await.expect("is made");
    let letters = told();
    let users: Vec<&str> = letters.iter().map(|one| one.user.as_str()).collect();
    assert_eq!(users, ["ada", "ann"], "not its author");
    let kind = watchfire_model::NotificationKind::Silenced;
    assert!(letters.iter().all(|one| one.kind == kind), "no report, and nothing that wakes");
    let until = "[SILENCE] root mutes half of the fleet or more until 2023-11-15 00:13:20 UTC";
    assert_eq!(letters[0].content.subject, until);
    assert!(letters[0].content.text.contains("team=\"b\""), "{}", letters[0].content.text);
    assert!(letters[0].content.text.contains("new disks"));
    assert!(!letters[1].content.text.contains("team="), "{}", letters[1].content.text);
    silences.make(&root(), wish(r#"name="a-1",alertname="x""#, 200)).await.expect("is made");
    assert_eq!(told().len(), 4, "it is a long one");
    for _ in 0..30 {
        silences.make(&root(), wish(r#"team="b""#, 1)).await.expect("is made");
    }
    assert_eq!(told().len(), 40, "there is a limit to letters");
}

#[tokio::test]
async fn expressions_and_texts_have_a_limit() {
    let room = Room::new(&["a-1", "b-1", "b-2"]);
    let many = (0..32).map(|n| format!("l{n}=~\"x.*\"")).collect::<Vec<_>>().join(",");
    for _ in 0..MAX_EXPRESSIONS / 32 {
        room.silences.make(&root(), wish(&many, 1)).await.expect("there is room");
    }
    let refused = room.silences.make(&root(), wish(&many, 1)).await;
    assert!(matches!(refused, Err(NoSilence::TooMany(_))), "{refused:?}");
    room.silences.make(&root(), wish(r#"name="a-1""#, 1)).await.expect("it has none");
    for conditions in [
        vec![("name".to_owned(), MatchOp::Equal, "x".repeat(MAX_TEXT + 1))],
        vec![("a b".to_owned(), MatchOp::Equal, "x".to_owned())],
        vec![("name".to_owned(), MatchOp::Matches, "(".to_owned())],
    ] {
        let wish = Wish { conditions, ..wish("*", 1) };
        assert!(matches!(room.silences.make(&root(), wish).await, Err(NoSilence::Wrong(_))));
    }
}

#[test]
fn ids_are_uuids() {
    for _ in 0..64 {
        let id = uuid();
        let parts: Vec<&str> = id.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{id}");
    }
}
