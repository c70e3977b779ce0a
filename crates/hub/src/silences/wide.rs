//! Silences that mute much of the fleet: for how long together, and who hears of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use watchfire_alert::told::{WIDE_SHARE, WIDEST_MS};
use watchfire_alert::{Recipient, message_id};
use watchfire_model::{Moment, NotificationKind};
use watchfire_store::{NewNotification, StoredSilence, Thread};

use super::keep::moment_text;
use super::reach::{muted, stays_within};
use super::{standing_of, text_of};
use crate::desk::{any_channels, plain_lines};
use crate::fleet::Fleet;
use crate::muting::Standing;

/// What mutes much of the fleet again so soon after its end goes on with what did before.
const PAUSE_MS: i64 = 60 * 60 * 1000;
/// A silence that is longer is told to the other administrators, however narrow it is.
const LONG_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How many are told within an hour.
const MAX_TOLD: usize = 20;
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Who hears of wide silences.
pub(crate) struct Watchers {
    /// The administrators who can be reached.
    pub(crate) admins: Vec<Recipient>,
    pub(crate) public_url: String,
    pub(crate) hub_id: String,
    /// Wakes the courier.
    pub(crate) courier: Arc<Notify>,
    /// When others were told of late.
    pub(crate) told: Mutex<VecDeque<Moment>>,
}

/// For how long much of the fleet is muted without a pause around `made`, from the first of those
/// that follow each other to the end of the last; 0 where it mutes no server. `stored` are all
/// that are known, those too that are over: many short ones must not mute for longer together
/// than one may. It may take a while.
pub(super) fn time_muted(
    made: &Standing,
    stored: &[StoredSilence],
    fleet: &Fleet,
    now: Moment,
) -> i64 {
    let own = (made.silence.from_ms, made.silence.to_ms);
    let mutes = muted(&made.silence.matchers, &made.scope, fleet);
    if !mutes.contains(&true) {
        return 0;
    }
    let earliest = own.0.min(now.unix_ms).saturating_sub(2 * (WIDEST_MS + PAUSE_MS));
    let others = stored.iter().filter(|one| one.id != made.id && one.to_unix_ms > earliest);
    let mut all = vec![(own, mutes)];
    all.extend(others.filter_map(|one| {
        let standing = standing_of(one, now)?;
        let mutes = muted(&standing.silence.matchers, &standing.scope, fleet);
        mutes.contains(&true).then_some(((one.from_unix_ms, one.to_unix_ms), mutes))
    }));
    let length = |all: &[((i64, i64), Vec<bool>)]| {
        let stretches = stretches(all);
        let around = stretches.iter().find(|(from, to)| *from < own.1 && own.0 < *to);
        around.map_or(0, |(from, to)| to.saturating_sub(*from))
    };
    let (with, without) = (length(&all), length(&all[1..]));
    // What is so without it is no fault of it.
    if with > without { with } else { 0 }
}

/// The times at which much of the fleet is muted, those joined between which there is hardly a
/// pause.
fn stretches(all: &[((i64, i64), Vec<bool>)]) -> Vec<(i64, i64)> {
    let mut ends: Vec<i64> = all.iter().flat_map(|((from, to), _)| [*from, *to]).collect();
    ends.sort_unstable();
    ends.dedup();
    let mut found: Vec<(i64, i64)> = Vec::new();
    for pair in ends.windows(2) {
        let &[from, to] = pair else { continue };
        let holding: Vec<&Vec<bool>> = all
            .iter()
            .filter(|((begin, end), _)| *begin <= from && to <= *end)
            .map(|(_, mutes)| mutes)
            .collect();
        let servers = holding.first().map_or(0, |mutes| mutes.len());
        let is_muted = |at: &usize| holding.iter().any(|mutes| mutes[*at]);
        if servers == 0 || !is_wide((0..servers).filter(is_muted).count(), servers) {
            continue;
        }
        match found.last_mut() {
            Some(last) if from.saturating_sub(last.1) < PAUSE_MS => last.1 = to,
            _ => found.push((from, to)),
        }
    }
    found
}

fn is_wide(muted: usize, servers: usize) -> bool {
    #[allow(clippy::cast_precision_loss, reason = "a fleet is no such number of servers")]
    let share = muted as f64 / servers as f64;
    share >= WIDE_SHARE
}

impl Watchers {
    /// The letters to the other administrators about a silence that mutes `share` of the fleet;
    /// none where it is a small one.
    pub(super) fn letters(
        &self,
        made: &StoredSilence,
        share: f64,
        fleet: &Fleet,
        now: Moment,
    ) -> Vec<NewNotification> {
        let length = made.to_unix_ms.saturating_sub(made.from_unix_ms);
        if share < WIDE_SHARE && length <= LONG_MS {
            return Vec::new();
        }
        if !self.has_room(now) {
            tracing::warn!(id = made.id, "many silences: the administrators are not told of it");
            return Vec::new();
        }
        let others = self.admins.iter().filter(|admin| admin.name != made.author);
        others.filter_map(|admin| self.letter(made, share, (admin, fleet), now)).collect()
    }

    fn letter(
        &self,
        made: &StoredSilence,
        share: f64,
        (admin, fleet): (&Recipient, &Fleet),
        now: Moment,
    ) -> Option<NewNotification> {
        let channels = any_channels(admin, now)?;
        let much = if share >= WIDE_SHARE { "half of the fleet or more" } else { "something" };
        let (from, until) = (moment_text(made.from_unix_ms), moment_text(made.to_unix_ms));
        let mut lines = vec![format!("{} mutes {much} from {from} until {until}.", made.author)];
        // Its matchers name servers that others may not know of.
        if stays_within(&made.matchers, &admin.scope, fleet) {
            lines.push(format!("It is about: {}", text_of(made)));
            lines.push(format!("Why: {}", made.comment));
        }
        lines.push("What it mutes is told to nobody while it lasts.".to_owned());
        let subject = format!("[SILENCE] {} mutes {much} until {until}", made.author);
        let link = format!("{}/#/silences", self.public_url);
        let kind = NotificationKind::Silenced;
        let place = format!("silence-{}-{}", made.id, made.updated_unix_ms);
        Some(NewNotification {
            incident: None,
            thread: Thread::Own,
            held: false,
            user: admin.name.clone(),
            kind,
            channels,
            content: plain_lines(&subject, &lines, &link),
            content_if_first: None,
            message_id: message_id(kind, &place, &admin.name, &self.hub_id),
            references: Vec::new(),
            created: now,
        })
    }

    fn has_room(&self, now: Moment) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|at| now.since(*at) < HOUR);
        let has_room = told.len() < MAX_TOLD;
        if has_room {
            told.push_back(now);
        }
        has_room
    }
}
