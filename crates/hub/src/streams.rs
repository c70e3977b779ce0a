//! All that belongs to the agents' streams, put together.

mod tally;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use watchfire_runtime::task::{self, Task};
use watchfire_runtime::{Clock, Shutdown};
use watchfire_store::{History, Store};

use crate::aftermath::{Corrections, Corrector};
use crate::desk::Desk;
use crate::dial::Dialer;
use crate::fleet::Fleet;
use crate::historian::Historian;
use crate::links;
use crate::opinion::Opinions;
use crate::pulses::{Pulses, Sockets};
use crate::session::{Parts, Sessions};
use tally::Tally;

/// What the history may take of the disk, in bytes.
const HISTORY_BYTES: u64 = 2 << 30;

/// The sessions of a hub and what works for them.
pub(crate) struct Streams {
    pub(crate) sessions: Sessions,
    fleet: Arc<Fleet>,
    historian: Historian,
    pulses: Pulses,
    sockets: Sockets,
    corrector: Corrector,
    clock: Clock,
}

/// The running tasks.
pub(crate) struct Running {
    /// Those that end with the hub.
    pub(crate) tasks: Vec<Task<()>>,
    /// Stores what is on its way; wait for it.
    pub(crate) historian: Task<()>,
}

impl Streams {
    /// Opens the history in `data` and the socket of the pulses beside `listener`. It
    /// blocks. What cannot be had is told and done without: a watch without its
    /// history is better than no watch.
    pub(crate) fn open(
        fleet: Arc<Fleet>,
        (data, listener): (&Path, SocketAddr),
        (store, desk): (Store, Arc<Desk>),
        clock: Clock,
    ) -> Self {
        let history = History::open(data, HISTORY_BYTES)
            .inspect_err(|error| {
                tracing::error!(
                    %error,
                    "the history cannot be used: agents keep what they recorded until it can"
                );
            })
            .ok();
        let historian = Historian::new(history, clock.clone());
        let sockets = Sockets::bind(listener);
        let pulses = Pulses::new(fleet.clone(), clock.clone(), sockets.listens());
        let (corrections, returns) = Corrections::new();
        let sessions = Sessions::new(Parts {
            fleet: fleet.clone(),
            clock: clock.clone(),
            historian: historian.clone(),
            pulses: pulses.clone(),
            corrections,
        });
        let corrector = Corrector { store, historian: historian.clone(), desk, returns };
        Self { sessions, fleet, historian, pulses, sockets, corrector, clock }
    }

    /// Starts everything. `dialer` has the hub's certificate.
    pub(crate) fn start(self, dialer: Dialer, shutdown: &Shutdown) -> Running {
        let Self { sessions, fleet, historian, pulses, sockets, corrector, clock } = self;
        let opinions = Opinions {
            fleet: fleet.clone(),
            dialer: dialer.clone(),
            sessions: sessions.clone(),
            pulses: pulses.clone(),
            clock: clock.clone(),
        };
        let tally = Tally {
            sessions: sessions.clone(),
            historian: historian.clone(),
            pulses: pulses.clone(),
        };
        let links = links::keep(fleet, dialer, sessions, clock.clone(), shutdown.clone());
        let tasks = vec![
            task::spawn("pulses", pulses.run(sockets, shutdown.clone())),
            task::spawn("opinions", opinions.run(shutdown.clone())),
            task::spawn("aftermath", corrector.run(clock.clone(), shutdown.clone())),
            task::spawn("tally", tally.run(clock, shutdown.clone())),
            task::spawn("links", links),
        ];
        Running { tasks, historian: task::spawn("historian", historian.run(shutdown.clone())) }
    }
}
