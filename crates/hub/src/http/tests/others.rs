//! Who looked at a server is shown to those alone who may know of it (invariant I7).

use axum::body::BodyDataStream;
use futures_util::StreamExt;
use watchfire_alert::other_server;
use watchfire_model::{NotificationKind, Presence, TimelineEntry, TimelineKind};

use super::*;
use crate::events::Event;
use crate::testing::{letter, moment, name};

impl House {
    /// Has b-1 look at a-1, and ann and root told so.
    fn look(&self) {
        let (id, by) = (self.incident_a, other_server("b-1"));
        let cause = format!("The hub does not reach it, {by} does.");
        let line = TimelineEntry {
            at: moment(0),
            kind: TimelineKind::Observed,
            text: format!("{by}: the agent answered"),
        };
        let told = |user, words| letter(Some(id), user, NotificationKind::Down, &["x:"], words);
        let written = self.store.write(|batch| {
            batch.change_incident(id, Presence::Unreachable, &cause)?;
            batch.add_timeline(id, &line)?;
            batch.enqueue(&told("root", "b-1 reaches it"))?;
            batch.enqueue(&told("olga", "another one reaches it"))
        });
        written.expect("the store works");
        self.fleet.set_incident(&name("a-1"), Some((id, cause)));
    }
}

#[tokio::test]
async fn no_answer_names_an_observer_that_is_not_the_callers() {
    let house = House::new();
    house.look();
    for (user, sees_all) in [("ann", false), ("olga", false), ("root", true)] {
        let seat = house.log_in(user).await;
        let one = house.of_team_a("/api/incidents/{id}");
        for path in ["/api/servers", "/api/servers/a-1", "/api/incidents?server=a-1", &one] {
            let body = house.get(path, Some(&seat)).await.body;
            let words = if sees_all { "b-1 does." } else { "another server does." };
            assert!(body.contains(words), "{user} {path}: {body}");
            assert!(sees_all || !body.contains("b-1"), "{user} {path}: {body}");
            assert!(!body.contains(['\u{2068}', '\u{2069}']), "{user} {path}: {body}");
        }
        let body = house.get(&one, Some(&seat)).await.body;
        let line = if sees_all { "b-1: the agent" } else { "another server: the agent" };
        assert!(body.contains(line), "{user}: {body}");
    }
}

#[tokio::test]
async fn an_operator_reads_of_anothers_letter_only_what_is_known_to_both() {
    let house = House::new();
    let path = house.of_team_a("/api/incidents/{id}");
    let seat = house.log_in("olga").await;
    let told = letter(Some(house.incident_a), "root", NotificationKind::Down, &["x:"], "a-1 fell");
    house.store.write(|batch| batch.enqueue(&told)).expect("the store works");
    let body = house.get(&path, Some(&seat)).await.body;
    assert!(body.contains("a-1 fell"), "nothing was hidden: {body}");
    house.look();
    let body = house.get(&path, Some(&seat)).await.body;
    assert!(!body.contains("a-1 fell") && !body.contains("b-1"), "{body}");
    assert!(body.contains("not shown") && body.contains("another one reaches it"), "{body}");
}

#[tokio::test]
async fn no_frame_names_an_observer_that_is_not_the_callers() {
    let house = House::new();
    let (ann, root) = (house.log_in("ann").await, house.log_in("root").await);
    let mut lives: Vec<BodyDataStream> = Vec::new();
    for seat in [&ann, &root] {
        let request = asking(Method::GET, "/api/events", Some(seat));
        let answer = house.app.clone().oneshot(request).await.expect("a router answers always");
        lives.push(answer.into_body().into_data_stream());
    }
    for live in &mut lives {
        live.next().await.expect("a greeting").expect("no error");
    }
    house.look();
    let incident = house.store.incident(house.incident_a).expect("readable").expect("it is there");
    // What the fleet tells, this house does not hear.
    let index = house.fleet.index(&name("a-1")).expect("it is watched");
    house.events.tell(Event::Server(index));
    house.events.tell(Event::Incident(name("a-1"), (&incident).into()));
    for (live, words) in lives.iter_mut().zip(["another server does.", "b-1 does."]) {
        for kind in ["event: server", "event: incident"] {
            let frame = live.next().await.expect("open").expect("no error");
            let frame = String::from_utf8(frame.to_vec()).expect("text");
            assert!(frame.starts_with(kind) && frame.contains(words), "{frame}");
            assert_eq!(frame.contains("b-1"), words.contains("b-1"), "{frame}");
        }
    }
}
