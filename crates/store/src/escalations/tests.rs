use watchfire_model::{
    Acknowledged, Content, IncidentKind, Moment, NotificationKind, NotificationState, Presence,
    ServerName, Severity, TimelineEntry, TimelineKind,
};

use super::*;
use crate::{NewIncidentRow, NewNotification, Thread};

/// All families that somebody should look after.
fn all(store: &Store) -> Families {
    let found = store.untended_families(IncidentId(0), 1000).unwrap();
    found.unwrap_or(Families { first: 0, last: 0 })
}

fn at(ms: i64) -> Moment {
    Moment { unix_ms: ms, ..Moment::default() }
}

fn open(batch: &Batch<'_>, name: &str, part_of: Option<IncidentId>) -> IncidentId {
    let kind = if part_of.is_some() { IncidentKind::Alerts } else { IncidentKind::Presence };
    let row = NewIncidentRow {
        kind,
        severity: Severity::Critical,
        part_of,
        labels: None,
        server: ServerName::new(name).unwrap(),
        presence: Presence::Down,
        cause: String::new(),
        silence_began: None,
        judged: at(0),
        hub_stalled: std::time::Duration::ZERO,
    };
    batch.open_incident(&row).unwrap()
}

fn tell(
    batch: &Batch<'_>,
    incident: IncidentId,
    user: &str,
    kind: NotificationKind,
    ms: i64,
) -> watchfire_model::NotificationId {
    let letter = NewNotification {
        incident: Some(incident),
        thread: Thread::OfIncident,
        held: false,
        user: user.to_owned(),
        kind,
        channels: Vec::new(),
        content: Content::default(),
        content_if_first: None,
        message_id: format!("{}-{user}-{ms}", incident.0),
        references: Vec::new(),
        created: at(ms),
    };
    batch.enqueue(&letter).unwrap()
}

fn store() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::open(folder.path()).unwrap(), folder)
}

#[test]
fn who_was_told_first_is_known_of_each_family_that_nobody_looks_after() {
    let (store, _folder) = store();
    let (first, second, tended, over) = store
        .write(|batch| {
            let first = open(batch, "web-1", None);
            let second = open(batch, "web-1", Some(first));
            let (tended, over) = (open(batch, "web-2", None), open(batch, "web-3", None));
            for id in [first, second, tended, over] {
                tell(batch, id, "ada", NotificationKind::Down, 100 + id.0);
            }
            let sleeps = tell(batch, first, "bob", NotificationKind::Down, 150);
            batch.defer(sleeps, 900)?;
            tell(batch, second, "bob", NotificationKind::Firing, 160);
            tell(batch, first, "cem", NotificationKind::Escalated, 90);
            let held = tell(batch, first, "dan", NotificationKind::Down, 100);
            batch.set_state(held, NotificationState::Held)?;
            let merged = tell(batch, first, "eva", NotificationKind::Down, 100);
            batch.set_state(merged, NotificationState::Merged)?;
            batch
                .acknowledge(tended, Some(&Acknowledged { by: "ada".to_owned(), at_unix_ms: 1 }))?;
            batch.close_incident(over, at(300))?;
            Ok((first, second, tended, over))
        })
        .unwrap();
    let ids: Vec<IncidentId> =
        store.untended(all(&store)).unwrap().iter().map(|one| one.id).collect();
    assert_eq!(ids, [first, second], "not {tended:?} and {over:?}");
    let told = |user: &str, unix_ms, left_unix_ms| FirstTold {
        root: first,
        user: user.to_owned(),
        unix_ms,
        left_unix_ms,
    };
    let expected = [told("ada", 100 + first.0, 100 + first.0), told("bob", 150, 160)];
    assert_eq!(
        store.first_told(all(&store), &["ada", "bob", "cem", "dan", "eva"]).unwrap(),
        expected
    );
}

#[test]
fn a_stage_is_gone_through_once_and_forgotten_when_somebody_looks_after_it() {
    let (store, _folder) = store();
    let id = store.write(|batch| Ok(open(batch, "web-1", None))).unwrap();
    let done = |stage| StageDone { root: id, user: "ada".to_owned(), stage };
    let through = |stage| store.write(|batch| batch.go_through(&done(stage), 7)).unwrap();
    assert!(through(0) && through(3) && !through(0));
    assert_eq!(store.stages_done(all(&store)).unwrap(), [done(0), done(3)]);
    let missing = StageDone { root: IncidentId(99), ..done(0) };
    assert!(store.write(|batch| batch.go_through(&missing, 7)).is_err());

    let by = Acknowledged { by: "ada".to_owned(), at_unix_ms: 1 };
    store.write(|batch| batch.acknowledge(id, Some(&by))).unwrap();
    assert!(
        store.stages_done(all(&store)).unwrap().is_empty()
            && store.untended(all(&store)).unwrap().is_empty()
    );
    // It was taken back: what was gone through stays so.
    let line = TimelineEntry {
        at: at(500),
        kind: TimelineKind::Acknowledged,
        text: "ada took it back".to_owned(),
    };
    store.write(|batch| batch.acknowledge(id, None).and(batch.add_timeline(id, &line))).unwrap();
    assert_eq!(store.stages_done(all(&store)).unwrap().len(), 2);
    assert_eq!(store.taken_back(all(&store)).unwrap(), [(id, 500)]);
    let lines = |kind| store.write(|batch| batch.lines_of(id, kind)).unwrap();
    assert_eq!((lines(TimelineKind::Acknowledged), lines(TimelineKind::Note)), (1, 0));
}

#[test]
fn families_are_asked_for_in_parts_and_none_is_left_out() {
    let (store, _folder) = store();
    let ids = store
        .write(|batch| {
            let ids: Vec<IncidentId> =
                (0..5).map(|number| open(batch, &format!("web-{number}"), None)).collect();
            for id in &ids {
                tell(batch, *id, "ada", NotificationKind::Down, 100);
                tell(batch, *id, "bob", NotificationKind::Down, 100);
            }
            // Of a family whose root is over, the others go on.
            open(batch, "web-0", Some(ids[0]));
            batch.close_incident(ids[0], at(200))?;
            Ok(ids)
        })
        .unwrap();
    let (mut after, mut found) = (IncidentId(0), Vec::new());
    while let Some(families) = store.untended_families(after, 2).unwrap() {
        let told = store.first_told(families, &["bob"]).unwrap();
        assert!(told.iter().all(|one| one.user == "bob"), "{told:?}");
        let untended = store.untended(families).unwrap();
        assert!(untended.len() <= 2, "{untended:?}");
        found.extend(untended.iter().map(Incident::root));
        after = families.last();
    }
    found.sort_unstable();
    assert_eq!(found, ids);
}
