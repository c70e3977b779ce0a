//! The part of a running hub by which people are told: desks, silences, escalation, courier.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use watchfire_alert::Recipient;
use watchfire_identity::token::TokenKey;
use watchfire_model::{Incident, IncidentKind};
use watchfire_notify::Notifier;
use watchfire_runtime::task::{self, Task};

use super::ground::Ground;
use super::people::{admins, recipients};
use crate::ack_links::AckLinks;
use crate::acks::Acks;
use crate::alerts::{AlertDesk, Returns, Tools};
use crate::around::Surroundings;
use crate::automatic::Offers;
use crate::config::HubConfig;
use crate::courier::{Begun, Courier, Undelivered};
use crate::daily::Daily;
use crate::desk::Desk;
use crate::escalate::{self, Escalator};
use crate::events::{Event, Events};
use crate::muting::Muting;
use crate::self_test::SelfTests;
use crate::silences::{Silences, Watchers};
use crate::wording::Wording;

/// What others ask and give something to.
pub(super) struct Telling {
    pub(super) desk: Arc<Desk>,
    pub(super) alerts: Arc<AlertDesk>,
    pub(super) muting: Arc<Muting>,
    pub(super) silences: Arc<Silences>,
    pub(super) acks: Acks,
    pub(super) ack_links: Arc<AckLinks>,
    pub(super) self_tests: Arc<SelfTests>,
    /// What letters say of the servers around.
    pub(super) around: Arc<Surroundings>,
    pub(super) recipients: Vec<Recipient>,
    /// Wakes the courier.
    pub(super) arrived: Arc<Notify>,
    /// Who is told of the hub's own troubles.
    pub(super) admins: Vec<Recipient>,
    escalator: Arc<Escalator>,
    daily: Arc<Daily>,
    courier: Arc<Courier>,
}

impl Telling {
    /// Makes it of what the config says. Nothing runs yet.
    pub(super) fn open(
        ground: &Ground,
        config: &HubConfig,
        open: Vec<Incident>,
        notifier: Notifier,
        token_key: &TokenKey,
    ) -> Self {
        let arrived = Arc::new(Notify::new());
        let begun = Arc::new(Begun::default());
        let recipients = recipients(&config.users, &config.users);
        let admins = admins(&config.users);
        let muting = Arc::new(Muting::new(config.maintenance.clone()));
        let users = config.users.iter().map(|user| (user.name.as_str(), user.role));
        let ack_links = Arc::new(AckLinks::new(token_key, &ground.public_url, users));
        let around = Arc::new(Surroundings::default());
        let own = Arc::new(config.messages.words.clone());
        let offers = Offers::new(&config.remedies);
        let wording = Wording { around: around.clone(), own, offers };
        let returns = Arc::new(Returns::default());
        let alerts = AlertDesk::new(Tools {
            fleet: ground.fleet.clone(),
            store: ground.store.clone(),
            recipients: recipients.clone(),
            muting: muting.clone(),
            events: ground.events.clone(),
            courier: arrived.clone(),
            ack_links: Some(ack_links.clone()),
            public_url: ground.public_url.clone(),
            hub_id: ground.hub_id.clone(),
            wording: wording.clone(),
        });
        let alerts = Arc::new(alerts.with_returns(returns.clone()));
        let desk = Desk::new(
            ground.fleet.clone(),
            ground.store.clone(),
            open,
            (recipients.clone(), ground.public_url.clone(), ground.hub_id.clone()),
            ground.events.clone(),
            arrived.clone(),
            begun.clone(),
        );
        let desk = desk.with_muting(muting.clone()).with_returns(returns);
        let desk = Arc::new(desk.with_wording(wording).with_ack_links(ack_links.clone()));
        let on_change = on_change(&desk, &alerts, &ground.events);
        let escalator = Escalator {
            fleet: ground.fleet.clone(),
            store: ground.store.clone(),
            recipients: recipients.clone(),
            plans: escalate::plans(&config.users),
            muting: muting.clone(),
            links: ack_links.clone(),
            alerts: Some(alerts.clone()),
            on_change: on_change.clone(),
            public_url: ground.public_url.clone(),
            hub_id: ground.hub_id.clone(),
            courier: arrived.clone(),
            known: Mutex::default(),
        };
        let silences = Silences::open(
            ground.store.clone(),
            ground.fleet.clone(),
            muting.clone(),
            ground.clock.clone(),
        );
        let silences = silences.with_alerts(alerts.clone()).with_watchers(Watchers {
            admins: admins.clone(),
            public_url: ground.public_url.clone(),
            hub_id: ground.hub_id.clone(),
            courier: arrived.clone(),
            told: Mutex::default(),
        });
        let self_tests = SelfTests::new(
            ground.store.clone(),
            config.users.clone(),
            (ground.public_url.clone(), ground.hub_id.clone()),
            arrived.clone(),
        );
        let self_tests = self_tests.with_budget(config.budget);
        let daily = Daily {
            fleet: ground.fleet.clone(),
            store: ground.store.clone(),
            users: config.users.clone(),
            public_url: ground.public_url.clone(),
            hub_id: ground.hub_id.clone(),
            courier: arrived.clone(),
        };
        let undelivered = Undelivered {
            recipients: recipients.clone(),
            admins: admins.clone(),
            hub_id: ground.hub_id.clone(),
            public_url: ground.public_url.clone(),
        };
        let courier = Courier::new(
            ground.store.clone(),
            notifier,
            ground.clock.clone(),
            arrived.clone(),
            begun,
        );
        let courier = courier.with_budget(config.budget).telling(undelivered);
        Self {
            silences: Arc::new(silences),
            acks: Acks::new(ground.store.clone(), on_change),
            self_tests: Arc::new(self_tests.with_budget(config.budget)),
            escalator: Arc::new(escalator),
            daily: Arc::new(daily),
            courier: Arc::new(courier),
            desk,
            alerts,
            muting,
            ack_links,
            around,
            recipients,
            arrived,
            admins,
        }
    }

    /// Looks first where that goes which waits to be sent: its user may have gone, or have other
    /// channels by now. Then it starts the courier, which is to be waited for at the end.
    pub(super) async fn send(&self, ground: &Ground) -> Task<()> {
        let looking = self.desk.clone();
        match task::blocking("outbox", move || looking.reroute()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "what waits goes where it was to go"),
            Err(failed) => tracing::error!(%failed, "what waits goes where it was to go"),
        }
        ground.critical("courier", self.courier.clone().run(ground.shutdown.clone()))
    }

    /// Starts everything else.
    pub(super) fn start(&self, ground: &Ground) -> Vec<Task<()>> {
        let (clock, shutdown) = (|| ground.clock.clone(), || ground.shutdown.clone());
        let escalator = self.escalator.clone();
        vec![
            ground.critical("desk", self.desk.clone().run(clock(), shutdown())),
            ground.critical("alerts", self.alerts.clone().run(clock(), shutdown())),
            ground.critical("daily", self.daily.clone().run(clock(), shutdown())),
            ground.restarting("escalations", move |clock, shutdown| {
                escalator.clone().run(clock, shutdown)
            }),
            task::spawn("self tests", self.self_tests.clone().run(clock(), shutdown())),
            task::spawn("silences", self.silences.clone().keep(shutdown())),
        ]
    }
}

/// Tells the desks and the open pages that somebody looks after an incident, or wrote to it.
fn on_change(
    desk: &Arc<Desk>,
    alerts: &Arc<AlertDesk>,
    events: &Events,
) -> Arc<dyn Fn(&Incident) + Send + Sync> {
    let (desk, alerts, events) = (desk.clone(), alerts.clone(), events.clone());
    Arc::new(move |incident| {
        match incident.kind {
            IncidentKind::Presence => desk.tended(incident),
            IncidentKind::Alerts => alerts.tended(incident),
        }
        events.tell(Event::of(incident));
    })
}
