//! Alerts, what users are still to be told of them, and the incidents that they are in.

mod common;

use common::{at, new_incident, new_notification};
use watchfire_model::{
    Acknowledged, IncidentId, IncidentKind, LabelSet, Labels, NotificationKind, Severity,
};
use watchfire_store::{
    AlertNews, AlertRow, AlertTold, IncidentFilter, NewIncidentRow, NewNotification, Store,
    StoreError, StoredAlert, Thread,
};

fn opened() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("it opens");
    (folder, store)
}

fn of_alerts(server: &str) -> NewIncidentRow {
    NewIncidentRow { kind: IncidentKind::Alerts, severity: Severity::Info, ..new_incident(server) }
}

fn alert(incident: IncidentId) -> AlertRow {
    AlertRow {
        incident,
        source: "api".to_owned(),
        labels: LabelSet::of(&[("alertname", "Full"), ("süd.label", "any")]),
        annotations: vec![("summary".to_owned(), "99 %".to_owned())],
        generator_url: "https://x.test/".to_owned(),
        value: Some(99.5),
        starts_unix_ms: 5,
        ends_unix_ms: Some(500),
        fired_unix_ms: vec![1, 5],
    }
}

fn told(alert: i64, user: &str, thread: watchfire_model::NotificationId) -> AlertTold {
    AlertTold { alert, user: user.to_owned(), is_firing: true, unix_ms: 9, thread: Some(thread) }
}

fn shared(user: &str, id: &str) -> NewNotification {
    let kind = NotificationKind::Firing;
    NewNotification { kind, thread: Thread::Own, ..new_notification(None, user, id) }
}

#[test]
fn what_is_written_of_an_alert_is_read() {
    let (_folder, store) = opened();
    let (incident, id) = store
        .write(|batch| {
            let incident = batch.open_incident(&of_alerts("web-1"))?;
            Ok((incident, batch.put_alert(&alert(incident))?))
        })
        .expect("it is written");
    let mut known = StoredAlert { id, facts: alert(incident), over_unix_ms: None };
    assert_eq!(store.alerts_of(incident), Ok(vec![known.clone()]));
    known.over_unix_ms = Some(77);
    known.facts.value = None;
    known.facts.fired_unix_ms.push(9);
    store.write(|batch| batch.change_alert(&known)).expect("it is written");
    assert_eq!(store.alerts_since(0), Ok(vec![known.clone()]));
    let missing = StoredAlert { id: 99, ..known.clone() };
    let refused = StoreError::NotFound { what: "alert", id: 99 };
    assert_eq!(store.write(|batch| batch.change_alert(&missing)), Err(refused));
    // A number that is none is no value.
    known.facts.value = Some(f64::NAN);
    store.write(|batch| batch.change_alert(&known)).expect("it is written");
    assert_eq!(store.alerts_of(incident).expect("readable")[0].facts.value, None);
}

#[test]
fn news_stay_until_they_are_told() {
    let (_folder, store) = opened();
    let id = store
        .write(|batch| {
            let incident = batch.open_incident(&of_alerts("web-1"))?;
            let id = batch.put_alert(&alert(incident))?;
            let kind = NotificationKind::Firing;
            for user in ["ada", "bob"] {
                let (user, since_unix_ms) = (user.to_owned(), 3);
                batch.put_alert_news(&AlertNews { alert: id, user, kind, since_unix_ms })?;
            }
            batch.end_alert_news(id, "bob")?;
            batch.close_incident(incident, at(10))?;
            Ok(id)
        })
        .expect("it is written");
    let news = store.alert_news().expect("readable");
    assert_eq!((news.len(), news[0].user.as_str(), news[0].alert), (1, "ada", id));
    // Its incident was closed long ago, and somebody is still to be told.
    assert_eq!(store.alerts_since(i64::MAX).expect("readable").len(), 1);
    store
        .write(|batch| {
            let letter = batch.enqueue(&shared("ada", "1@hub"))?;
            batch.put_alert_told(&told(id, "ada", letter), letter)
        })
        .expect("it is written");
    assert_eq!(store.alert_news(), Ok(vec![]));
    assert_eq!(store.alerts_since(i64::MAX), Ok(vec![]));
    assert_eq!(store.alerts_told(0).expect("readable").len(), 1);
}

#[test]
fn a_thread_goes_on_while_what_it_told_of_fires() {
    let (_folder, store) = opened();
    let (letter, ids) = store
        .write(|batch| {
            let mut ids = Vec::new();
            let letter = batch.enqueue(&shared("ada", "1@hub"))?;
            for server in ["web-1", "web-2"] {
                let incident = batch.open_incident(&of_alerts(server))?;
                let id = batch.put_alert(&alert(incident))?;
                batch.put_alert_told(&told(id, "ada", letter), letter)?;
                assert_eq!(batch.thread_goes_on(letter), Ok(true));
                ids.push((incident, id));
            }
            Ok((letter, ids))
        })
        .expect("it is written");
    for (at, (incident, id)) in ids.iter().enumerate() {
        let over = StoredAlert { id: *id, facts: alert(*incident), over_unix_ms: Some(9) };
        store.write(|batch| batch.change_alert(&over)).expect("it is written");
        let is_over = store.about(letter).expect("readable").is_over;
        assert_eq!(is_over, at == 1, "the incidents are open still");
        assert_eq!(store.shared_letters_of(*incident).expect("readable").len(), 1);
    }
}

#[test]
fn a_letter_is_as_grave_as_the_gravest_of_its_alerts() {
    let (_folder, store) = opened();
    let letter = |severities: &[&str], number: &str| {
        store.write(|batch| {
            let letter = batch.enqueue(&shared("ada", number))?;
            for severity in severities {
                let incident = batch.open_incident(&of_alerts(&format!("{number}-{severity}")))?;
                let labels = LabelSet::of(&[("alertname", "Full"), ("severity", severity)]);
                let id = batch.put_alert(&AlertRow { labels, ..alert(incident) })?;
                batch.put_alert_told(&told(id, "ada", letter), letter)?;
            }
            Ok(letter)
        })
    };
    for (severities, expected) in [
        (&["info"][..], Severity::Info),
        (&["info", "warning"], Severity::Warning),
        (&["warning", "page"], Severity::Critical),
        (&["unheard"], Severity::Warning),
        (&[], Severity::Critical),
    ] {
        let id = letter(severities, &severities.join("-")).expect("it is written");
        assert_eq!(store.about(id).expect("readable").severity, expected, "{severities:?}");
    }
    // One of an incident alone is as grave as that.
    let id = store.write(|batch| {
        let incident = batch.open_incident(&of_alerts("web-9"))?;
        batch.enqueue(&new_notification(Some(incident), "ada", "9@hub"))
    });
    assert_eq!(store.about(id.expect("it is written")).expect("readable").severity, Severity::Info);
}

#[test]
fn one_open_incident_of_each_kind_and_for_each_labels() {
    let (_folder, store) = opened();
    let mut labels = Labels::new();
    labels.insert("service", "shop").expect("a label");
    let fleet_wide = NewIncidentRow { labels: Some(labels.clone()), ..of_alerts("web-1") };
    for new in [new_incident("web-1"), of_alerts("web-1"), fleet_wide.clone()] {
        store.write(|batch| batch.open_incident(&new)).expect("there is room for it");
        let refused = StoreError::AlreadyOpen { server: "web-1".to_owned() };
        assert_eq!(store.write(|batch| batch.open_incident(&new)), Err(refused));
    }
    let all = store.incidents(&IncidentFilter::default()).expect("readable");
    assert_eq!((all[0].labels.as_ref(), all[0].severity), (Some(&labels), Severity::Info));
    // Presence knows of its own alone.
    let open = store.open_incidents().expect("readable");
    assert_eq!((open.len(), open[0].kind), (1, IncidentKind::Presence));
    assert_eq!(store.open_incidents_of(IncidentKind::Alerts).expect("readable").len(), 2);
    let kind = Some(IncidentKind::Alerts);
    let filter = IncidentFilter { kind, ..IncidentFilter::default() };
    assert_eq!(store.incidents(&filter).expect("readable").len(), 2);
    let web = &all[1].server;
    let found = store.write(|batch| {
        assert_eq!(batch.open_incident_of(web), Ok(Some(open[0].id)));
        batch.open_incident_about(web, IncidentKind::Alerts, Some(&labels))
    });
    assert_eq!(found, Ok(Some(all[0].id)));
}

#[test]
fn a_family_is_found_from_any_of_it() {
    let (_folder, store) = opened();
    let ids = store
        .write(|batch| {
            let root = batch.open_incident(&new_incident("web-1"))?;
            let part = NewIncidentRow { part_of: Some(root), ..of_alerts("web-1") };
            let server = &part.server;
            assert_eq!(batch.root_for(server, IncidentKind::Presence, 0), Ok(Some(root)));
            let part_id = batch.open_incident(&part)?;
            assert_eq!(batch.root_for(server, IncidentKind::Alerts, i64::MAX), Ok(Some(root)));
            let other = batch.open_incident(&of_alerts("web-2"))?;
            batch.close_incident(root, at(10))?;
            let closed = at(10).unix_ms;
            assert_eq!(batch.root_for(server, IncidentKind::Presence, closed), Ok(Some(root)));
            assert_eq!(batch.root_for(server, IncidentKind::Presence, closed + 1), Ok(None));
            let nobody = NewIncidentRow { part_of: Some(IncidentId(99)), ..of_alerts("web-3") };
            assert!(matches!(batch.open_incident(&nobody), Err(StoreError::NotFound { .. })));
            Ok([root, part_id, other])
        })
        .expect("it is written");
    for id in &ids[..2] {
        let family = store.family(*id).expect("readable");
        assert_eq!(family.iter().map(|one| one.id).collect::<Vec<_>>(), ids[..2]);
        assert!(family.iter().all(|one| one.root() == ids[0]));
    }
    assert_eq!(store.family(ids[2]).expect("readable").len(), 1);
    // The first of them is pruned, and the rest is still there.
    store.prune(i64::MAX, 9).expect("the store works");
    let left = store.incident(ids[1]).expect("readable").expect("it is open");
    assert_eq!(left.part_of, None);
}

#[test]
fn it_is_kept_who_looks_after_an_incident() {
    let (_folder, store) = opened();
    let id = store.write(|batch| batch.open_incident(&of_alerts("web-1"))).expect("written");
    let by = Acknowledged { by: "ada".to_owned(), at_unix_ms: 42 };
    for now in [Some(by), None] {
        store.write(|batch| batch.acknowledge(id, now.as_ref())).expect("it is written");
        let known = store.incident(id).expect("readable").expect("it is there");
        assert_eq!(known.acknowledged, now);
    }
    store.write(|batch| batch.describe_incident(id, Severity::Critical, "worse")).expect("written");
    let known = store.incident(id).expect("readable").expect("it is there");
    assert_eq!((known.severity, known.cause.as_str()), (Severity::Critical, "worse"));
}

#[test]
fn what_is_kept_of_an_alert_is_bounded_and_goes_with_its_incident() {
    let (_folder, store) = opened();
    let incident = store.write(|batch| batch.open_incident(&of_alerts("web-1"))).expect("written");
    let over = |id| StoredAlert { id, facts: alert(incident), over_unix_ms: Some(9) };
    store
        .write(|batch| {
            let first = batch.put_alert(&alert(incident))?;
            for number in 0..60 {
                let letter = batch.enqueue(&shared("ada", &format!("{number}@hub")))?;
                batch.put_alert_told(&told(first, "ada", letter), letter)?;
            }
            for _ in 0..1100 {
                let id = batch.put_alert(&alert(incident))?;
                batch.change_alert(&over(id))?;
            }
            Ok(())
        })
        .expect("it is written");
    assert_eq!(store.shared_letters_of(incident).expect("readable").len(), 50);
    let kept = store.alerts_since(0).expect("readable");
    assert_eq!(kept.len(), 1002, "a thousand, the newest and the one that fires");
    store.write(|batch| batch.close_incident(incident, at(10))).expect("it is written");
    store.prune(i64::MAX, 9).expect("the store works");
    assert_eq!((store.alerts_since(0), store.alerts_told(0)), (Ok(vec![]), Ok(vec![])));
    store.check().expect("it is whole");
}

#[test]
fn letters_of_alerts_hold_up_none_of_presence() {
    let (_folder, store) = opened();
    store
        .write(|batch| {
            let alerts = batch.open_incident(&of_alerts("web-1"))?;
            let presence = batch.open_incident(&new_incident("web-1"))?;
            let about = |incident, id: &str| NewNotification {
                thread: Thread::Own,
                ..new_notification(Some(incident), "ada", id)
            };
            batch.enqueue(&about(alerts, "1@hub"))?;
            let down = batch.enqueue(&about(presence, "2@hub"))?;
            let next = batch.enqueue(&about(alerts, "3@hub"))?;
            assert_eq!((batch.waits(down), batch.waits(next)), (Ok(false), Ok(true)));
            Ok(())
        })
        .expect("it is written");
}
