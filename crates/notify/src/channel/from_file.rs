//! Which channels may do something on the hub's own machine.

use std::collections::BTreeSet;

use watchfire_model::Channel;

use super::expand::expand;
use super::list::Kind;
use crate::ChannelError;

/// The channels that stand in the hub's own config file: what its administrator wrote.
///
/// A channel that starts a program or speaks to a device is served only when it is one of them,
/// when it is checked and again at every try. So nothing that came by the page, by another
/// user or from the database can start anything.
#[derive(Debug, Clone, Default)]
pub struct FromFile(BTreeSet<Channel>);

impl FromFile {
    /// Takes the channels of the config file. Never give it one that came in another way.
    #[must_use]
    pub fn new<'a>(channels: impl IntoIterator<Item = &'a Channel>) -> Self {
        let own = channels.into_iter().filter(|channel| is_own(channel));
        let one_each = |channel: &Channel| expand(channel).unwrap_or_default();
        Self(own.flat_map(one_each).collect())
    }

    /// Lets only those pass that stand in the file.
    pub(crate) fn check(&self, kind: &Kind, channel: &Channel) -> Result<(), ChannelError> {
        if self.0.contains(channel) {
            return Ok(());
        }
        Err(ChannelError::OnlyFromFile { channel: kind.name })
    }
}

fn is_own(channel: &Channel) -> bool {
    let kind = super::route::read(channel.as_str());
    kind.is_ok_and(|(kind, _)| matches!(kind.parse, super::list::Parse::Own(_)))
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

    #[test]
    fn a_url_of_several_numbers_stands_for_each() {
        let file = FromFile::new([&Channel::new("modem:///dev/ttyUSB0?to=+491,+492")]);
        assert_eq!(file.0.len(), 2);
        assert!(FromFile::new([&Channel::new("gotify://h/t")]).0.is_empty());
    }
}
