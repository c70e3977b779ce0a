//! Letters about the time in which nobody heard this hub.

use jiff::Timestamp;
use watchfire_alert::{Recipient, message_id};
use watchfire_model::NotificationKind;
use watchfire_store::{NewNotification, StoreError, Thread};
use watchfire_wire::FallbackTold;

use super::routes::of_hub;
use super::{Changes, Desk, plain};

impl Desk {
    /// Tells `admins` that the agents had missed this hub and told the fallback, `by` the agent
    /// of that server. It blocks.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be stored, or is stored already.
    pub(crate) fn tell_missed(
        &self,
        admins: &[Recipient],
        told: &FallbackTold,
        by: &str,
    ) -> Result<(), StoreError> {
        let outage: String = told.outage.iter().map(|byte| format!("{byte:02x}")).collect();
        let changes = self.transact(|batch, _| {
            let now = self.fleet.now();
            for admin in admins {
                let Some(route) = of_hub(admin, now) else { continue };
                let at = |unix_ms: i64| match Timestamp::from_millisecond(unix_ms) {
                    Ok(at) => {
                        let at = at.to_zoned(admin.time_zone.clone());
                        at.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
                    }
                    Err(_) => "long ago".to_owned(),
                };
                let lines = [
                    format!(
                        "{} agents had heard nothing of this hub since {}.",
                        told.agreed,
                        at(told.since_unix_ms)
                    ),
                    format!("The agent of {by} told the fallback at {}.", at(told.told_unix_ms)),
                    "What agents recorded meanwhile, they hand in now.".to_owned(),
                ];
                let subject = "[HUB BACK] the hub was missed, and the fallback was told";
                let kind = NotificationKind::HubBack;
                let (user, letters) = (&admin.name, &self.letters);
                let letter = NewNotification {
                    incident: None,
                    thread: Thread::Own,
                    held: false,
                    user: user.clone(),
                    kind,
                    channels: route.channels.clone(),
                    content: plain::lines(subject, &lines, &format!("{}/", letters.public_url)),
                    content_if_first: None,
                    message_id: message_id(
                        kind,
                        &format!("missed-{outage}"),
                        user,
                        &letters.hub_id,
                    ),
                    references: Vec::new(),
                    created: now,
                };
                let id = batch.enqueue(&letter)?;
                letters.begin(batch, id, &route)?;
            }
            Ok(Changes::new())
        })?;
        self.tell(changes);
        self.woken.notify_one();
        Ok(())
    }
}
