//! The hub's doubt in itself, shared by all who hear servers and judge them.

use std::sync::Mutex;

use watchfire_alert::{Doubt, FleetDoubt, HubTime, PresenceLimits, Suspect};
use watchfire_model::{Moment, Presence, ServerName, Transition};

use super::lock;

/// The doubt, and what was told of it.
#[derive(Debug)]
pub(super) struct SelfDoubt(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    doubt: FleetDoubt,
    cut: Option<Cut>,
    news: Option<CutNews>,
}

#[derive(Debug, Clone)]
struct Cut {
    since: Moment,
    quiet: Vec<ServerName>,
}

/// What users are to be told of the hub's own link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CutNews {
    /// The last time that the hub heard anybody.
    pub(crate) since: Moment,
    /// When it heard somebody again; `None` while it is cut off.
    pub(crate) ended: Option<Moment>,
    /// The servers that it should have heard.
    pub(crate) quiet: Vec<ServerName>,
}

impl SelfDoubt {
    pub(super) fn new(limits: PresenceLimits, started: HubTime) -> Self {
        let doubt = FleetDoubt::new(limits, started);
        Self(Mutex::new(Inner { doubt, cut: None, news: None }))
    }

    pub(super) fn watch(&self, server: ServerName, presence: Presence) {
        lock(&self.0).doubt.watch(server, presence);
    }

    pub(super) fn forget(&self, server: &ServerName) {
        lock(&self.0).doubt.forget(server);
    }

    pub(super) fn transition(&self, transition: &Transition) {
        lock(&self.0).doubt.transition(transition);
    }

    /// Somebody elsewhere was heard. How long verdicts were held back until then.
    pub(super) fn heard(&self, now: HubTime) -> std::time::Duration {
        let doubt = &mut lock(&self.0).doubt;
        doubt.heard(now);
        doubt.held(now)
    }

    pub(super) fn held(&self, now: HubTime) -> std::time::Duration {
        lock(&self.0).doubt.held(now)
    }

    pub(super) fn suspect(&self, now: HubTime) -> Option<Suspect> {
        lock(&self.0).doubt.suspect(now)
    }

    /// Looks at the time. True when users have something to be told.
    /// `quiet` lists who is not heard, and is asked only when that is news.
    pub(super) fn judge(&self, now: HubTime, quiet: impl FnOnce() -> Vec<ServerName>) -> bool {
        let word = lock(&self.0).doubt.judge(now);
        let cut = lock(&self.0).cut.clone();
        let (cut, news) = match (word, cut) {
            (Doubt::CutOff { since, .. }, None) => {
                let quiet = quiet();
                let news = CutNews { since, ended: None, quiet: quiet.clone() };
                (Some(Cut { since, quiet }), news)
            }
            (Doubt::None | Doubt::Holding, Some(cut)) => {
                let Cut { since, quiet } = cut;
                (None, CutNews { since, ended: Some(now.at), quiet })
            }
            _ => return false,
        };
        let mut inner = lock(&self.0);
        inner.cut = cut;
        // An end that comes before its beginning was fetched tells both.
        inner.news = Some(news);
        true
    }

    pub(super) fn has_news(&self) -> bool {
        lock(&self.0).news.is_some()
    }

    pub(super) fn take_news(&self) -> Option<CutNews> {
        lock(&self.0).news.take()
    }
}
