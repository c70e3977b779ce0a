use watchfire_model::Incident;

use super::Desk;

impl Desk {
    /// Takes over who looks after an incident, which is written down already. It may wait for
    /// the disk.
    pub(crate) fn tended(&self, incident: &Incident) {
        let mut book = self.book();
        let known = book.open.get(&incident.server).filter(|known| known.id == incident.id);
        let known = known.cloned();
        if let Some(known) = known {
            let acknowledged = incident.acknowledged.clone();
            book.open.insert_mut(known.server.clone(), Incident { acknowledged, ..known });
        }
    }
}
