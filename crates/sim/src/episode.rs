use std::time::Duration;

use watchfire_model::Moment;
use watchfire_wire::GoodbyeReason;

use crate::machine::Strain;
use crate::trouble::{FLAP, Trouble};

/// The share of its time after which a filling disk is full.
const FULL_AFTER: f64 = 0.6;

/// Trouble of one server, from when to when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Episode {
    pub(crate) trouble: Trouble,
    pub(crate) from: Moment,
    pub(crate) until: Moment,
}

/// What a server does at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Now {
    /// Everything.
    Well,
    /// It records, and nobody hears it.
    Cut,
    /// Nothing.
    Still,
}

impl Now {
    pub(crate) fn records(self) -> bool {
        self != Self::Still
    }

    pub(crate) fn talks(self) -> bool {
        self == Self::Well
    }
}

impl Episode {
    /// What the server does at `now`.
    pub(crate) fn now(&self, now: Moment) -> Now {
        match self.trouble {
            _ if self.is_over(now) => Now::Well,
            Trouble::Disk | Trouble::Runaway => Now::Well,
            Trouble::Cut => Now::Cut,
            Trouble::Flapping => {
                let turn = now.since(self.from).as_millis() / FLAP.as_millis();
                if turn.is_multiple_of(2) { Now::Cut } else { Now::Well }
            }
            Trouble::Killed
            | Trouble::Frozen
            | Trouble::Reboot
            | Trouble::Crash
            | Trouble::Stopped => Now::Still,
        }
    }

    pub(crate) fn is_over(&self, now: Moment) -> bool {
        now.monotonic >= self.until.monotonic
    }

    /// `None` when the connection stays as it is; else it ends at once, and a
    /// goodbye comes before that where there is one.
    pub(crate) fn first_words(&self) -> Option<Option<GoodbyeReason>> {
        match self.trouble {
            Trouble::Reboot => Some(Some(GoodbyeReason::Reboot)),
            Trouble::Stopped => Some(Some(GoodbyeReason::Stop)),
            Trouble::Killed => Some(None),
            _ => None,
        }
    }

    /// Why the machine was started anew in the end, if it was, by the name that
    /// agents give to it.
    pub(crate) fn reboots(&self) -> Option<&'static str> {
        match self.trouble {
            Trouble::Reboot => Some("clean_shutdown"),
            Trouble::Crash => Some("power_loss_or_reset"),
            _ => None,
        }
    }

    /// True when the agent is another process afterwards.
    pub(crate) fn restarts_agent(&self) -> bool {
        matches!(self.trouble, Trouble::Killed | Trouble::Stopped)
    }

    /// What the machine suffers from at `now`.
    pub(crate) fn strain(&self, now: Moment) -> Strain {
        let since = now.since(self.from);
        let lasts = self.until.since(self.from).max(Duration::from_millis(1));
        match self.trouble {
            Trouble::Runaway => Strain { runaway: Some(since), disk: 0.0 },
            Trouble::Disk => {
                let share = since.as_secs_f64() / lasts.as_secs_f64() / FULL_AFTER;
                Strain { runaway: None, disk: share.min(1.0) }
            }
            _ => Strain::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Moment = Moment { monotonic: Duration::from_secs(10), unix_ms: 10_000 };

    fn after(seconds: u64) -> Moment {
        START.after(Duration::from_secs(seconds))
    }

    fn episode(trouble: Trouble) -> Episode {
        Episode { trouble, from: START, until: after(30) }
    }

    #[test]
    fn every_trouble_ends() {
        for trouble in Trouble::ALL {
            assert_eq!(episode(trouble).now(after(30)), Now::Well, "{trouble:?}");
        }
        assert_eq!(episode(Trouble::Cut).now(after(29)), Now::Cut);
        assert_eq!(episode(Trouble::Frozen).now(after(29)), Now::Still);
    }

    #[test]
    fn a_flapping_path_comes_and_goes() {
        let states: Vec<_> =
            [0, 5, 6, 11, 12, 24].map(|at| episode(Trouble::Flapping).now(after(at))).into();
        let expected = [Now::Cut, Now::Cut, Now::Well, Now::Well, Now::Cut, Now::Cut];
        assert_eq!(states, expected);
    }

    #[test]
    fn a_disk_fills_up_and_stays_full() {
        let disk = |at| episode(Trouble::Disk).strain(after(at)).disk;
        assert_eq!((disk(0), disk(9), disk(18), disk(29)), (0.0, 0.5, 1.0, 1.0));
    }
}
