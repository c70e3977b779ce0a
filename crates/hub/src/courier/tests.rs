use watchfire_model::{Delivery, NotificationKind};
use watchfire_notify::{Allowed, MailServer, MailSettings};
use watchfire_runtime::{ManualClock, ShutdownHandle, task::Task};
use watchfire_store::{IncidentFilter, NewNotification};
use watchfire_testkit::http::{Answer, Request, Stub};

use super::lanes::MAX_BUSY_OF_USER;
use super::*;
use crate::testing::{Log, letter, manual_clock, moment, open_incident, until};

/// Longer than any machine needs for one HTTP request on loopback.
const PATIENCE: Duration = Duration::from_secs(30);

/// A courier at work, whose mails go to a scripted provider.
struct Office {
    store: Store,
    courier: Arc<Courier>,
    stub: Stub,
    hand: ManualClock,
    end: ShutdownHandle,
    running: Task<()>,
    _folder: tempfile::TempDir,
}

impl Office {
    /// `before` fills the outbox before the courier looks at it.
    fn new(answer: Answer, before: impl FnOnce(&Store)) -> Self {
        Self::with(answer, |store, _| before(store))
    }

    /// The same, with what the desk has written down of the first tries.
    fn with(answer: Answer, before: impl FnOnce(&Store, &Begun)) -> Self {
        Self::within(answer, Budget::default(), before)
    }

    /// The same, with a budget.
    fn within(answer: Answer, budget: Budget, before: impl FnOnce(&Store, &Begun)) -> Self {
        Self::made(answer, (budget, Undelivered::default()), before)
    }

    fn made(
        answer: Answer,
        (budget, undelivered): (Budget, Undelivered),
        before: impl FnOnce(&Store, &Begun),
    ) -> Self {
        let begun = Arc::<Begun>::default();
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a good store");
        before(&store, &begun);
        let stub = Stub::start();
        stub.always(answer);
        let server = MailServer::Mailgun {
            base: stub.base(),
            domain: "mg.test".to_owned(),
            key: "a-key".to_owned(),
        };
        let mail = MailSettings { from: "hub@hub.test".to_owned(), server };
        let (clock, hand) = manual_clock();
        let notifier = Notifier::new(Some(mail), clock.clone()).expect("good settings");
        let here = vec!["127.0.0.1".parse().expect("an address")];
        let notifier = notifier.allowing(Allowed::new(here));
        let (shutdown, end) = Shutdown::new();
        let courier = Courier::new(store.clone(), notifier, clock, Arc::default(), begun.clone());
        let courier = Arc::new(courier.with_budget(budget).telling(undelivered));
        let running = task::spawn("courier", courier.clone().run(shutdown));
        Self { store, courier, stub, hand, end, running, _folder: folder }
    }

    /// What the desk does: writes into the outbox, then rings.
    fn put(&self, new: &NewNotification) -> NotificationId {
        let id = put(&self.store, new);
        self.courier.arrived.notify_one();
        id
    }

    fn notification(&self, id: NotificationId) -> Notification {
        let page = IncidentFilter { limit: watchfire_store::MAX_PAGE, ..Default::default() };
        let incidents = self.store.incidents(&page).expect("readable");
        let all = incidents
            .iter()
            .flat_map(|incident| self.store.notifications_of(incident.id).expect("readable"));
        all.into_iter().find(|one| one.id == id).expect("it was written")
    }

    fn tries(&self, id: NotificationId) -> Vec<Delivery> {
        self.store.deliveries_of(id).expect("readable")
    }

    async fn until_state(&self, id: NotificationId, state: NotificationState) {
        let what = format!("{id:?} is {}", state.as_str());
        until(&what, || (self.notification(id).state == state).then_some(())).await;
    }

    /// To whom the provider was asked to send, in the order of asking.
    fn asked(&self) -> Vec<String> {
        let to = |request: &Request| request.form("to").expect("a recipient is named");
        let user = |to: String| to.split('@').next().unwrap_or_default().to_owned();
        self.stub.requests().iter().map(|request| user(to(request))).collect()
    }
}

#[tokio::test]
async fn what_was_to_go_by_a_channel_that_is_no_more_dies_with_a_word() {
    let office = Office::with(Answer::reply(200, "{}"), |store, _| {
        let new = trouble(store, "a-1", "ada");
        put(store, &new);
        // What a start with another config does.
        store.know_channels(&[]);
    });
    let id = NotificationId(1);
    office.courier.arrived.notify_one();
    office.until_state(id, NotificationState::Dead).await;
    let tries = office.tries(id);
    let why = "this channel is in the config no more".to_owned();
    assert_eq!(tries.last().expect("a try").outcome, DeliveryOutcome::Refused { why });
    assert_eq!((office.asked().len(), tries[0].channel.scheme()), (0, "mailto"));
}

fn message_id_of(request: &Request) -> String {
    request.form("h:Message-ID").expect("a mail has an id")
}

fn put(store: &Store, new: &NewNotification) -> NotificationId {
    store.write(|batch| batch.enqueue(new)).expect("the store works")
}

fn mailto(user: &str) -> String {
    format!("mailto:{user}@people.test")
}

/// An incident of its own, and a notification of it to `user` by mail.
fn trouble(store: &Store, server: &str, user: &str) -> NewNotification {
    let incident = open_incident(store, server, 0);
    let id = format!("down-{server}-{user}");
    letter(Some(incident), user, NotificationKind::Down, &[&mailto(user)], &id)
}

fn accepted() -> Answer {
    Answer::reply(200, r#"{"id":"<x@mg.test>","message":"Queued. Thank you."}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_in_the_outbox_goes_out_and_what_comes_goes_out() {
    let mut first = None;
    let office = Office::new(accepted(), |store| {
        first = Some(put(store, &trouble(store, "a-1", "ann")));
    });
    let first = first.expect("written");
    office.until_state(first, NotificationState::Delivered).await;
    let tries = office.tries(first);
    assert_eq!((tries.len(), tries[0].attempt, tries[0].began), (1, 1, moment(0)));
    assert!(matches!(&tries[0].outcome, DeliveryOutcome::Accepted { .. }), "{tries:?}");

    let second = office.put(&trouble(&office.store, "a-2", "bob"));
    office.until_state(second, NotificationState::Delivered).await;
    assert_eq!(office.asked(), ["ann", "bob"], "each one once");
}

/// What the desk does with the first letter of a lane: one transaction.
fn put_begun(store: &Store, begun: &Begun, new: &NewNotification) -> NotificationId {
    let put = |batch: &Batch<'_>| {
        let id = batch.enqueue(new)?;
        begun.begin(batch, id, &new.channels[0], moment(0))?;
        Ok(id)
    };
    let id = store.write(put).expect("the store works");
    begun.settle(true);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_try_that_is_written_down_already_goes_out_without_another_commit() {
    let mut first = None;
    let office = Office::with(Answer::Hang, |store, begun| {
        first = Some(put_begun(store, begun, &trouble(store, "a-1", "ann")));
    });
    let first = first.expect("written");
    let _ = office.stub.wait_for(1, PATIENCE);
    let tries = office.tries(first);
    assert_eq!((tries.len(), tries[0].ended), (1, None), "{tries:?}");
    assert!(!office.courier.begun.holds(first), "from here on it may have been sent");
    office.stub.always(accepted());
    let second = office.put(&trouble(&office.store, "a-2", "ann"));
    office.until_state(second, NotificationState::Delivered).await;
    assert_eq!(office.tries(first).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_try_that_a_crash_kept_from_being_sent_is_sent_after_it() {
    let mut first = None;
    let office = Office::new(accepted(), |store| {
        // The hub died before the courier came to it, and its memory is lost.
        let lost = Begun::default();
        first = Some(put_begun(store, &lost, &trouble(store, "a-1", "ann")));
    });
    let first = first.expect("written");
    until("it waits", || (office.courier.lanes().waiting() > 0).then_some(())).await;
    assert_eq!(office.stub.requests().len(), 0, "it may have been sent a moment ago");
    office.hand.advance(Duration::from_secs(1));
    office.until_state(first, NotificationState::Delivered).await;
    let requests = office.stub.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(message_id_of(&requests[0]), "<down-a-1-ann@hub.test>");
    let tries = office.tries(first);
    assert_eq!(tries.len(), 2);
    assert_eq!(tries[0].outcome, DeliveryOutcome::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_before_the_first_try_is_sent_still_takes_its_place() {
    let mut ids = None;
    let office = Office::with(accepted(), |store, begun| {
        let down = trouble(store, "a-1", "ann");
        let kind = NotificationKind::Recovered;
        let back = letter(down.incident, "ann", kind, &[&mailto("ann")], "back-a-1-ann");
        ids = Some((put_begun(store, begun, &down), put(store, &back)));
    });
    let (down, back) = ids.expect("written");
    office.until_state(back, NotificationState::Delivered).await;
    assert_eq!(office.notification(down).state, NotificationState::Merged);
    assert_eq!(office.stub.requests().len(), 1, "both are one mail");
    let tries = office.tries(down);
    assert_eq!(tries.len(), 1);
    let taken_back = DeliveryOutcome::Retry {
        why: "it was not sent: something else came first".to_owned(),
        maybe_accepted: false,
    };
    assert_eq!(tries[0].outcome, taken_back);
    assert!(!office.courier.begun.holds(down));
}

#[tokio::test]
async fn a_try_that_the_end_of_the_hub_came_before_was_surely_not_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a good store");
    let begun = Arc::<Begun>::default();
    let id = put_begun(&store, &begun, &trouble(&store, "a-1", "ann"));
    let (clock, _hand) = manual_clock();
    let notifier = Notifier::new(None, clock.clone()).expect("no mail");
    let courier = Courier::new(store.clone(), notifier, clock, Arc::default(), begun.clone());
    let (shutdown, end) = Shutdown::new();
    end.request();
    Arc::new(courier).run(shutdown).await;
    let tries = store.deliveries_of(id).expect("readable");
    let sure = matches!(&tries[0].outcome, DeliveryOutcome::Retry { maybe_accepted: false, .. });
    assert!(sure && tries[0].ended.is_some(), "{tries:?}");
    assert!(!begun.holds(id));
}

#[test]
fn a_transaction_that_fails_leaves_no_try_behind_and_the_room_is_limited() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a good store");
    let begun = Begun::default();
    let new = trouble(&store, "a-1", "ann");
    let mut id = None;
    let failed = store.write(|batch| {
        let put = batch.enqueue(&new)?;
        id = Some(put);
        begun.begin(batch, put, &new.channels[0], moment(0))?;
        batch.set_state(NotificationId(999), NotificationState::Dead)
    });
    begun.settle(failed.is_ok());
    assert!(failed.is_err() && !begun.holds(id.expect("it got that far")));
    let ids: Vec<_> = (0..20)
        .map(|i| put_begun(&store, &begun, &trouble(&store, &format!("b-{i}"), "ann")))
        .collect();
    let written = |id: &&NotificationId| store.deliveries_of(**id).expect("readable").len() == 1;
    assert_eq!(ids.iter().filter(written).count(), begun::MAX_BEGUN);
    assert_eq!(begun.full(), 20 - begun::MAX_BEGUN as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_delivery_delays_no_other_lane() {
    let office = Office::new(Answer::Hang, |_| {});
    let stuck = office.put(&trouble(&office.store, "a-1", "ann"));
    let _ = office.stub.wait_for(1, PATIENCE);
    // The provider hangs on Ann's mail; the terminal and Bob's mail do not wait for it.
    let mut on_terminal = trouble(&office.store, "a-2", "cat");
    on_terminal.channels = vec![Channel::new("terminal:")];
    let on_terminal = office.put(&on_terminal);
    office.until_state(on_terminal, NotificationState::Delivered).await;
    office.stub.always(accepted());
    let other = office.put(&trouble(&office.store, "a-3", "bob"));
    office.until_state(other, NotificationState::Delivered).await;
    // Nor does another incident of Ann's own.
    let her_next = office.put(&trouble(&office.store, "a-4", "ann"));
    office.until_state(her_next, NotificationState::Delivered).await;
    let tries = office.tries(stuck);
    assert_eq!(tries.len(), 1);
    assert_eq!((tries[0].ended, &tries[0].outcome), (None, &DeliveryOutcome::Unknown));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_users_stuck_deliveries_leave_room_for_the_others() {
    let office = Office::new(Answer::Hang, |store| {
        for n in 0..2 * MAX_BUSY_OF_USER {
            put(store, &trouble(store, &format!("a-{n}"), "ann"));
        }
    });
    let _ = office.stub.wait_for(MAX_BUSY_OF_USER, PATIENCE);
    office.stub.always(accepted());
    let other = office.put(&trouble(&office.store, "z-1", "bob"));
    office.until_state(other, NotificationState::Delivered).await;
    let hers = office.asked().iter().filter(|user| *user == "ann").count();
    assert_eq!(hers, MAX_BUSY_OF_USER, "her further ones wait for her first ones");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifth_user_is_told_while_everything_of_four_others_hangs() {
    let office = Office::new(Answer::Hang, |store| {
        for user in ["ann", "bob", "cat", "dan"] {
            for n in 0..2 * MAX_BUSY_OF_USER {
                put(store, &trouble(store, &format!("{user}-{n}"), user));
            }
        }
    });
    let _ = office.stub.wait_for(4 * MAX_BUSY_OF_USER, PATIENCE);
    office.stub.always(accepted());
    let fifth = office.put(&trouble(&office.store, "z-1", "eve"));
    office.until_state(fifth, NotificationState::Delivered).await;
    assert_eq!(office.asked().len(), 4 * MAX_BUSY_OF_USER + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_trouble_does_not_queue_behind_old_ones_that_failed() {
    let mut fresh = None;
    let office = Office::new(Answer::Hang, |store| {
        // More than the time limit of a try lets through while the test waits.
        for n in 0..8 * MAX_BUSY_OF_USER {
            let old = put(store, &trouble(store, &format!("a-{n}"), "ann"));
            let retry = DeliveryOutcome::Retry { why: String::new(), maybe_accepted: false };
            // Before the machine was last started, and long ago: no pause is left.
            let began = Moment { unix_ms: -3_600_000, ..moment(3_600_000) };
            let tried = store.write(|batch| {
                let try_ = batch.begin_delivery(old, &Channel::new(&mailto("ann")), began)?;
                batch.end_delivery(try_, began, &retry)
            });
            tried.expect("the store works");
        }
        fresh = Some(put(store, &trouble(store, "z-1", "ann")));
    });
    let fresh = fresh.expect("written");
    until("the new one is tried", || office.tries(fresh).first().cloned()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_waits_for_what_is_under_way_and_starts_nothing() {
    let office = Office::new(accepted(), |_| {});
    // A lane that is under way for as long as the test wants it to be.
    let key = watchfire_store::LaneKey {
        user: "ann".to_owned(),
        about: watchfire_store::LaneAbout::Report(NotificationId(7)),
    };
    let busy = PendingLane {
        key: key.clone(),
        tries: 0,
        oldest: NotificationId(7),
        newest: NotificationId(7),
    };
    {
        let mut lanes = office.courier.lanes();
        lanes.read(vec![busy]);
        assert!(lanes.start().is_some());
    }
    office.end.request();
    let late = office.put(&trouble(&office.store, "a-1", "bob"));
    crate::testing::settle().await;
    office.hand.advance(END_PATIENCE - Duration::from_millis(1));
    crate::testing::settle().await;
    assert!(!office.running.is_finished(), "something is under way");
    let ended = Ended { seen: NotificationId(7), until: None, tries: 1, out_of_turn: false };
    office.courier.lanes().end(&key, &ended);
    office.courier.done.notify_one();
    until("the courier ends", || office.running.is_finished().then_some(())).await;
    assert_eq!(office.tries(late), [], "nothing is started after the end was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_does_not_wait_for_ever() {
    let office = Office::new(Answer::Hang, |_| {});
    let id = office.put(&trouble(&office.store, "a-1", "ann"));
    let _ = office.stub.wait_for(1, PATIENCE);
    office.end.request();
    until("the courier gives it up", || {
        office.hand.advance(Duration::from_secs(1));
        office.running.is_finished().then_some(())
    })
    .await;
    assert_eq!(office.tries(id)[0].outcome, DeliveryOutcome::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_down_that_was_never_sent_is_told_by_its_recovery() {
    let (mut down, mut recovered) = (None, None);
    let office = Office::new(accepted(), |store| {
        let new = trouble(store, "a-1", "ann");
        let incident = new.incident;
        down = Some(put(store, &new));
        let back = letter(incident, "ann", NotificationKind::Recovered, &[&mailto("ann")], "up");
        recovered = Some(put(store, &back));
    });
    let (down, recovered) = (down.expect("written"), recovered.expect("written"));
    office.until_state(recovered, NotificationState::Delivered).await;
    assert_eq!(office.notification(down).state, NotificationState::Merged);
    assert_eq!(office.tries(down), []);
    let requests = office.stub.requests();
    assert_eq!(requests.len(), 1, "one message tells both");
    assert!(requests[0].body_text().contains("first-up"), "{}", requests[0].body_text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_that_comes_while_the_down_waits_for_its_next_try_goes_at_once() {
    let office = Office::new(Answer::reply(400, "{}"), |_| {});
    // Refused connections are no tries that anybody may have got.
    office.stub.stop_listening();
    let new = trouble(&office.store, "a-1", "ann");
    let incident = new.incident;
    let down = office.put(&new);
    until("the first try failed", || (office.courier.lanes().waiting() > 0).then_some(())).await;
    office.stub.start_listening();
    office.stub.always(accepted());
    let back = letter(incident, "ann", NotificationKind::Recovered, &[&mailto("ann")], "up");
    let recovered = office.put(&back);
    // The clock stands still: nothing but the news wakes the lane.
    office.until_state(recovered, NotificationState::Delivered).await;
    assert_eq!(office.notification(down).state, NotificationState::Merged);
}

/// Lanes do not wait for each other, but an old word about a server must not come last.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_outage_of_a_server_is_told_after_its_last_return() {
    let office = Office::new(Answer::reply(400, "{}"), |_| {});
    office.stub.stop_listening();
    let new = trouble(&office.store, "a-1", "ann");
    let incident = new.incident.expect("it has one");
    let back = letter(new.incident, "ann", NotificationKind::Recovered, &[&mailto("ann")], "up");
    let (_down, back) = (office.put(&new), office.put(&back));
    until("the first try failed", || (office.courier.lanes().waiting() > 0).then_some(())).await;
    let end = |batch: &Batch<'_>| batch.close_incident(incident, moment(1));
    office.store.write(end).expect("the store works");
    let next = open_incident(&office.store, "a-1", 2);
    let next = letter(Some(next), "ann", NotificationKind::Down, &[&mailto("ann")], "down");
    let next = office.put(&next);
    until("it waits too", || (office.courier.lanes().waiting() > 1).then_some(())).await;
    office.stub.start_listening();
    office.stub.always(accepted());
    // No longer than the pause of the first one: it is not the clock that frees the next.
    office.hand.advance(Duration::from_secs(2));
    office.until_state(next, NotificationState::Delivered).await;
    assert_eq!(office.notification(back).state, NotificationState::Delivered);
    let sent: Vec<String> = office.stub.requests().iter().map(message_id_of).collect();
    assert_eq!(sent, ["<up@hub.test>", "<down@hub.test>"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn down_and_recovery_arrive_in_order_through_failures() {
    let office = Office::new(accepted(), |_| {});
    // Three tries fail in ways in which the provider may have taken the mail.
    office.stub.next([Answer::Drop, Answer::reply(503, "busy"), Answer::Drop]);
    let new = trouble(&office.store, "a-1", "ann");
    let incident = new.incident;
    let down = office.put(&new);
    until("the first try failed", || office.tries(down).first()?.ended).await;
    let back = letter(incident, "ann", NotificationKind::Recovered, &[&mailto("ann")], "up");
    let recovered = office.put(&back);
    until("both are told", || {
        office.hand.advance(Duration::from_millis(500));
        (office.notification(recovered).state == NotificationState::Delivered).then_some(())
    })
    .await;
    assert_eq!(office.notification(down).state, NotificationState::Delivered);
    let tries = office.tries(down);
    assert_eq!(tries.iter().map(|t| t.attempt).collect::<Vec<_>>(), [1, 2, 3, 4]);
    // From begin to begin 1, 2 and 4 s, and 1 s after an end, each less a quarter at the
    // most. How much longer is up to the machine: the clock goes on while it works.
    for (two, least) in tries.windows(2).zip([750, 1500, 3000]) {
        let (since_end, since_begin) =
            (two[1].began.since(two[0].ended.expect("ended")), two[1].began.since(two[0].began));
        assert!(since_begin >= Duration::from_millis(least), "{since_begin:?} of {least} ms");
        assert!(since_end >= Duration::from_millis(750), "{since_end:?} after the end");
    }
    let ids: Vec<String> = office.stub.requests().iter().map(message_id_of).collect();
    let (down_id, up_id) = ("<down-a-1-ann@hub.test>", "<up@hub.test>");
    assert_eq!(ids, [down_id, down_id, down_id, down_id, up_id], "the same id on every try");
    assert!(office.tries(recovered)[0].began >= tries[3].ended.expect("ended"));
}

#[tokio::test]
async fn one_that_every_channel_refuses_is_dead_and_logged() {
    let log = Log::new();
    let office = Office::new(Answer::reply(400, r#"{"message":"no such address"}"#), |_| {});
    let dead = office.put(&trouble(&office.store, "a-1", "ann"));
    office.until_state(dead, NotificationState::Dead).await;
    assert!(matches!(office.tries(dead)[0].outcome, DeliveryOutcome::Refused { .. }));
    for words in ["ERROR", "refused a notification for good", "no such address", "user=\"ann\""] {
        assert!(log.holds(words), "{words} is not in the log");
    }
    assert!(!log.holds("people.test"), "an address is nobody's business in a log");
    assert_eq!(office.store.lanes().expect("readable"), [], "it is not tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_channel_is_taken_when_the_first_one_refuses() {
    let office = Office::new(Answer::reply(400, "{}"), |_| {});
    let mut new = trouble(&office.store, "a-1", "ann");
    new.channels.push(Channel::new("terminal:"));
    let id = office.put(&new);
    office.until_state(id, NotificationState::Delivered).await;
    let schemes: Vec<String> =
        office.tries(id).iter().map(|t| t.channel.scheme().to_owned()).collect();
    assert_eq!(schemes, ["mailto", "terminal"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_the_budget_waits_and_a_new_trouble_comes_through() {
    let office = Office::within(accepted(), Budget { texts: 5, others: 5 }, |_, _| {});
    let digest = |number: usize| {
        let place = format!("digest-{number}");
        letter(None, "ann", NotificationKind::Report, &[&mailto("ann")], &place)
    };
    let digests: Vec<_> = (0..6).map(|number| office.put(&digest(number))).collect();
    // Four of five are for anything, and the fifth is kept back for what begins.
    let sent = || office.stub.requests().len();
    until("four are sent", || (sent() == 4).then_some(())).await;
    let down = trouble(&office.store, "a-1", "ann");
    let down = office.put(&down);
    office.until_state(down, NotificationState::Delivered).await;
    assert_eq!(sent(), 5);
    office.hand.advance(Duration::from_secs(3601));
    until("the rest is sent", || (sent() == 7).then_some(())).await;
    assert!(digests.into_iter().all(|id| office.tries(id).len() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_a_restart_counts() {
    let office = Office::within(accepted(), Budget { texts: 1, others: 1 }, |store, _| {
        let new = letter(None, "ann", NotificationKind::Report, &[&mailto("ann")], "before");
        let id = put(store, &new);
        let channel = Channel::new(&mailto("ann"));
        let write = store.write(|batch| {
            let delivery = batch.begin_delivery(id, &channel, moment(0))?;
            let outcome = DeliveryOutcome::Accepted { reply: String::new() };
            batch.end_delivery(delivery, moment(0), &outcome)?;
            batch.set_state(id, NotificationState::Delivered)
        });
        write.expect("the store works");
    });
    let down = office.put(&trouble(&office.store, "a-1", "ann"));
    until("it waits", || (office.courier.lanes().waiting() == 1).then_some(())).await;
    assert!(office.tries(down).is_empty());
    office.hand.advance(Duration::from_secs(3601));
    office.until_state(down, NotificationState::Delivered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_channel_refuses_goes_by_another_one_of_its_user() {
    let everything = watchfire_model::Scope::everything();
    let ann = watchfire_alert::Recipient {
        channels: vec![Channel::new(&mailto("ann")), Channel::new(terminal::URL)],
        ..crate::testing::recipient("ann", everything)
    };
    let undelivered = Undelivered { recipients: vec![ann], ..Undelivered::default() };
    let answer = Answer::reply(400, r#"{"message":"to parameter is not a valid address"}"#);
    let office = Office::made(answer, (Budget::default(), undelivered), |_, _| {});
    let down = office.put(&trouble(&office.store, "a-1", "ann"));
    office.until_state(down, NotificationState::Dead).await;
    let incident = office.notification(down).incident.expect("it is about one");
    let all = || office.store.notifications_of(incident).expect("readable");
    let delivered = || all().into_iter().find(|one| one.state == NotificationState::Delivered);
    let other = until("it is told by another way", delivered).await;
    assert_eq!(other.kind, NotificationKind::ChannelDead);
    assert!(other.content.text.contains("not delivered by mailto"), "{}", other.content.text);
}

/// The mail did not go while the trouble was told, so the Alertmanager was told: its alert must not
/// stay when the mail goes again.
#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_the_incident_hears_of_its_end_though_another_channel_takes_that() {
    let (office, keeper) = (Office::new(Answer::reply(400, "{}"), |_| {}), Stub::start());
    keeper.always(Answer::reply(200, ""));
    let both = [mailto("ann"), format!("alertmanager://{}", keeper.addr())];
    let mut down = trouble(&office.store, "a-1", "ann");
    down.channels = both.iter().map(|url| Channel::new(url)).collect();
    let id = office.put(&down);
    office.until_state(id, NotificationState::Delivered).await;
    office.stub.always(accepted());
    let kind = NotificationKind::Recovered;
    let mut back = letter(down.incident, "ann", kind, &[&both[0], &both[1]], "up");
    back.references = vec![down.message_id.clone()];
    let back = office.put(&back);
    office.until_state(back, NotificationState::Delivered).await;
    let requests = keeper.wait_for(2, PATIENCE);
    let incident = |request: &Request| {
        let alerts: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        alerts[0]["labels"]["incident"].clone()
    };
    assert_eq!(incident(&requests[0]), incident(&requests[1]));
    let alerts: serde_json::Value = serde_json::from_slice(&requests[1].body).expect("JSON");
    assert!(alerts[0].get("startsAt").is_none(), "it is the end: {alerts}");
    let mails: Vec<String> = office.stub.requests().iter().map(message_id_of).collect();
    assert_eq!(mails.last().map(String::as_str), Some("<up@hub.test>"));
    // It is one letter more, to the Alertmanager alone, and nothing follows from it.
    let letters = office.store.notifications_of(down.incident.expect("it has one"));
    let copies: Vec<_> = letters.expect("readable").into_iter().filter(owed::is_copy).collect();
    assert_eq!(copies.len(), 1, "{copies:?}");
    assert_eq!(copies[0].channels, [Channel::new(&both[1])]);
    office.until_state(copies[0].id, NotificationState::Delivered).await;
}
