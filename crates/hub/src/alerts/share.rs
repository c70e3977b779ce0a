//! How much room there is: in all, for one source, and for one of those who send by it.

use std::sync::Arc;

use super::Firing;
use super::book::{Alert, Book, OfSource};

/// The most alerts in all, those included that are over and whose incident goes on.
const MAX_ALERTS: usize = 50_000;
/// The most alerts of one source, and the most text that these bring along, in bytes.
const MAX_OF_SOURCE: Use = Use { alerts: 10_000, bytes: 64 << 20 };
/// The same of one sender of the config: another one always finds room.
const MAX_OF_SENDER: Use = Use { alerts: 5_000, bytes: 32 << 20 };
/// The same of one user.
const MAX_OF_USER: Use = Use { alerts: 1_000, bytes: 8 << 20 };
/// The most text that an alert may bring along, in bytes.
const MAX_TEXT: usize = 64 << 10;

/// Who sends a round by a source that several share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Poster {
    /// Keeps a user and a sender of the same name apart.
    name: Arc<str>,
    most: Use,
}

/// Why there is no room for an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// For none at all.
    InAll,
    /// For none of this poster.
    OfPoster,
    /// It is too large by itself.
    TooLarge,
}

/// What became of the alerts of a round. Those that are left out are not stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Left out because there is no room for more from anybody.
    pub(crate) no_room: u64,
    /// Left out because whoever sent them has the most already that one may have.
    pub(crate) beyond_share: u64,
    /// Left out because each brings along more text than it may.
    pub(crate) too_large: u64,
    /// Those that could not be stored in any way.
    pub(crate) not_stored: u64,
}

/// So much of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Use {
    alerts: usize,
    bytes: usize,
}

/// What is taken of it all while a round is looked at.
pub(super) struct Room<'p> {
    in_all: usize,
    of_source: Use,
    of_poster: Use,
    poster: Option<&'p Poster>,
}

impl Poster {
    /// A `[[sender]]` of the config.
    pub(crate) fn sender(name: &str) -> Self {
        Self { name: format!("sender {name}").into(), most: MAX_OF_SENDER }
    }

    /// A user.
    pub(crate) fn user(name: &str) -> Self {
        Self { name: format!("user {name}").into(), most: MAX_OF_USER }
    }

    pub(super) fn name(&self) -> Arc<str> {
        self.name.clone()
    }
}

impl Taken {
    /// How many were left out.
    pub(crate) fn left_out(&self) -> u64 {
        self.no_room + self.beyond_share + self.too_large + self.not_stored
    }

    pub(super) fn leave_out(&mut self, why: NoRoom) {
        let count = match why {
            NoRoom::InAll => &mut self.no_room,
            NoRoom::OfPoster => &mut self.beyond_share,
            NoRoom::TooLarge => &mut self.too_large,
        };
        *count += 1;
    }
}

impl<'p> Room<'p> {
    /// What `known`, the alerts of the source, leave.
    pub(super) fn of(book: &Book, known: &OfSource, poster: Option<&'p Poster>) -> Self {
        let in_all = book.alerts.size();
        let mut room =
            Self { in_all, of_source: Use::default(), of_poster: Use::default(), poster };
        for alert in known.values().filter_map(|id| book.alerts.get(id)) {
            let bytes = text_of_alert(alert);
            room.of_source.add(1, bytes);
            if room.is_of_poster(alert) {
                room.of_poster.add(1, bytes);
            }
        }
        room
    }

    /// Takes the room for a new alert.
    pub(super) fn admit(&mut self, firing: &Firing) -> Result<(), NoRoom> {
        let bytes = text_of(firing);
        if bytes > MAX_TEXT {
            return Err(NoRoom::TooLarge);
        }
        if self.in_all >= MAX_ALERTS || !self.of_source.has_room(1, bytes, MAX_OF_SOURCE) {
            return Err(NoRoom::InAll);
        }
        if self.poster.is_some_and(|poster| !self.of_poster.has_room(1, bytes, poster.most)) {
            return Err(NoRoom::OfPoster);
        }
        self.in_all += 1;
        self.of_source.add(1, bytes);
        self.of_poster.add(1, bytes);
        Ok(())
    }

    /// Takes the room for what is said of an alert now, in the place of what was said before.
    pub(super) fn exchange(&mut self, alert: &Alert, firing: &Firing) -> Result<(), NoRoom> {
        let (before, now) = (text_of_alert(alert), text_of(firing));
        let more = now.saturating_sub(before);
        if more > 0 && now > MAX_TEXT {
            return Err(NoRoom::TooLarge);
        }
        if more > 0 && !self.of_source.has_room(0, more, MAX_OF_SOURCE) {
            return Err(NoRoom::InAll);
        }
        // Whoever made it answers for it, and who makes it larger.
        let beyond = |poster: &Poster| !self.of_poster.has_room(0, more, poster.most);
        if more > 0 && self.poster.is_some_and(beyond) {
            return Err(NoRoom::OfPoster);
        }
        self.of_source.add(0, more);
        self.of_poster.add(0, more);
        Ok(())
    }

    fn is_of_poster(&self, alert: &Alert) -> bool {
        let name = self.poster.map(|poster| &poster.name);
        name.is_some() && alert.poster.as_ref() == name
    }
}

impl Use {
    fn add(&mut self, alerts: usize, bytes: usize) {
        self.alerts += alerts;
        self.bytes += bytes;
    }

    fn has_room(&self, alerts: usize, bytes: usize, most: Self) -> bool {
        self.alerts + alerts <= most.alerts && self.bytes.saturating_add(bytes) <= most.bytes
    }
}

/// How much text an alert brings along, in bytes.
fn text_of(firing: &Firing) -> usize {
    let labels = firing.labels.iter().map(|(name, value)| name.len() + value.len());
    let said = firing.annotations.iter().map(|(name, text)| name.len() + text.len());
    labels.chain(said).sum::<usize>() + firing.generator_url.len()
}

fn text_of_alert(alert: &Alert) -> usize {
    let labels = alert.labels.iter().map(|(name, value)| name.len() + value.len());
    let said = alert.annotations.iter().map(|(name, text)| name.len() + text.len());
    labels.chain(said).sum::<usize>() + alert.generator_url.len()
}
