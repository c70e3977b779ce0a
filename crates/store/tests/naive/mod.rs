//! The store as a few vectors: what the real one must do, without a disk.

use std::collections::BTreeMap;

use watchfire_model::{
    Channel, Content, Delivery, DeliveryOutcome, Incident, IncidentId, IncidentState, Moment,
    Notification, NotificationId, NotificationState, Presence, TimelineEntry,
};
use watchfire_store::{
    DeliveryId, IncidentFilter, LaneKey, NewIncidentRow, NewNotification, Pruned, StoreError,
    Teller, Thread,
};

type Done<T> = Result<T, StoreError>;

/// Numbers are never used twice, so they are kept apart from the rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Naive {
    pub(crate) incidents: BTreeMap<i64, (Incident, Vec<TimelineEntry>)>,
    pub(crate) notifications: BTreeMap<i64, Notification>,
    deliveries: BTreeMap<i64, Delivery>,
    told_by: BTreeMap<i64, i64>,
    last: [i64; 3],
}

fn waits(state: NotificationState) -> bool {
    matches!(state, NotificationState::Pending | NotificationState::Held)
}

fn next(last: &mut i64) -> i64 {
    *last += 1;
    *last
}

impl Naive {
    pub(crate) fn open_incident(&mut self, new: &NewIncidentRow) -> Done<IncidentId> {
        let open = |(incident, _): &(Incident, _)| {
            incident.server == new.server && incident.state == IncidentState::Open
        };
        if self.incidents.values().any(open) {
            return Err(StoreError::AlreadyOpen { server: new.server.to_string() });
        }
        let id = IncidentId(next(&mut self.last[0]));
        let incident = Incident {
            id,
            kind: new.kind,
            severity: new.severity,
            part_of: new.part_of,
            labels: new.labels.clone(),
            acknowledged: None,
            server: new.server.clone(),
            presence: new.presence,
            cause: new.cause.clone(),
            silence_began: new.silence_began,
            judged: new.judged,
            hub_stalled: new.hub_stalled,
            state: IncidentState::Open,
        };
        self.incidents.insert(id.0, (incident, Vec::new()));
        Ok(id)
    }

    /// All channels that anything goes by.
    pub(crate) fn channels(&self) -> impl Iterator<Item = &Channel> {
        let of_letters = self.notifications.values().flat_map(|letter| &letter.channels);
        of_letters.chain(self.deliveries.values().map(|delivery| &delivery.channel))
    }

    fn open(&mut self, id: IncidentId) -> Done<&mut Incident> {
        self.incidents
            .get_mut(&id.0)
            .map(|(incident, _)| incident)
            .filter(|incident| incident.state == IncidentState::Open)
            .ok_or(StoreError::NotFound { what: "open incident", id: id.0 })
    }

    pub(crate) fn change(&mut self, id: IncidentId, to: Presence, cause: &str) -> Done<()> {
        let incident = self.open(id)?;
        incident.presence = to;
        incident.cause = cause.to_owned();
        Ok(())
    }

    pub(crate) fn correct(&mut self, id: IncidentId, cause: &str) -> Done<()> {
        let missing = StoreError::NotFound { what: "incident", id: id.0 };
        self.incidents.get_mut(&id.0).ok_or(missing)?.0.cause = cause.to_owned();
        Ok(())
    }

    pub(crate) fn close(&mut self, id: IncidentId, at: Moment) -> Done<()> {
        self.open(id)?.state = IncidentState::Closed(at);
        Ok(())
    }

    pub(crate) fn add_timeline(&mut self, id: IncidentId, entry: &TimelineEntry) -> Done<()> {
        let missing = StoreError::NotFound { what: "incident", id: id.0 };
        self.incidents.get_mut(&id.0).ok_or(missing)?.1.push(entry.clone());
        Ok(())
    }

    pub(crate) fn enqueue(&mut self, new: &NewNotification) -> Done<NotificationId> {
        let known = self.notifications.values().find(|known| known.message_id == new.message_id);
        if let Some(known) = known {
            return Ok(known.id);
        }
        if let Some(id) = new.incident
            && !self.incidents.contains_key(&id.0)
        {
            return Err(StoreError::NotFound { what: "incident", id: id.0 });
        }
        if let Thread::Of(first) = new.thread {
            self.notification(first)?;
        }
        let id = NotificationId(next(&mut self.last[1]));
        let state = if new.held { NotificationState::Held } else { NotificationState::Pending };
        let notification = Notification {
            id,
            incident: new.incident,
            thread: match new.thread {
                Thread::OfIncident => None,
                Thread::Own => Some(id),
                Thread::Of(first) => Some(first),
            },
            user: new.user.clone(),
            kind: new.kind,
            channels: new.channels.clone(),
            content: new.content.clone(),
            content_if_first: new.content_if_first.clone(),
            message_id: new.message_id.clone(),
            references: new.references.clone(),
            created: new.created,
            not_before_ms: None,
            state,
        };
        self.notifications.insert(id.0, notification);
        Ok(id)
    }

    pub(crate) fn release(&mut self, id: NotificationId, words: &Content) -> Done<NotificationId> {
        let one = self.held(id)?;
        one.state = NotificationState::Pending;
        one.content = words.clone();
        one.content_if_first = Some(words.clone());
        let user = one.user.clone();
        let is_last = !self.notifications.range(id.0 + 1..).any(|(_, one)| one.user == user);
        Ok(if is_last { id } else { self.renumber(id) })
    }

    fn renumber(&mut self, id: NotificationId) -> NotificationId {
        let last = NotificationId(next(&mut self.last[1]));
        let moved = |at: &mut NotificationId| *at = if *at == id { last } else { *at };
        if let Some(one) = self.notifications.remove(&id.0) {
            self.notifications.insert(last.0, Notification { id: last, ..one });
        }
        self.notifications.values_mut().filter_map(|one| one.thread.as_mut()).for_each(moved);
        self.deliveries.values_mut().for_each(|one| moved(&mut one.notification));
        if let Some(by) = self.told_by.remove(&id.0) {
            self.told_by.insert(last.0, by);
        }
        self.told_by.values_mut().filter(|by| **by == id.0).for_each(|by| *by = last.0);
        last
    }

    pub(crate) fn merge(&mut self, id: NotificationId, to: Option<Teller>) -> Done<()> {
        self.held(id)?;
        // SQLite looks at the references when the statement ends.
        let there = |id: NotificationId| self.notifications.contains_key(&id.0);
        if !to.is_none_or(|to| there(to.letter) && there(to.thread)) {
            return Err(StoreError::Refused { why: "FOREIGN KEY constraint failed".to_owned() });
        }
        let one = self.held(id)?;
        one.state = NotificationState::Merged;
        one.thread = to.map(|to| to.thread);
        self.told_by.remove(&id.0);
        self.told_by.extend(to.map(|to| (id.0, to.letter.0)));
        Ok(())
    }

    fn held(&mut self, id: NotificationId) -> Done<&mut Notification> {
        let missing = StoreError::NotFound { what: "held notification", id: id.0 };
        let held = |one: &&mut Notification| one.state == NotificationState::Held;
        self.notifications.get_mut(&id.0).filter(held).ok_or(missing)
    }

    fn notification(&mut self, id: NotificationId) -> Done<&mut Notification> {
        let missing = StoreError::NotFound { what: "notification", id: id.0 };
        self.notifications.get_mut(&id.0).ok_or(missing)
    }

    pub(crate) fn set_state(&mut self, id: NotificationId, to: NotificationState) -> Done<()> {
        self.notification(id)?.state = to;
        Ok(())
    }

    pub(crate) fn begin(
        &mut self,
        id: NotificationId,
        channel: &Channel,
        began: Moment,
    ) -> Done<DeliveryId> {
        let state = self.notification(id)?.state;
        if state != NotificationState::Pending {
            return Err(StoreError::NotPending { id: id.0, state });
        }
        let attempt = self.own_deliveries(id).len() as u32 + 1;
        let delivery = DeliveryId(next(&mut self.last[2]));
        let row = Delivery {
            notification: id,
            channel: channel.clone(),
            attempt,
            began,
            ended: None,
            outcome: DeliveryOutcome::Unknown,
        };
        self.deliveries.insert(delivery.0, row);
        Ok(delivery)
    }

    pub(crate) fn end(
        &mut self,
        id: DeliveryId,
        at: Moment,
        outcome: &DeliveryOutcome,
    ) -> Done<()> {
        let missing = StoreError::NotFound { what: "delivery", id: id.0 };
        let delivery = self.deliveries.get_mut(&id.0).ok_or(missing)?;
        if delivery.ended.is_some() {
            return Err(StoreError::AlreadyEnded { id: id.0 });
        }
        delivery.ended = Some(at);
        delivery.outcome = outcome.clone();
        Ok(())
    }

    pub(crate) fn deliveries_of(&self, id: NotificationId) -> Vec<Delivery> {
        let id = self.told_by.get(&id.0).copied().map_or(id, NotificationId);
        self.own_deliveries(id)
    }

    fn own_deliveries(&self, id: NotificationId) -> Vec<Delivery> {
        self.deliveries.values().filter(|one| one.notification == id).cloned().collect()
    }

    pub(crate) fn notifications_of(&self, id: IncidentId) -> Vec<Notification> {
        self.notifications.values().filter(|one| one.incident == Some(id)).cloned().collect()
    }

    pub(crate) fn page(&self, filter: &IncidentFilter) -> Vec<Incident> {
        let newest_first = self.incidents.values().rev().map(|(incident, _)| incident);
        newest_first
            .filter(|one| !filter.open_only || one.state == IncidentState::Open)
            .filter(|one| filter.server.as_ref().is_none_or(|server| one.server == *server))
            .filter(|one| filter.before_id.is_none_or(|before| one.id < before))
            .take(filter.limit)
            .cloned()
            .collect()
    }

    pub(crate) fn lanes(&self) -> Vec<LaneKey> {
        let mut lanes = Vec::new();
        for one in self.notifications.values() {
            let key = LaneKey::of(one);
            if one.state == NotificationState::Pending && !lanes.contains(&key) {
                lanes.push(key);
            }
        }
        lanes
    }

    pub(crate) fn lane(&self, key: &LaneKey) -> Vec<(Notification, Vec<Delivery>)> {
        let told_by_thread =
            |one: &Notification| one.thread.is_some() && one.state == NotificationState::Merged;
        let mut in_lane = self.notifications.values().collect::<Vec<_>>();
        in_lane.retain(|one| LaneKey::of(one) == *key && !told_by_thread(one));
        let in_lane = in_lane.into_iter();
        in_lane.map(|one| (one.clone(), self.own_deliveries(one.id))).collect()
    }

    pub(crate) fn prune(&mut self, older_than: i64, most: usize) -> Pruned {
        let mut ended: Vec<(i64, i64)> = Vec::new();
        for (incident, _) in self.incidents.values() {
            let pending = |one: &Notification| waits(one.state);
            if let IncidentState::Closed(at) = incident.state
                && at.unix_ms < older_than
                && !self.notifications_of(incident.id).iter().any(pending)
            {
                ended.push((at.unix_ms, incident.id.0));
            }
        }
        let mut reports: Vec<(i64, i64)> = Vec::new();
        for one in self.notifications.values() {
            if one.incident.is_none() && !waits(one.state) && one.created.unix_ms < older_than {
                reports.push((one.created.unix_ms, one.id.0));
            }
        }
        for list in [&mut ended, &mut reports] {
            list.sort_unstable();
            list.truncate(most);
        }
        for (_, id) in &ended {
            self.incidents.remove(id);
            self.notifications.retain(|_, one| one.incident != Some(IncidentId(*id)));
        }
        for (_, id) in &reports {
            self.notifications.remove(id);
        }
        let there: Vec<i64> = self.notifications.keys().copied().collect();
        self.told_by.retain(|told, by| there.contains(told) && there.contains(by));
        for one in self.notifications.values_mut() {
            one.thread = one.thread.filter(|first| there.contains(&first.0));
        }
        let left = &self.notifications;
        self.deliveries.retain(|_, one| left.contains_key(&one.notification.0));
        Pruned { incidents: ended.len(), reports: reports.len() }
    }
}
