//! I3 and I7: the order of what channels accept, and who reads it.

use std::collections::{HashMap, HashSet};

use super::{Event, Invariant, News, Verdict};

/// What channels accepted, and who may read it.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// By alert and channel: what was accepted last.
    last: HashMap<(String, String), News>,
    /// User and server.
    rights: HashSet<(String, String)>,
}

impl Messages {
    pub(super) fn feed(&mut self, event: &Event) -> Verdict {
        match event {
            Event::Rights { user, server, may: true } => {
                self.rights.insert((user.clone(), server.clone()));
            }
            Event::Rights { user, server, may: false } => {
                self.rights.remove(&(user.clone(), server.clone()));
            }
            Event::Accepted { alert, servers, channel, user, news } => {
                self.in_order(alert, channel, *news)?;
                return self.allowed(alert, servers, user);
            }
            _ => {}
        }
        Ok(())
    }

    /// The same news twice is no wrong order: after a crash a delivery that
    /// may have been accepted is tried again.
    fn in_order(&mut self, alert: &str, channel: &str, news: News) -> Verdict {
        let before = self.last.insert((alert.to_owned(), channel.to_owned()), news);
        let wrong = match (before, news) {
            (None, News::Up) => "says up and never said down",
            (Some(News::Up | News::DownAndUp), News::Down) => "says down after it said up",
            _ => return Ok(()),
        };
        Err((Invariant::I3, format!("{channel} {wrong} about alert {alert}")))
    }

    fn allowed(&self, alert: &str, servers: &[String], user: &str) -> Verdict {
        let may = |server: &&String| self.rights.contains(&(user.to_owned(), (*server).clone()));
        match servers.iter().find(|server| !may(server)) {
            None => Ok(()),
            Some(server) => {
                let what = format!("{user} was told of {server} (alert {alert}) without rights");
                Err((Invariant::I7, what))
            }
        }
    }
}
