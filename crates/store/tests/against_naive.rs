//! Random operations do to the store what they do to a few vectors.

mod naive;

use std::time::Duration;

use naive::Naive;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use watchfire_model::{
    Channel, Content, DeliveryOutcome, IncidentId, IncidentKind, Moment, NotificationId,
    NotificationKind, NotificationState, Presence, ServerName, Severity, TimelineEntry,
    TimelineKind,
};
use watchfire_store::{
    Batch, DeliveryId, IncidentFilter, NewIncidentRow, NewNotification, Store, StoreError, Teller,
    Thread,
};

#[derive(Debug, Clone)]
enum Op {
    Open(NewIncidentRow),
    Change(IncidentId, Presence, String),
    Close(IncidentId, Moment),
    Timeline(IncidentId, TimelineEntry),
    Enqueue(NewNotification),
    Begin(NotificationId, Channel, Moment),
    End(DeliveryId, Moment, DeliveryOutcome),
    State(NotificationId, NotificationState),
    Release(NotificationId, Content),
    Merge(NotificationId, Option<Teller>),
    Correct(IncidentId, String),
}

#[derive(Debug, Clone)]
enum Step {
    /// A transaction; with `true` it fails at its end, whatever it did.
    Write(Vec<Op>, bool),
    Prune(i64, usize),
    Reopen,
    Page(IncidentFilter),
}

fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

fn moment() -> impl Strategy<Value = Moment> {
    let unix_ms = prop_oneof![0_i64..2000, any::<i64>()];
    (0..=i64::MAX as u64, unix_ms)
        .prop_map(|(nanos, unix_ms)| Moment { monotonic: Duration::from_nanos(nanos), unix_ms })
}

fn content() -> impl Strategy<Value = Content> {
    (text(), text(), text()).prop_map(|(subject, text, html)| Content { subject, text, html })
}

fn outcome() -> impl Strategy<Value = DeliveryOutcome> {
    prop_oneof![
        Just(DeliveryOutcome::Unknown),
        text().prop_map(|reply| DeliveryOutcome::Accepted { reply }),
        (text(), any::<bool>())
            .prop_map(|(why, maybe_accepted)| DeliveryOutcome::Retry { why, maybe_accepted }),
        text().prop_map(|why| DeliveryOutcome::Refused { why }),
    ]
}

fn incident_id() -> impl Strategy<Value = IncidentId> {
    (1_i64..8).prop_map(IncidentId)
}

fn notification_id() -> impl Strategy<Value = NotificationId> {
    (1_i64..10).prop_map(NotificationId)
}

fn name() -> impl Strategy<Value = &'static str> {
    select(vec!["web-1", "web-2", "größe"])
}

fn server(name: &str) -> ServerName {
    ServerName::new(name).expect("a server name")
}

fn channel() -> impl Strategy<Value = Channel> {
    text().prop_map(|url| Channel::new(&url))
}

fn open() -> impl Strategy<Value = Op> {
    let presence = select(&Presence::ALL[..]);
    (name(), presence, text(), option::of(moment()), moment(), 0..=i64::MAX as u64).prop_map(
        |(name, presence, cause, silence_began, judged, stalled)| {
            Op::Open(NewIncidentRow {
                kind: IncidentKind::Presence,
                severity: Severity::Critical,
                part_of: None,
                labels: None,
                server: server(name),
                presence,
                cause,
                silence_began,
                judged,
                hub_stalled: Duration::from_nanos(stalled),
            })
        },
    )
}

fn thread() -> impl Strategy<Value = Thread> {
    prop_oneof![
        2 => Just(Thread::OfIncident),
        1 => Just(Thread::Own),
        2 => notification_id().prop_map(Thread::Of),
    ]
}

fn enqueue() -> impl Strategy<Value = Op> {
    let whom = (option::of(incident_id()), select(vec!["ada", "bob"]), thread(), any::<bool>());
    let words = (content(), option::of(content()), 0..12_u32);
    let lists = (vec(channel(), 0..3), vec(text(), 0..3));
    (whom, select(&NotificationKind::ALL[..]), words, lists, moment()).prop_map(
        |(
            (incident, user, thread, held),
            kind,
            (content, content_if_first, number),
            lists,
            created,
        )| {
            Op::Enqueue(NewNotification {
                incident,
                thread,
                held,
                user: user.to_owned(),
                kind,
                channels: lists.0,
                content,
                content_if_first,
                message_id: format!("{number}@hub"),
                references: lists.1,
                created,
            })
        },
    )
}

fn timeline() -> impl Strategy<Value = Op> {
    (incident_id(), moment(), select(&TimelineKind::ALL[..]), text())
        .prop_map(|(id, at, kind, text)| Op::Timeline(id, TimelineEntry { at, kind, text }))
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => open(),
        1 => (incident_id(), select(&Presence::ALL[..]), text())
            .prop_map(|(id, to, cause)| Op::Change(id, to, cause)),
        2 => (incident_id(), moment()).prop_map(|(id, at)| Op::Close(id, at)),
        2 => timeline(),
        4 => enqueue(),
        4 => (notification_id(), channel(), moment()).prop_map(|(id, to, at)| Op::Begin(id, to, at)),
        3 => ((1_i64..12).prop_map(DeliveryId), moment(), outcome())
            .prop_map(|(id, at, outcome)| Op::End(id, at, outcome)),
        2 => (notification_id(), select(&NotificationState::ALL[..]))
            .prop_map(|(id, to)| Op::State(id, to)),
        2 => (notification_id(), content()).prop_map(|(id, words)| Op::Release(id, words)),
        2 => (notification_id(), option::of((notification_id(), notification_id())))
            .prop_map(|(id, to)| {
                let teller = |(letter, thread)| Teller { letter, thread };
                Op::Merge(id, to.map(teller))
            }),
        1 => (incident_id(), text()).prop_map(|(id, cause)| Op::Correct(id, cause)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let filter = (any::<bool>(), option::of(name()), option::of(incident_id()), 0..5_usize)
        .prop_map(|(open_only, name, before_id, limit)| IncidentFilter {
            open_only,
            server: name.map(server),
            kind: None,
            before_id,
            limit,
        });
    prop_oneof![
        8 => (vec(op(), 1..5), prop::bool::weighted(0.1)).prop_map(|(ops, fail)| Step::Write(ops, fail)),
        1 => (0..2000_i64, 0..3_usize).prop_map(|(older, most)| Step::Prune(older, most)),
        1 => Just(Step::Reopen),
        2 => filter.prop_map(Step::Page),
    ]
}

/// What an operation answered: the number it made, or 0.
type Answer = Result<i64, StoreError>;

fn on_store(batch: &Batch<'_>, op: &Op) -> Answer {
    match op {
        Op::Open(new) => batch.open_incident(new).map(|id| id.0),
        Op::Change(id, to, cause) => batch.change_incident(*id, *to, cause).map(|()| 0),
        Op::Close(id, at) => batch.close_incident(*id, *at).map(|()| 0),
        Op::Timeline(id, entry) => batch.add_timeline(*id, entry).map(|()| 0),
        Op::Enqueue(new) => batch.enqueue(new).map(|id| id.0),
        Op::Begin(id, channel, at) => batch.begin_delivery(*id, channel, *at).map(|id| id.0),
        Op::End(id, at, outcome) => batch.end_delivery(*id, *at, outcome).map(|()| 0),
        Op::State(id, to) => batch.set_state(*id, *to).map(|()| 0),
        Op::Release(id, words) => batch.release(*id, words, Some(words)).map(|id| id.0),
        Op::Merge(id, teller) => batch.merge_held(*id, *teller).map(|()| 0),
        Op::Correct(id, cause) => batch.correct_incident(*id, cause).map(|()| 0),
    }
}

fn on_naive(naive: &mut Naive, op: &Op) -> Answer {
    match op {
        Op::Open(new) => naive.open_incident(new).map(|id| id.0),
        Op::Change(id, to, cause) => naive.change(*id, *to, cause).map(|()| 0),
        Op::Close(id, at) => naive.close(*id, *at).map(|()| 0),
        Op::Timeline(id, entry) => naive.add_timeline(*id, entry).map(|()| 0),
        Op::Enqueue(new) => naive.enqueue(new).map(|id| id.0),
        Op::Begin(id, channel, at) => naive.begin(*id, channel, *at).map(|id| id.0),
        Op::End(id, at, outcome) => naive.end(*id, *at, outcome).map(|()| 0),
        Op::State(id, to) => naive.set_state(*id, *to).map(|()| 0),
        Op::Release(id, words) => naive.release(*id, words).map(|id| id.0),
        Op::Merge(id, teller) => naive.merge(*id, *teller).map(|()| 0),
        Op::Correct(id, cause) => naive.correct(*id, cause).map(|()| 0),
    }
}

/// The answers of all operations, as a transaction gives them: the first error ends it.
fn write(store: &Store, naive: &mut Naive, ops: &[Op], fail: bool) {
    let aborted = || StoreError::Refused { why: "the caller".to_owned() };
    let end = |answers: Vec<i64>| if fail { Err(aborted()) } else { Ok(answers) };
    let real = store
        .write(|batch| end(ops.iter().map(|op| on_store(batch, op)).collect::<Result<_, _>>()?));
    let mut after = naive.clone();
    let expected =
        ops.iter().map(|op| on_naive(&mut after, op)).collect::<Result<_, _>>().and_then(end);
    assert_eq!(real, expected, "{ops:?}");
    if expected.is_ok() {
        *naive = after;
    }
}

fn compare(store: &Store, naive: &Naive) {
    let all = IncidentFilter { limit: 100, ..IncidentFilter::default() };
    assert_eq!(store.incidents(&all), Ok(naive.page(&all)));
    let mut open = naive.page(&IncidentFilter { open_only: true, ..all });
    open.reverse();
    assert_eq!(store.open_incidents(), Ok(open));
    for id in (0..9).map(IncidentId) {
        let (incident, timeline) = naive.incidents.get(&id.0).cloned().unzip();
        assert_eq!(store.incident(id), Ok(incident));
        assert_eq!(store.timeline(id), Ok(timeline.unwrap_or_default()));
        assert_eq!(store.notifications_of(id), Ok(naive.notifications_of(id)));
    }
    for id in (0..24).map(NotificationId) {
        assert_eq!(store.deliveries_of(id), Ok(naive.deliveries_of(id)));
    }
    let held = naive.notifications.values().filter(|one| one.state == NotificationState::Held);
    assert_eq!(store.held(), Ok(held.cloned().collect()));
    let mut lanes = store.lanes().expect("readable");
    lanes.sort_by_key(|lane| lane.oldest);
    let keys: Vec<_> = lanes.into_iter().map(|lane| lane.key).collect();
    assert_eq!(keys, naive.lanes());
    for key in naive.notifications.values().map(watchfire_store::LaneKey::of) {
        assert_eq!(store.lane(&key), Ok(naive.lane(&key)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_vectors_do(steps in vec(step(), 1..30)) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Store::open(folder.path()).expect("it opens");
        let mut naive = Naive::default();
        for step in steps {
            match step {
                Step::Write(ops, fail) => write(&store, &mut naive, &ops, fail),
                Step::Prune(older, most) => {
                    prop_assert_eq!(store.prune(older, most), Ok(naive.prune(older, most)));
                }
                Step::Reopen => {
                    drop(store);
                    store = Store::open(folder.path()).expect("it opens again");
                    store.know_channels(naive.channels());
                }
                Step::Page(filter) => {
                    prop_assert_eq!(store.incidents(&filter), Ok(naive.page(&filter)));
                }
            }
        }
        compare(&store, &naive);
        drop(store);
        let store = Store::open(folder.path()).expect("it opens again");
        store.know_channels(naive.channels());
        compare(&store, &naive);
    }
}
