use watchfire_agent::{Letter, Messenger, NotSent, Post, Sending};
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
    fn open(&self, channels: &[String], allow: &[String]) -> Result<Box<dyn Post>, String> {
        let trial = Trial::from_elsewhere(channels, allow, self.clock.clone())?;
        Ok(Box::new(Targets { trial, clock: self.clock.clone() }))
    }
}

/// One notifier for all tries of one message: it remembers which provider wants to be left alone.
struct Targets {
    trial: Trial,
    clock: Clock,
}

impl Post for Targets {
    fn targets(&self) -> usize {
        self.trial.channels().len()
    }

    fn send<'a>(&'a self, target: usize, letter: &'a Letter) -> Sending<'a> {
        Box::pin(async move {
            let Some(target) = self.trial.channels().get(target) else {
                return Err(NotSent::Refused("it leads nowhere".to_owned()));
            };
            let content = Content {
                subject: letter.subject.clone(),
                text: letter.text.clone(),
                html: String::new(),
            };
            let sent = self.trial.send(target, &content, NotificationKind::Down, &self.clock).await;
            judged(sent)
        })
    }
}

fn judged(sent: DeliveryOutcome) -> Result<(), NotSent> {
    match sent {
        DeliveryOutcome::Accepted { .. } => Ok(()),
        DeliveryOutcome::Refused { why } => Err(NotSent::Refused(why)),
        DeliveryOutcome::Retry { why, maybe_accepted: false } => Err(NotSent::NotNow(why)),
        DeliveryOutcome::Retry { why, maybe_accepted: true } => Err(NotSent::Unclear(why)),
        DeliveryOutcome::Unknown => Err(NotSent::Unclear("it is not known".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_have_arrived_is_unclear() {
        let retry = |maybe_accepted| DeliveryOutcome::Retry { why: "w".to_owned(), maybe_accepted };
        assert_eq!(judged(retry(false)), Err(NotSent::NotNow("w".to_owned())));
        assert_eq!(judged(retry(true)), Err(NotSent::Unclear("w".to_owned())));
        let refused = DeliveryOutcome::Refused { why: "w".to_owned() };
        assert_eq!(judged(refused), Err(NotSent::Refused("w".to_owned())));
    }

    #[test]
    fn each_target_of_a_channel_is_one_and_what_is_no_channel_is_refused() {
        let channels = Channels { clock: Clock::system() };
        let urls = ["json://192.0.2.1/a".to_owned(), "tgram://1:t/2/3".to_owned()];
        let post = channels.open(&urls, &[]).expect("it can be opened");
        assert_eq!(post.targets(), 3);
    }
}
