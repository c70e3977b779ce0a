use std::time::Duration;

use watchfire_model::Channel;
use watchfire_notify::{Allowed, ChannelError, Notifier};
use watchfire_runtime::Clock;
use watchfire_runtime::config::{Located, Spanned, duration};

use super::super::Fallback;
use super::super::file::FallbackTable;
use super::{Checker, channel_problem};
use crate::terminal;

/// How long the hub must be gone unless the file says so, and the least and the most.
const USUAL: Duration = Duration::from_secs(120);
const SHORTEST: Duration = Duration::from_secs(30);
/// The same for a hub that was told to stop.
const USUAL_STOP: Duration = Duration::from_secs(1800);
const LONGEST: Duration = Duration::from_secs(86_400);
/// More channels than this no agent tries in the time that others wait for it.
const MAX_CHANNELS: usize = 4;

impl Checker<'_> {
    pub(super) fn fallback(
        &mut self,
        table: Spanned<FallbackTable>,
        allowed: &Allowed,
    ) -> Option<Fallback> {
        let place = self.source.locate(table);
        let whole = place.with(());
        let FallbackTable { channel, channels, after, after_stop } = place.value;
        let before = self.channels.len();
        let urls: Vec<_> = channel.into_iter().chain(channels).collect();
        let known = self.channels(urls);
        // They are no user's: an agent sends by them, which has no mail and runs no program.
        let located = self.channels.split_off(before);
        let channels = known.filter(|_| self.all_fit(&located, allowed))?;
        if channels.is_empty() || channels.len() > MAX_CHANNELS {
            let problem = whole.problem(format!("a fallback has 1 to {MAX_CHANNELS} channels"));
            self.problems.push(problem.hint("write channel = \"ntfys://ntfy.example.org/ops\""));
            return None;
        }
        let after = self.patience(after, USUAL)?;
        let after_stop = self.patience(after_stop, USUAL_STOP.max(after))?;
        if after_stop < after {
            let problem = whole.problem("after_stop is shorter than after");
            self.problems.push(problem.hint("a hub that was stopped is missed later, not sooner"));
            return None;
        }
        Some(Fallback { channels, after, after_stop })
    }

    fn all_fit(&mut self, channels: &[Located<Channel>], allowed: &Allowed) -> bool {
        let Ok(notifier) = Notifier::new(None, Clock::system()) else { return false };
        let notifier = notifier.allowing(allowed.clone());
        let mut all_fit = true;
        for channel in channels {
            let checked = notifier.check(&channel.value);
            let is_own = matches!(checked, Err(ChannelError::OnlyFromFile { .. }));
            let is_mail = channel.value.scheme() == "mailto";
            if is_mail || is_own || terminal::is_terminal(&channel.value) {
                let problem = channel.problem("an agent cannot tell by this channel");
                let hint = "take one that is reached over HTTPS, as ntfys, tgram or json";
                self.problems.push(problem.hint(hint));
                all_fit = false;
            } else if let Err(error) = checked {
                self.problems.push(channel_problem(channel, &error));
                all_fit = false;
            }
        }
        all_fit
    }

    fn patience(&mut self, value: Option<Spanned<String>>, usual: Duration) -> Option<Duration> {
        let Some(value) = value else { return Some(usual) };
        let located = self.source.locate(value);
        let read = self.noted(duration(&located))?;
        if (SHORTEST..=LONGEST).contains(&read) {
            return Some(read);
        }
        let problem = located.problem(format!("{:?} is not between 30s and 24h", located.value));
        self.problems.push(problem.hint("2m is the default, and 30m where the hub was stopped"));
        None
    }
}
