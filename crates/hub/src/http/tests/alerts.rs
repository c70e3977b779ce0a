//! Incidents of alerts, and who is shown what belongs to them.

use watchfire_api::hub::{IncidentDetail, IncidentList};
use watchfire_model::{Acknowledged, LabelSet, NotificationKind};
use watchfire_store::AlertTold;

use super::*;
use crate::alerts::{Firing, Round};
use crate::testing::letter;

impl House {
    /// Something fires on both servers, and something that is about none of them.
    async fn fire(&self) {
        let alerts = [
            &[("alertname", "DiskFull"), ("instance", "a-1"), ("severity", "critical")][..],
            &[("alertname", "DiskFull"), ("instance", "b-1")],
            &[("alertname", "Slow"), ("team", "b")],
            // A name that a server has as well.
            &[("alertname", "a-1"), ("team", "b")],
        ];
        let alerts = alerts.map(|labels| Firing {
            labels: LabelSet::of(labels),
            annotations: vec![("summary".to_owned(), "it is full".to_owned())],
            value: Some(97.0),
            starts_ms: 1,
            ends_ms: None,
            generator_url: "https://hub.test/rule".to_owned(),
        });
        let round = Round {
            source: "api".to_owned(),
            alerts: alerts.to_vec(),
            is_whole: true,
            at_ms: 2,
            rules: None,
            order: 0,
            poster: None,
        };
        self.state.parts.alerts.take(round).await.expect("the store works");
    }

    async fn rows(&self, user: &str) -> Vec<(String, String, String)> {
        let seat = self.log_in(user).await;
        let answer = self.get("/api/incidents", Some(&seat)).await;
        let list: IncidentList = serde_json::from_str(&answer.body).expect("a list");
        list.incidents.into_iter().map(|row| (row.kind, row.server, row.severity)).collect()
    }

    async fn detail(&self, user: &str, id: i64) -> Option<IncidentDetail> {
        let seat = self.log_in(user).await;
        let answer = self.get(&format!("/api/incidents/{id}"), Some(&seat)).await;
        (answer.status == StatusCode::OK)
            .then(|| serde_json::from_str(&answer.body).expect("a detail"))
    }
}

fn row(kind: &str, server: &str, severity: &str) -> (String, String, String) {
    (kind.to_owned(), server.to_owned(), severity.to_owned())
}

#[tokio::test]
async fn who_may_not_know_of_an_alert_sees_neither_it_nor_its_incident() {
    let house = House::new();
    house.fire().await;
    let theirs = [row("alerts", "a-1", "critical"), row("presence", "a-1", "critical")];
    assert_eq!(house.rows("ann").await, theirs);
    assert_eq!(house.rows("root").await.len(), 6);
    for id in 1..=6 {
        let shown = house.detail("ann", id).await;
        assert_eq!(shown.is_some(), [house.incident_a.0, 3].contains(&id), "{id}");
        if let Some(detail) = shown {
            assert!(detail.alerts.iter().all(|alert| alert.labels["instance"] == "a-1"));
        }
    }
}

#[tokio::test]
async fn any_incident_of_a_family_answers_for_all_of_it() {
    let house = House::new();
    house.fire().await;
    let by = Acknowledged { by: "olga".to_owned(), at_unix_ms: 7 };
    let done = house.store.write(|batch| {
        batch.acknowledge(house.incident_a, Some(&by))?;
        let down = letter(Some(house.incident_a), "olga", NotificationKind::Down, &["x:"], "down");
        batch.enqueue(&down)
    });
    done.expect("the store works");
    for (id, other) in [(house.incident_a.0, 3), (3, house.incident_a.0)] {
        let detail = house.detail("olga", id).await.expect("it is theirs");
        assert_eq!(detail.row.id, id);
        assert_eq!(detail.family.iter().map(|row| row.id).collect::<Vec<_>>(), [other]);
        let alert = &detail.alerts[0];
        assert_eq!(
            (detail.alerts.len(), alert.incident, alert.severity.as_str()),
            (1, 3, "critical")
        );
        assert_eq!((alert.value, alert.source.as_str()), (Some(97.0), "api"));
        let lines = detail.timeline.iter().map(|line| line.text.as_str());
        assert_eq!(lines.collect::<Vec<_>>(), ["DiskFull: it is full"]);
        assert_eq!(detail.notifications.len(), 1, "that of the trouble");
        let rows = [&detail.row].into_iter().chain(&detail.family);
        let known: Vec<_> = rows.map(|row| (row.id, row.part_of, &row.acknowledged)).collect();
        let root = known.iter().find(|(id, ..)| *id == house.incident_a.0).expect("it is there");
        assert!(root.1.is_none() && root.2.as_ref().is_some_and(|one| one.by == "olga"));
        assert!(known.iter().any(|(_, part_of, _)| *part_of == Some(house.incident_a.0)));
    }
}

#[tokio::test]
async fn a_letter_about_others_too_is_shown_without_its_words() {
    let house = House::new();
    house.fire().await;
    let told = |user: &str, alert, words: &str| {
        let shared = letter(None, user, NotificationKind::Firing, &["x:"], words);
        house
            .store
            .write(|batch| {
                let id = batch.enqueue(&shared)?;
                let (user, thread) = (user.to_owned(), Some(id));
                let told = AlertTold { alert, user, is_firing: true, unix_ms: 1, thread };
                batch.put_alert_told(&told, id)
            })
            .expect("the store works");
    };
    told("root", 1, "a-1 and b-1 are full");
    told("olga", 1, "a-1 is full");
    let subjects = |detail: IncidentDetail| {
        detail.notifications.into_iter().map(|one| one.subject).collect::<Vec<_>>()
    };
    let olga = subjects(house.detail("olga", 3).await.expect("it is theirs"));
    assert_eq!(olga, [super::super::incidents::NOT_SHOWN, "a-1 is full"]);
    let root = subjects(house.detail("root", 3).await.expect("it is theirs"));
    assert_eq!(root, ["a-1 and b-1 are full", "a-1 is full"]);
    assert_eq!(subjects(house.detail("ann", 3).await.expect("it is theirs")), [""; 0]);
}

#[tokio::test]
async fn pages_hear_of_alerts_only_what_is_theirs() {
    let house = House::new();
    let mut heard = house.events.listen();
    house.fire().await;
    let mut servers = Vec::new();
    while let Ok(event) = heard.try_recv() {
        match event {
            crate::events::Event::Incident(server, _) => servers.push(server.to_string()),
            crate::events::Event::FleetWide(labels, row) => {
                assert_eq!(labels.get("alertname").map(str::to_owned), Some(row.server));
            }
            crate::events::Event::Server(_) => {}
        }
    }
    assert_eq!(servers, ["a-1", "b-1"]);
}
