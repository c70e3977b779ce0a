use std::sync::PoisonError;

use watchfire_model::Incident;

use super::AlertDesk;
use super::book::{Book, Open};

impl AlertDesk {
    /// Takes over who looks after an incident, which is written down already. It may wait for
    /// the disk.
    pub(crate) fn tended(&self, incident: &Incident) {
        let mut slot = self.lock();
        if let Some(book) = slot.as_mut() {
            take_over(book, incident);
        }
        take_over(&mut self.shown.lock().unwrap_or_else(PoisonError::into_inner), incident);
    }
}

fn take_over(book: &mut Book, incident: &Incident) {
    let Some(open) = book.open.get(&incident.id).cloned() else { return };
    let acknowledged = incident.acknowledged.clone();
    let known = Incident { acknowledged, ..open.incident.clone() };
    book.open.insert_mut(incident.id, Open { incident: known, ..open });
}
