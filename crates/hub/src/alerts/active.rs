//! What fires at a moment, for those who only look.

use std::sync::Arc;

use watchfire_model::IncidentId;

use super::book::{Alert, Book};

/// What fires at a moment. It shares all alerts with the desk, and what the desk does afterwards
/// is not seen in it: whoever looks holds up nobody, however long it takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Active(Book);

impl Active {
    pub(super) fn new(book: Book) -> Self {
        Self(book)
    }

    /// All of them, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Alert>> {
        let mut firing: Vec<Arc<Alert>> =
            self.0.alerts.values().filter(|alert| alert.fires()).cloned().collect();
        firing.sort_unstable_by_key(|alert| alert.id);
        firing
    }

    /// Those of an incident that is open.
    pub(crate) fn of(&self, incident: IncidentId) -> impl Iterator<Item = &Arc<Alert>> {
        self.0.alerts_of(incident).filter(|alert| alert.fires())
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.all().len()
    }
}
