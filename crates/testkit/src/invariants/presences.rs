//! I1, I2 and I6: when a server may be, and must be, called away.

use std::collections::BTreeMap;
use std::time::Duration;

use watchfire_model::Presence;

use super::{Event, Invariant, Limits, Verdict};

/// What is true of the servers and what the hub says of them.
#[derive(Debug)]
pub(super) struct Presences {
    limits: Limits,
    servers: BTreeMap<String, Server>,
    healthy: Healthy,
    healed: Option<Duration>,
}

#[derive(Debug, Default)]
struct Server {
    /// The last sign of life or the beginning of the silence, on the healthy
    /// hub's time.
    heard: Option<Duration>,
    silent: bool,
    leaving_until: Option<Duration>,
    told: Option<Presence>,
}

/// Counts the time in which the hub was well: only that measures a silence.
#[derive(Debug, Default)]
struct Healthy {
    counted: Duration,
    unwell: bool,
    now: Duration,
}

impl Presences {
    pub(super) fn new(limits: Limits) -> Self {
        let healthy = Healthy::default();
        Self { limits, servers: BTreeMap::new(), healthy, healed: None }
    }

    pub(super) fn feed(&mut self, now: Duration, event: &Event) -> Verdict {
        let counted = self.healthy.counted;
        match event {
            Event::Sign { server } => {
                let server = self.server(server);
                server.heard = Some(counted);
                server.silent = false;
                server.leaving_until = None;
            }
            Event::Silent { server } => {
                let server = self.server(server);
                if !std::mem::replace(&mut server.silent, true) {
                    server.heard = Some(counted);
                }
            }
            Event::Goodbye { server, until } => self.server(server).leaving_until = Some(*until),
            Event::HubUnwell => self.healthy.unwell = true,
            Event::HubWell => self.healthy.unwell = false,
            Event::Told { server, presence } => return self.told(server, *presence),
            Event::Healed => self.healed = Some(now),
            Event::Disturbed => self.healed = None,
            _ => {}
        }
        Ok(())
    }

    /// Checks what must have happened by now.
    pub(super) fn pass(&mut self, now: Duration) -> Verdict {
        self.healthy.pass(now);
        self.no_alert_is_missing(now)?;
        let over = self.healed.filter(|healed| now >= *healed + self.limits.converge);
        if over.is_some() {
            self.healed = None;
            return self.all_is_true(now);
        }
        Ok(())
    }

    fn server(&mut self, name: &str) -> &mut Server {
        self.servers.entry(name.to_owned()).or_default()
    }

    /// I1.
    fn told(&mut self, name: &str, presence: Presence) -> Verdict {
        let (counted, shortest) = (self.healthy.counted, self.limits.silence);
        let server = self.server(name);
        let before = server.told.replace(presence);
        let is_news = !before.is_some_and(Presence::is_trouble);
        if !presence.is_trouble() || !is_news {
            return Ok(());
        }
        let Some(heard) = server.heard else {
            let what = format!("{name} was called {presence}, and nothing says it was ever silent");
            return Err((Invariant::I1, what));
        };
        let silence = counted - heard;
        if silence < shortest {
            let what = format!(
                "{name} was called {presence} after {silence:?} of silence that a healthy hub measured"
            );
            return Err((Invariant::I1, what));
        }
        Ok(())
    }

    /// I2. A hub that is unwell need not speak before it is well.
    fn no_alert_is_missing(&self, now: Duration) -> Verdict {
        if self.healthy.unwell {
            return Ok(());
        }
        for (name, server) in &self.servers {
            let silence = server.silence(self.healthy.counted);
            // At the very instant of the limit the hub may still be about to speak.
            let late = silence.is_some_and(|silence| silence > self.limits.alert_by);
            if late && !server.may_be_away(now) && !server.is_called_away() {
                let silence = silence.unwrap_or_default();
                let what = format!("{name} has been silent for {silence:?}, and there is no alert");
                return Err((Invariant::I2, what));
            }
        }
        Ok(())
    }

    /// I6.
    fn all_is_true(&self, now: Duration) -> Verdict {
        for (name, server) in &self.servers {
            let wrong = match server.silence(self.healthy.counted) {
                _ if server.may_be_away(now) => continue,
                Some(silence) => silence > self.limits.alert_by && !server.is_called_away(),
                None => server.told != Some(Presence::Up),
            };
            if wrong {
                let truth = if server.silent { "silent" } else { "alive" };
                let told = server.told.map_or("nothing", Presence::as_str);
                let what = format!(
                    "{name} is {truth}, and {:?} after the healing the hub still says {told}",
                    self.limits.converge
                );
                return Err((Invariant::I6, what));
            }
        }
        Ok(())
    }
}

impl Server {
    /// How long it has been silent, as far as the healthy hub can know.
    fn silence(&self, counted: Duration) -> Option<Duration> {
        let heard = self.heard.filter(|_| self.silent)?;
        Some(counted - heard)
    }

    fn may_be_away(&self, now: Duration) -> bool {
        self.leaving_until.is_some_and(|until| now <= until)
    }

    fn is_called_away(&self) -> bool {
        self.told.is_some_and(Presence::is_trouble)
    }
}

impl Healthy {
    fn pass(&mut self, now: Duration) {
        if !self.unwell {
            self.counted += now - self.now;
        }
        self.now = now;
    }
}
