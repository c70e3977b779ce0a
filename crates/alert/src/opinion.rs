use std::time::Duration;

use crate::hub_time::{Anchor, HubTime};

/// How long a neighbour's word is left standing before it is asked again, while a
/// verdict rests on it.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// Whether the neighbours of a quiet server are to be asked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Opinion {
    /// Not in this silence yet.
    #[default]
    NotYet,
    /// Now, and nobody has taken the wish yet.
    Wanted,
    /// They were asked then.
    Asked(Anchor),
}

impl Opinion {
    /// Wants an opinion when the silence has lasted `ask_after`, and again once what
    /// the verdict rests on has grown old.
    pub(crate) fn consider(
        &mut self,
        quiet: Duration,
        ask_after: Duration,
        rests: impl FnOnce() -> bool,
        now: HubTime,
    ) {
        let due = match *self {
            Self::NotYet => quiet >= ask_after,
            Self::Wanted => false,
            Self::Asked(at) => at.quiet(now) >= ASK_AGAIN && rests(),
        };
        if due {
            *self = Self::Wanted;
        }
    }

    /// True once for each wish.
    pub(crate) fn take(&mut self, now: HubTime) -> bool {
        let wanted = matches!(self, Self::Wanted);
        if wanted {
            *self = Self::Asked(Anchor::at(now));
        }
        wanted
    }

    pub(crate) fn settle(&mut self, now: HubTime) {
        if let Self::Asked(at) = self {
            at.settle(now);
        }
    }
}
