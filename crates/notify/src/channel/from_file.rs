//! Which channels may do something on the hub's own machine.

use std::collections::BTreeSet;

use watchfire_model::Channel;

use super::expand::expand;
use super::list::Kind;
use super::route::{Route, route};
use crate::ChannelError;

/// The channels that stand in the hub's own config file: what its administrator wrote.
///
/// A channel that starts a program, speaks to a device, or can read what answers it, is served only when it is one of them,
/// when it is checked and again at every try. So nothing that came by the page, by another
/// user or from the database can start anything.
#[derive(Debug, Clone, Default)]
pub struct FromFile(BTreeSet<Channel>);

impl FromFile {
    /// Takes the channels of the config file. Never give it one that came in another way.
    #[must_use]
    pub fn new<'a>(channels: impl IntoIterator<Item = &'a Channel>) -> Self {
        let one_each = channels.into_iter().flat_map(|channel| expand(channel).unwrap_or_default());
        Self(one_each.filter(is_own).collect())
    }

    /// Lets only those pass that stand in the file, and all that are harmless.
    pub(crate) fn check(
        &self,
        (kind, route): (&Kind, &Route),
        channel: &Channel,
    ) -> Result<(), ChannelError> {
        match route.only_from_file() {
            Some(what) if !self.0.contains(channel) => {
                Err(ChannelError::OnlyFromFile { channel: kind.name, what })
            }
            _ => Ok(()),
        }
    }
}

fn is_own(channel: &Channel) -> bool {
    route(channel.as_str()).is_ok_and(|(_, route)| route.only_from_file().is_some())
}

#[cfg(test)]
mod tests {
    use watchfire_model::{Content, DeliveryOutcome};
    use watchfire_runtime::Clock;

    use super::*;
    use crate::Notifier;
    use crate::testing::outgoing;

    #[tokio::test]
    async fn a_program_runs_only_when_the_config_file_names_it() {
        let [named, other] = ["exec:///bin/true", "exec:///bin/true?arg=x"].map(Channel::new);
        let notifier = Notifier::new(None, Clock::system()).unwrap();
        let why = notifier.check(&named).unwrap_err().to_string();
        assert!(why.contains("hub's own config file"), "{why}");
        let notifier = notifier.with_own(FromFile::new([&named]));
        assert_eq!(notifier.describe(&named).as_deref(), Ok("exec: runs /bin/true"));
        assert!(notifier.check(&other).is_err());
        let content = Content::default();
        let message = outgoing(&content);
        let outcome = notifier.send(&other, &message).await;
        assert!(matches!(outcome, DeliveryOutcome::Refused { .. }), "{outcome:?}");
        let outcome = notifier.send(&named, &message).await;
        assert!(matches!(outcome, DeliveryOutcome::Accepted { .. }), "{outcome:?}");
    }

    #[tokio::test]
    async fn what_can_read_answers_or_ask_without_telling_is_the_files_alone() {
        let notifier = || Notifier::new(None, Clock::system()).unwrap();
        for (url, can) in [
            ("sms+https://h.example/?to=123456&accepted=OK", "accepted= or refused="),
            ("sms+https://h.example/?to=123456&refused=a", "accepted= or refused="),
            ("sms+https://h.example/?to=123456&send=query", "GET"),
            ("jsons://h.example/?method=get", "GET"),
        ] {
            let channel = Channel::new(url);
            let why = notifier().check(&channel).unwrap_err().to_string();
            assert!(why.contains(can) && why.contains("own config file"), "{url}: {why}");
            let content = Content::default();
            let outcome = notifier().send(&channel, &outgoing(&content)).await;
            assert!(matches!(outcome, DeliveryOutcome::Refused { .. }), "{url}: {outcome:?}");
            let named = notifier().with_own(FromFile::new([&channel]));
            assert_eq!(named.check(&channel), Ok(()), "{url}");
        }
        for url in ["sms+https://h.example/?to=123456", "jsons://h.example/?method=put"] {
            assert_eq!(notifier().check(&Channel::new(url)), Ok(()), "{url}");
        }
    }

    #[test]
    fn a_url_of_several_numbers_stands_for_each() {
        let file = FromFile::new([&Channel::new("modem:///dev/ttyUSB0?to=+491,+492")]);
        assert_eq!(file.0.len(), 2);
        assert!(FromFile::new([&Channel::new("gotify://h/t")]).0.is_empty());
    }
}
