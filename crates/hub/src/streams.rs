//! All that belongs to the agents' streams, put together.

mod door;
mod tally;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use watchfire_runtime::net::Net;
use watchfire_runtime::task::{self, Apart, Task};
use watchfire_runtime::{Clock, Shutdown, ShutdownHandle};
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
pub(crate) use door::{Door, FAREWELL};
use tally::Tally;

/// How long the end waits for the historian.
const HISTORIAN_END: Duration = Duration::from_secs(2);

/// The sessions of a hub and what works for them.
pub(crate) struct Streams {
    pub(crate) sessions: Sessions,
    pub(crate) historian: Historian,
    fleet: Arc<Fleet>,
    pulses: Pulses,
    sockets: Sockets,
    corrector: Corrector,
    clock: Clock,
}

/// The running tasks.
pub(crate) struct Running {
    tasks: Vec<Task<()>>,
    links: Task<()>,
    historian: Task<()>,
    historian_end: ShutdownHandle,
}

impl Streams {
    /// Opens the history in `data`, which keeps within `disk` bytes, and the socket of
    /// the pulses beside `listener`. It blocks. What cannot be had is told and done
    /// without: a watch without its history is better than no watch.
    pub(crate) fn open(
        fleet: Arc<Fleet>,
        (data, disk, listener): (&Path, u64, SocketAddr),
        (store, desk): (Store, Arc<Desk>),
        clock: Clock,
        net: &Net,
    ) -> Self {
        let history = History::open(data, disk)
            .inspect_err(|error| {
                tracing::error!(
                    %error,
                    "the history cannot be used: agents keep what they recorded until it can"
                );
            })
            .ok();
        let historian = Historian::new(history, clock.clone());
        let sockets = Sockets::bind(listener, net);
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
        Self { sessions, historian, fleet, pulses, sockets, corrector, clock }
    }

    /// Starts everything. `dialer` has the hub's certificate; `signs` is the thread of
    /// the signs of life, which no stream and no question may hold up.
    pub(crate) fn start(self, dialer: Dialer, signs: &Apart, shutdown: &Shutdown) -> Running {
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
            signs.spawn("pulses", pulses.run(sockets, shutdown.clone())),
            task::spawn("opinions", opinions.run(shutdown.clone())),
            task::spawn("aftermath", corrector.run(clock.clone(), shutdown.clone())),
            task::spawn("tally", tally.run(clock, shutdown.clone())),
        ];
        // It ends after the sessions, which hand over what they gathered.
        let (until, historian_end) = Shutdown::new();
        let historian = task::spawn("historian", historian.run(until));
        Running { tasks, links: task::spawn("links", links), historian, historian_end }
    }
}

impl Running {
    /// Waits for the streams that the hub dialed to end in order, and for what is on
    /// its way to the disk. What does not get there, agents hand in again.
    pub(crate) async fn end(self, clock: &Clock) {
        let _ = clock.within(FAREWELL.saturating_mul(2), self.links.join()).await;
        self.historian_end.request();
        let _ = clock.within(HISTORIAN_END, self.historian.join()).await;
        drop(self.tasks);
    }
}
