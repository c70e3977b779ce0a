//! The promises I1 to I7 that must hold whatever happens, checked while a
//! simulation runs.
//!
//! The test tells the [`Checker`] what really happened and what the product
//! did about it; the first broken promise comes back with the seed and the
//! last events. Time is the test's own: any [`Duration`] that only grows.
//!
//! * I1: no alert without 5 s of silence, measured by a healthy observer.
//! * I2: 6 s of silence with a healthy hub imply an alert.
//! * I3: for each alert and channel, what says down comes before what says up.
//! * I4: what was acknowledged is stored, after any crash.
//! * I5: each command is executed at most once on each server.
//! * I6: within 30 s after all is healed every presence is true.
//! * I7: no message about a server to a user without rights to it.
//!
//! ```
//! use std::time::Duration;
//! use watchfire_model::Presence;
//! use watchfire_testkit::invariants::{Checker, Event};
//!
//! let at = Duration::from_secs;
//! let db = || "db-1".to_owned();
//! let mut checker = Checker::new(42);
//! checker.feed(at(0), Event::Sign { server: db() })?;
//! checker.feed(at(9), Event::Silent { server: db() })?;
//! let told = Event::Told { server: db(), presence: Presence::Down };
//! let broken = checker.feed(at(13), told).unwrap_err();
//! assert!(broken.to_string().starts_with("I1 is broken at 13.000 s (seed 42)"));
//! # Ok::<(), Box<watchfire_testkit::invariants::Broken>>(())
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use watchfire_model::Presence;

use self::commands::Commands;
use self::messages::Messages;
use self::presences::Presences;
use self::records::Records;

mod commands;
mod messages;
mod presences;
mod records;

/// How many of the last events a broken promise shows.
const SHOWN_EVENTS: usize = 30;

/// Something that happened: to the servers and the hub, by the test's script,
/// or what the product did.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// From now on no sign of life of the server reaches the hub's host.
    Silent {
        /// Its name.
        server: String,
    },
    /// A sign of life reached the hub's host; a silence is over.
    Sign {
        /// Whose.
        server: String,
    },
    /// The server said goodbye: it may be silent until then without an alert.
    Goodbye {
        /// Its name.
        server: String,
        /// The end of its limit, on the checker's time.
        until: Duration,
    },
    /// The hub stalls, is cut off, is down or has its grace: what it does not
    /// hear now it cannot hold against anybody.
    HubUnwell,
    /// The hub is well again.
    HubWell,
    /// The hub shows this presence from now on.
    Told {
        /// The server's name.
        server: String,
        /// Its presence.
        presence: Presence,
    },
    /// A channel accepted a notification.
    Accepted {
        /// The alert or incident: one id from its beginning to its end.
        alert: String,
        /// The servers that it names.
        servers: Vec<String>,
        /// The channel.
        channel: String,
        /// Who reads that channel.
        user: String,
        /// What it says.
        news: News,
    },
    /// The rights of a user to a server changed. Nobody has any at first.
    Rights {
        /// The user.
        user: String,
        /// The server.
        server: String,
        /// Whether the user may hear of it from now on.
        may: bool,
    },
    /// The agent of the server was told that these records are durable.
    Acknowledged {
        /// Its name.
        server: String,
        /// The first sequence.
        from: u64,
        /// The last sequence.
        to: u64,
    },
    /// The store holds these records.
    Stored {
        /// The server's name.
        server: String,
        /// The first sequence.
        from: u64,
        /// The last sequence.
        to: u64,
    },
    /// The store was lost from memory, by a kill or a power cut. The test reads
    /// it again, tells all that it finds with [`Event::Stored`], and then
    /// [`Event::Recovered`].
    Crashed,
    /// All that the store holds after a crash has been told.
    Recovered,
    /// A command was executed.
    Executed {
        /// Its id.
        command: String,
        /// Where.
        server: String,
    },
    /// The script ended all trouble: from now on the network and the hub are
    /// well, and servers that are not [`Event::Silent`] are alive.
    Healed,
    /// The script begins new trouble: what was to be true after
    /// [`Event::Healed`] need not be any more.
    Disturbed,
}

/// What a notification says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// There is trouble.
    Down,
    /// It is over.
    Up,
    /// There was trouble, and it is over: both in one.
    DownAndUp,
}

/// The times that the promises name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// I1: the shortest silence that may cause an alert.
    pub silence: Duration,
    /// I2: the longest silence without an alert.
    pub alert_by: Duration,
    /// I6: how long after the healing a presence may be wrong.
    pub converge: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(5),
            alert_by: Duration::from_secs(6),
            converge: Duration::from_secs(30),
        }
    }
}

/// One of the promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the module's head says what each one is")]
pub enum Invariant {
    I1,
    I2,
    I3,
    I4,
    I5,
    I6,
    I7,
}

/// A promise that was broken. Its text holds all that is needed to see it again.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// Which.
    pub invariant: Invariant,
    /// When.
    pub at: Duration,
    /// The seed of the run.
    pub seed: u64,
    /// What is wrong, in one sentence.
    pub what: String,
    /// The last events, oldest first.
    pub events: Vec<(Duration, Event)>,
}

/// A promise that a part of the checker found broken.
type Verdict = Result<(), (Invariant, String)>;

/// Watches over the promises of one run.
#[derive(Debug)]
pub struct Checker {
    seed: u64,
    now: Duration,
    events: VecDeque<(Duration, Event)>,
    presences: Presences,
    messages: Messages,
    records: Records,
    commands: Commands,
}

impl Checker {
    /// A checker with the times of the design. The seed is only for the message.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_limits(seed, Limits::default())
    }

    /// A checker with times of its own, for runs with another `down_after`.
    #[must_use]
    pub fn with_limits(seed: u64, limits: Limits) -> Self {
        Self {
            seed,
            now: Duration::ZERO,
            events: VecDeque::new(),
            presences: Presences::new(limits),
            messages: Messages::default(),
            records: Records::default(),
            commands: Commands::default(),
        }
    }

    /// Tells that something happened.
    ///
    /// # Errors
    /// The first promise that it breaks, or that the time until then broke.
    ///
    /// # Panics
    /// When `at` is before an earlier event: such a script is wrong.
    pub fn feed(&mut self, at: Duration, event: Event) -> Result<(), Box<Broken>> {
        self.pass(at)?;
        if self.events.len() == SHOWN_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back((at, event.clone()));
        let checked = self
            .presences
            .feed(at, &event)
            .and_then(|()| self.messages.feed(&event))
            .and_then(|()| self.records.feed(&event))
            .and_then(|()| self.commands.feed(&event));
        checked.map_err(|(invariant, what)| self.broken(invariant, at, what))
    }

    /// Tells that time has passed and nothing happened. Call it at each step of
    /// the simulation and at its end: a missing alert is no event.
    ///
    /// # Errors
    /// The promise whose time is over.
    ///
    /// # Panics
    /// When `now` is before an earlier event.
    pub fn pass(&mut self, now: Duration) -> Result<(), Box<Broken>> {
        assert!(now >= self.now, "time went backwards from {:?} to {now:?}", self.now);
        self.now = now;
        let checked = self.presences.pass(now);
        checked.map_err(|(invariant, what)| self.broken(invariant, now, what))
    }

    /// The end of the run: everything that was acknowledged must be stored by now.
    ///
    /// # Errors
    /// The promise that is broken.
    pub fn end(&mut self, now: Duration) -> Result<(), Box<Broken>> {
        self.pass(now)?;
        let checked = self.records.all_stored();
        checked.map_err(|(invariant, what)| self.broken(invariant, now, what))
    }

    fn broken(&self, invariant: Invariant, at: Duration, what: String) -> Box<Broken> {
        let events = self.events.iter().cloned().collect();
        Box::new(Broken { invariant, at, seed: self.seed, what, events })
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invariant, at, seed, what, events } = self;
        write!(f, "{invariant:?} is broken at {:.3} s (seed {seed}): {what}", at.as_secs_f64())?;
        write!(f, "\nthe last events:")?;
        for (at, event) in events {
            write!(f, "\n{:>12.3} s  {event:?}", at.as_secs_f64())?;
        }
        Ok(())
    }
}

impl std::error::Error for Broken {}

#[cfg(test)]
mod tests;
