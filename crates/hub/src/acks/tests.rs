use std::sync::Mutex;

use watchfire_model::{IncidentKind, Presence, Severity};
use watchfire_store::NewIncidentRow;

use super::*;
use crate::testing::{moment, name, open_incident};

struct Desk {
    acks: Acks,
    store: Store,
    told: Arc<Mutex<Vec<IncidentId>>>,
    _folder: tempfile::TempDir,
}

fn desk() -> Desk {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    let told: Arc<Mutex<Vec<IncidentId>>> = Arc::default();
    let hears = told.clone();
    let on_change = move |incident: &Incident| hears.lock().expect("whole").push(incident.id);
    let acks = Acks::new(store.clone(), Arc::new(on_change));
    Desk { acks, store, told, _folder: folder }
}

fn ada() -> Actor<'static> {
    Actor { user: "ada", at: moment(9), how: "" }
}

/// An incident of alerts that is part of another.
fn member(store: &Store, root: IncidentId) -> IncidentId {
    let row = NewIncidentRow {
        kind: IncidentKind::Alerts,
        severity: Severity::Warning,
        part_of: Some(root),
        labels: None,
        server: name("a-1"),
        presence: Presence::Up,
        cause: "DiskFull fires".to_owned(),
        silence_began: None,
        judged: moment(1),
        hub_stalled: std::time::Duration::ZERO,
    };
    store.write(|batch| batch.open_incident(&row)).expect("the store works")
}

#[test]
fn a_family_is_looked_after_together_and_others_are_not() {
    let Desk { acks, store, told, .. } = desk();
    let root = open_incident(&store, "a-1", 0);
    let (part, other) = (member(&store, root), open_incident(&store, "b-1", 0));
    let by = |id| {
        let incident = store.incident(id).expect("readable").expect("is there");
        incident.acknowledged.map(|one| one.by)
    };
    let row = acks.acknowledge(part, &ada(), None).expect("goes on");
    assert_eq!((row.id, row.acknowledged.map(|one| one.by)), (part, Some("ada".to_owned())));
    assert_eq!((by(root), by(part), by(other)), (Some("ada".into()), Some("ada".into()), None));
    assert_eq!(*told.lock().expect("whole"), [root, part]);

    // What is over keeps who looked after it.
    store.write(|batch| batch.close_incident(root, moment(10))).expect("the store works");
    acks.take_back(part, &ada()).expect("is there");
    assert_eq!((by(root), by(part)), (Some("ada".into()), None));
    // The root is over, and another of its family is not.
    acks.acknowledge(root, &Actor { user: "bob", ..ada() }, None).expect("one goes on");
    assert_eq!((by(root), by(part)), (Some("ada".into()), Some("bob".into())));
    assert!(matches!(acks.acknowledge(IncidentId(99), &ada(), None), Err(AckError::NotFound)));
}

#[test]
fn there_is_a_limit_to_notes_and_to_coming_and_going() {
    let Desk { acks, store, .. } = desk();
    let id = open_incident(&store, "a-1", 0);
    for number in 0..MAX_NOTES {
        acks.note(id, &ada(), &number.to_string()).expect("there is room");
    }
    assert!(matches!(acks.note(id, &ada(), "one more"), Err(AckError::Notes)));
    // It is one step: without room for its note, nobody looks after it either.
    let refused = acks.acknowledge(id, &ada(), Some("note"));
    assert!(matches!(refused, Err(AckError::Notes)));
    let untended = store.untended_families(IncidentId(0), 1).expect("readable");
    assert!(untended.is_some(), "it was not acknowledged");
    for _ in 0..MAX_TURNS / 2 {
        acks.acknowledge(id, &ada(), None).expect("there is room");
        acks.take_back(id, &ada()).expect("there is room");
    }
    assert!(matches!(acks.acknowledge(id, &ada(), None), Err(AckError::Turns)));
    assert_eq!(store.timeline(id).expect("readable").len(), MAX_NOTES + MAX_TURNS);
}

#[test]
fn a_note_is_plain_text_of_some_lines() {
    assert_eq!(
        readable("  a\tb \r\n\r\n\u{2068}c\u{2069}\u{1b}[2K ").ok(),
        Some("a b\n\nc[2K".into())
    );
    assert!(readable(&"x".repeat(MAX_NOTE_BYTES)).is_ok());
    for bad in ["", " \n ", "\u{200b}", &"x".repeat(MAX_NOTE_BYTES + 1)] {
        assert!(matches!(readable(bad), Err(AckError::BadNote)), "{bad:.9?}");
    }
}
