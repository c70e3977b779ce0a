use watchfire_agent::{Letter, Messenger, Sending};
use watchfire_hub::Trial;
use watchfire_model::{Content, DeliveryOutcome, NotificationKind};
use watchfire_runtime::Clock;

/// Sends by the hub's channels for an agent whose hub is gone. It is made of nothing until
/// then, and gone afterwards.
#[derive(Debug)]
pub(super) struct Channels {
    pub(super) clock: Clock,
}

impl Messenger for Channels {
    fn send<'a>(
        &'a self,
        channel: &'a str,
        allow: &'a [String],
        letter: &'a Letter,
    ) -> Sending<'a> {
        Box::pin(async move {
            let urls = [channel.to_owned()];
            let trial = Trial::from_elsewhere(&urls, allow, self.clock.clone())?;
            let content = Content {
                subject: letter.subject.clone(),
                text: letter.text.clone(),
                html: String::new(),
            };
            // One URL may stand for several people: it is told when one of them is.
            let mut why = "it leads nowhere".to_owned();
            let mut is_told = false;
            for tried in trial.channels() {
                let sent = trial.send(tried, &content, NotificationKind::Down, &self.clock).await;
                match sent {
                    DeliveryOutcome::Accepted { .. } => is_told = true,
                    DeliveryOutcome::Refused { why: words }
                    | DeliveryOutcome::Retry { why: words, .. } => why = words,
                    DeliveryOutcome::Unknown => {}
                }
            }
            if is_told { Ok(()) } else { Err(why) }
        })
    }
}
