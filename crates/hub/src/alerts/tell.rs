//! What a user is told of alerts: one letter for all that goes the same way.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use watchfire_alert::{Recipient, message_id};
use watchfire_model::{
    Moment, Notification, NotificationId, NotificationKind, Severity, TimelineKind,
};
use watchfire_store::{AlertTold, Batch, NewNotification, StoreError, Thread};

use super::book::{Alert, Item, Told};
use super::change::{Work, name_of};
use super::look::kind_of;
use super::news::FLAP_HOLD;
use super::route::{self, Route};
use super::{subject, words};

/// How often something critical is told again that goes on and that nobody looks after.
pub(super) const REPEAT: Duration = Duration::from_secs(4 * 60 * 60);
/// How often it is looked whether something is muted still: windows and clocks are changed.
const LOOK: Duration = Duration::from_secs(60);

/// An alert that is told now.
struct Member {
    alert: Arc<Alert>,
    route: Route,
    thread: Option<NotificationId>,
    repeats: bool,
}

/// Why nobody is told of an alert now, and when to look again.
struct Muted {
    why: Arc<str>,
    until: Moment,
}

impl Work<'_> {
    /// Tells a user what is due, and what else there is to tell with it.
    pub(super) fn tell(&mut self, batch: &Batch<'_>, name: &str) -> Result<(), StoreError> {
        let desk = self.desk;
        let user = desk.tools.recipients.iter().find(|user| user.name == name);
        let pool = self.book.news.get(name).cloned().unwrap_or_default();
        let mut items: Vec<(i64, Item)> = pool.iter().map(|(id, item)| (*id, *item)).collect();
        items.sort_unstable_by_key(|(id, _)| *id);
        let mut firsts: HashMap<NotificationId, Option<Notification>> = HashMap::new();
        let mut members = Vec::new();
        for (id, item) in items {
            let Some(alert) = self.book.alerts.get(&id).cloned() else {
                self.end_news(batch, id, name)?;
                continue;
            };
            let Some(user) = user.filter(|user| desk.tools.concerns(user, &alert)) else {
                self.end_news(batch, id, name)?;
                self.book.is_told(id);
                continue;
            };
            let member = self.member(batch, user, &alert, item, &mut firsts)?;
            members.extend(member);
        }
        let Some(user) = user else { return Ok(()) };
        for part in together(members) {
            self.letter(batch, user, &part, &firsts)?;
        }
        Ok(())
    }

    /// How an alert is told to a user; `None` when it is not told now.
    fn member(
        &mut self,
        batch: &Batch<'_>,
        user: &Recipient,
        alert: &Arc<Alert>,
        item: Item,
        firsts: &mut HashMap<NotificationId, Option<Notification>>,
    ) -> Result<Option<Member>, StoreError> {
        let is_due = item.due.monotonic <= self.now.monotonic;
        let flaps = self.flaps(alert);
        if !is_due && (item.is_repeat || flaps) {
            return Ok(None);
        }
        let told = alert.told_to(&user.name);
        let knows = told.is_some_and(|told| told.is_firing);
        if item.is_repeat && (!alert.fires() || self.is_looked_after(batch, alert)?) {
            let due = self.now.after(REPEAT);
            self.book.wait(&user.name, alert.id, Item::repeat(due));
            return Ok(None);
        }
        if alert.fires()
            && let Some(muted) = self.muted(alert)
        {
            self.mute(batch, alert, &muted.why)?;
            self.wait_longer(&user.name, alert.id, item, muted.until);
            return Ok(None);
        }
        if knows == alert.fires() && !item.is_repeat && !flaps {
            self.as_known(batch, alert, &user.name)?;
            self.book.is_told(alert.id);
            return Ok(None);
        }
        // A new trouble has a thread of its own; what follows goes on in it.
        let goes_on = knows || flaps;
        let thread = told.and_then(|told| told.thread).filter(|_| goes_on);
        let first = match thread {
            Some(id) => match firsts.get(&id) {
                Some(first) => first.clone(),
                None => {
                    let first = batch.notification(id)?;
                    firsts.insert(id, first.clone());
                    first
                }
            },
            None => None,
        };
        let labels = subject::labels_of(&self.tools.fleet, alert.server.as_ref(), &alert.labels);
        let route = match &first {
            Some(first) => route::goes_on(user, &labels, alert.severity, first, self.now),
            None => route::begins(user, &labels, alert.severity, self.now),
        };
        let Some(route) = route else {
            self.end_news(batch, alert.id, &user.name)?;
            self.book.is_told(alert.id);
            return Ok(None);
        };
        let thread = first.map(|first| first.id);
        Ok(Some(Member { alert: alert.clone(), route, thread, repeats: item.is_repeat }))
    }

    /// Whether somebody looks after the incident of an alert, or after one that belongs to it.
    fn is_looked_after(&self, batch: &Batch<'_>, alert: &Alert) -> Result<bool, StoreError> {
        let family = batch.family(alert.incident)?;
        Ok(family.iter().any(|incident| incident.acknowledged.is_some()))
    }

    fn muted(&self, alert: &Alert) -> Option<Muted> {
        let (fleet, now) = (&self.tools.fleet, self.now);
        let away = alert.server.as_ref();
        if let Some(away) = away.and_then(|name| self.desk.returns.unsettled(fleet, name, now)) {
            return Some(Muted { why: away.why.into(), until: away.until });
        }
        let labels = subject::labels_of(fleet, alert.server.as_ref(), &alert.labels);
        let index = alert.server.as_ref().and_then(|server| fleet.index(server));
        let server = index.map(|index| fleet.config(index));
        let theirs = server.as_ref().map_or(&labels, |config| &config.server.labels);
        let mute = self.tools.muting.of(&labels, theirs, now)?;
        let left = mute.until_ms.map(|until| until.saturating_sub(now.unix_ms).max(0));
        let left = left.map_or(LOOK, |left| Duration::from_millis(left.unsigned_abs()).min(LOOK));
        Some(Muted { why: mute.why.into(), until: now.after(left) })
    }

    /// Writes down once why nobody is told.
    fn mute(&mut self, batch: &Batch<'_>, alert: &Alert, why: &Arc<str>) -> Result<(), StoreError> {
        let Some(known) = self.book.alerts.get(&alert.id).cloned() else { return Ok(()) };
        if known.muted.as_ref() == Some(why) {
            return Ok(());
        }
        if known.muted.is_none() {
            let text = format!("{} is told to nobody: {why}", name_of(alert));
            self.line(batch, alert.incident, TimelineKind::Muted, text)?;
        }
        let muted = Some(why.clone());
        self.book.alerts.insert_mut(alert.id, Arc::new(Alert { muted, ..(*known).clone() }));
        Ok(())
    }

    fn wait_longer(&mut self, user: &str, alert: i64, item: Item, due: Moment) {
        let Some(pool) = self.book.news.get_mut(user) else { return };
        pool.insert_mut(alert, Item { due, ..item });
    }

    /// Writes down one letter, and that its alerts are told with it.
    fn letter(
        &mut self,
        batch: &Batch<'_>,
        user: &Recipient,
        part: &[Member],
        firsts: &HashMap<NotificationId, Option<Notification>>,
    ) -> Result<(), StoreError> {
        let Some(one) = part.first() else { return Ok(()) };
        let kind = kind_of(&one.alert);
        let first = one.thread.and_then(|id| firsts.get(&id)?.as_ref());
        let incident = Some(one.alert.incident)
            .filter(|id| part.iter().all(|member| member.alert.incident == *id));
        let alerts: Vec<&Alert> = part.iter().map(|member| &*member.alert).collect();
        let times: Vec<usize> = alerts.iter().map(|alert| self.times(alert)).collect();
        let fires = incident.filter(|_| kind == NotificationKind::Firing);
        let told_of = fires.and_then(|id| self.book.open.get(&id));
        let links = self.tools.ack_links.as_ref().zip(told_of);
        let acknowledge = links
            .and_then(|(links, open)| links.acknowledge_url(&open.incident, &user.name, self.now));
        let content = words::content(&words::Letter {
            kind,
            alerts: &alerts,
            times: &times,
            incident,
            acknowledge: acknowledge.as_deref(),
            repeats: part.iter().all(|member| member.repeats),
            user,
            tools: self.tools,
            now: self.now,
        });
        let place = format!("a{}-{}", one.alert.id, self.now.unix_ms);
        let id = batch.enqueue(&NewNotification {
            incident,
            thread: first.map_or(Thread::Own, |first| Thread::Of(first.id)),
            held: false,
            user: user.name.clone(),
            kind,
            channels: one.route.channels.clone(),
            content,
            content_if_first: None,
            message_id: message_id(kind, &place, &user.name, &self.tools.hub_id),
            references: first.iter().map(|first| first.message_id.clone()).collect(),
            created: self.now,
        })?;
        if let Some(until) = one.route.not_before_ms {
            batch.defer(id, until)?;
        }
        let thread = first.map_or(id, |first| first.id);
        for member in part {
            self.has_told(batch, user, &member.alert, id, thread)?;
        }
        self.is_told = true;
        self.desk.letters.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn has_told(
        &mut self,
        batch: &Batch<'_>,
        user: &Recipient,
        alert: &Alert,
        letter: NotificationId,
        thread: NotificationId,
    ) -> Result<(), StoreError> {
        let told = AlertTold {
            alert: alert.id,
            user: user.name.clone(),
            is_firing: alert.fires(),
            unix_ms: self.now.unix_ms,
            thread: Some(thread),
        };
        batch.put_alert_told(&told, letter)?;
        self.end_news(batch, alert.id, &user.name)?;
        if let Some(known) = self.book.alerts.get(&alert.id).cloned() {
            let mut now = (*known).clone();
            let told = Told { is_firing: alert.fires(), at: self.now, thread: Some(thread) };
            now.told.retain(|(name, _)| **name != *user.name);
            now.told.push((user.name.as_str().into(), told));
            now.muted = None;
            self.book.alerts.insert_mut(alert.id, Arc::new(now));
        }
        if let Some(flap) = self.book.flaps.get_mut(&alert.key()) {
            flap.told = Some(self.now);
        }
        if alert.fires() && alert.severity == Severity::Critical {
            let due = self.now.after(REPEAT.max(FLAP_HOLD));
            self.book.wait(&user.name, alert.id, Item::repeat(due));
        }
        self.book.is_told(alert.id);
        Ok(())
    }
}

/// What goes the same way, in the same thread and is of the same kind, is told together.
fn together(members: Vec<Member>) -> Vec<Vec<Member>> {
    let mut parts: Vec<Vec<Member>> = Vec::new();
    for member in members {
        let same = |part: &&mut Vec<Member>| {
            let one = &part[0];
            (&one.route, one.thread, one.repeats, one.alert.fires())
                == (&member.route, member.thread, member.repeats, member.alert.fires())
        };
        match parts.iter_mut().find(same) {
            Some(part) => part.push(member),
            None => parts.push(vec![member]),
        }
    }
    // What fires goes first.
    parts.sort_by_key(|part| kind_of(&part[0].alert) != NotificationKind::Firing);
    parts
}
