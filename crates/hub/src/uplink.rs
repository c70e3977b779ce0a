//! One server's link: dials, logs in, reads the stream, and dials again.
//! Nothing in here waits for another server.

use std::sync::Arc;
use std::time::Duration;

use watchfire_model::Sight;
use watchfire_runtime::backoff::Backoff;
use watchfire_runtime::{Secret, Shutdown};
use watchfire_wire::{GoodbyeReason, Message};

use crate::dial::{Dialer, Failed, Tells, log_in, open_stream};
use crate::fleet::Fleet;

/// A stream that was quiet for this long is given up and dialed anew: the new
/// connection is the probe, and it does not share the old one's stuck packets.
const QUIET_LIMIT: Duration = Duration::from_secs(3);
/// The first pause between dials, and the longest: a server that is back is
/// noticed within two seconds.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(800));
/// The longest pause after a refused login, which guessing must not look like.
const LOGIN_PAUSE: Duration = Duration::from_secs(15);
/// The longest pause after an agent asked for one: its limit on logins is over
/// within seconds, and its server is unwatched meanwhile.
const LATER_PAUSE: Duration = Duration::from_secs(2);

/// Keeps the link of the server at `index` until the end is asked for.
pub(crate) async fn keep(fleet: Arc<Fleet>, index: usize, dialer: Dialer, shutdown: Shutdown) {
    let mut uplink = Uplink { fleet, index, dialer, token: None };
    tokio::select! {
        () = shutdown.requested() => {}
        () = uplink.dial_for_ever() => {}
    }
}

struct Uplink {
    fleet: Arc<Fleet>,
    index: usize,
    dialer: Dialer,
    token: Option<Secret>,
}

impl Uplink {
    async fn dial_for_ever(&mut self) {
        let mut pauses = Pauses::new();
        loop {
            let mut heard = false;
            let failed = self.session(&mut heard).await;
            let name = &self.fleet.config(self.index).server.name;
            tracing::debug!(server = %name, tells = ?failed.tells, why = failed.why, "link");
            match failed.tells {
                Tells::Saw(saw) => self.fleet.observed(self.index, saw),
                Tells::HubsOwn => self.fleet.blind(self.index),
                Tells::Nothing => {}
            }
            if heard {
                pauses = Pauses::new();
            }
            self.dialer.clock().sleep(pauses.after(failed.tells)).await;
        }
    }

    /// One session: from the dial to the end of the stream, which is what it returns.
    async fn session(&mut self, heard: &mut bool) -> Failed {
        match self.try_session(heard).await {
            Err(failed) => failed,
            Ok(never) => match never {},
        }
    }

    async fn try_session(&mut self, heard: &mut bool) -> Result<std::convert::Infallible, Failed> {
        let fleet = self.fleet.clone();
        let watched = fleet.config(self.index);
        let index = self.index;
        let mut silent = || fleet.observed(index, Sight::Silent);
        let had_token = self.token.is_some();
        let token = match self.token.take() {
            Some(token) => token,
            None => log_in(&self.dialer, &watched.address, &watched.login, &mut silent).await?,
        };
        let opened = open_stream(&self.dialer, &watched.address, &token, &mut silent).await;
        let mut stream = match opened {
            // An old token that is refused only needs another login.
            Err(failed) if had_token && failed.saw() == Some(Sight::LoginRefused) => {
                let token = log_in(&self.dialer, &watched.address, &watched.login, &mut silent);
                let token = token.await?;
                let stream = open_stream(&self.dialer, &watched.address, &token, &mut silent);
                let stream = stream.await?;
                self.token = Some(token);
                stream
            }
            Err(failed) => {
                if failed.saw() != Some(Sight::LoginRefused) {
                    self.token = Some(token);
                }
                return Err(failed);
            }
            Ok(stream) => {
                self.token = Some(token);
                stream
            }
        };
        loop {
            let message = self.dialer.clock().within(QUIET_LIMIT, stream.next()).await;
            // Quiet on an old stream says nothing of the host; the next dial will.
            let message = message.ok_or_else(|| {
                let why = format!("nothing came for {} s", QUIET_LIMIT.as_secs());
                Failed::new(Sight::StreamClosed, why)
            })??;
            self.take(message)?;
            *heard = true;
        }
    }

    fn take(&self, message: Message) -> Result<(), Failed> {
        match message {
            Message::Hello(hello) => {
                let talks = watchfire_wire::PROTOCOL.talks_with(hello.version());
                talks.map_err(|error| Failed::new(Sight::NotAnAgent, error.to_string()))?;
                self.fleet.heard(self.index);
            }
            Message::Status(status) => self.fleet.status(self.index, status),
            Message::Processes(table) => self.fleet.processes(self.index, table),
            Message::Alive(_) => self.fleet.heard(self.index),
            Message::Goodbye(GoodbyeReason::Reboot | GoodbyeReason::Upgrade) => {
                self.fleet.goodbye(self.index);
            }
            // An agent that was simply stopped leaves its server unwatched, and
            // its person wants to know that like any other end.
            Message::Goodbye(GoodbyeReason::Stop | GoodbyeReason::Unknown) => {}
        }
        Ok(())
    }
}

/// How long a link waits before it dials again.
struct Pauses {
    usual: Backoff,
    login: Backoff,
    later: Backoff,
}

impl Pauses {
    fn new() -> Self {
        Self {
            usual: Backoff::new(PAUSES.0, PAUSES.1),
            login: Backoff::new(Duration::from_secs(1), LOGIN_PAUSE),
            later: Backoff::new(PAUSES.0, LATER_PAUSE),
        }
    }

    fn after(&mut self, tells: Tells) -> Duration {
        match tells {
            Tells::Saw(Sight::LoginRefused) => return self.login.next_pause(),
            // It says nothing of the login, which may still be the wrong one.
            Tells::Saw(Sight::LoginLimited) => return self.later.next_pause(),
            Tells::Saw(_) => self.login.reset(),
            Tells::Nothing | Tells::HubsOwn => {}
        }
        self.later.reset();
        self.usual.next_pause()
    }
}

#[cfg(test)]
mod tests;
