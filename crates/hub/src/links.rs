//! The links that the hub dials: one for each server that it reaches, for as
//! long as the server is in the fleet as it was when the link began.

use std::collections::HashMap;
use std::sync::Arc;

use watchfire_runtime::task::{self, Task};
use watchfire_runtime::{Clock, Shutdown};

use crate::config::WatchedServer;
use crate::dial::Dialer;
use crate::fleet::Fleet;
use crate::session::Sessions;
use crate::uplink::{self, Reach};

/// Keeps the links of all servers until the end is asked for.
pub(crate) async fn keep(
    fleet: Arc<Fleet>,
    dialer: Dialer,
    sessions: Sessions,
    clock: Clock,
    shutdown: Shutdown,
) {
    let mut links = Links { dialer, sessions, links: HashMap::new() };
    loop {
        let changed = fleet.roster_changed();
        links.adjust(&fleet, &clock, &shutdown);
        tokio::select! {
            biased;
            () = shutdown.requested() => break,
            () = changed => {}
        }
    }
    // Each tells its agent that the hub ends; the caller keeps the limit of time.
    for link in links.links.into_values() {
        let _ = link.task.join().await;
    }
}

struct Links {
    dialer: Dialer,
    sessions: Sessions,
    links: HashMap<usize, Link>,
}

/// A link, and the config that it was begun with.
struct Link {
    config: Arc<WatchedServer>,
    task: Task<()>,
}

impl Links {
    fn adjust(&mut self, fleet: &Arc<Fleet>, clock: &Clock, shutdown: &Shutdown) {
        let stays = |index: &usize, link: &mut Link| {
            fleet.is_in(*index) && Arc::ptr_eq(&link.config, &fleet.config(*index))
        };
        self.links.retain(stays);
        for index in fleet.indices() {
            if self.links.contains_key(&index) {
                continue;
            }
            let config = fleet.config(index);
            let Some(reach) = Reach::of(&config) else { continue };
            let task = self.begin(index, reach, fleet, clock, shutdown);
            self.links.insert(index, Link { config, task });
        }
    }

    fn begin(
        &self,
        index: usize,
        reach: Reach,
        fleet: &Arc<Fleet>,
        clock: &Clock,
        shutdown: &Shutdown,
    ) -> Task<()> {
        let (fleet, dialer, shutdown) = (fleet.clone(), self.dialer.clone(), shutdown.clone());
        let sessions = self.sessions.clone();
        let make = move || {
            let (fleet, reach) = (fleet.clone(), reach.clone());
            let sessions = sessions.clone();
            uplink::keep(fleet, index, reach, dialer.clone(), sessions, shutdown.clone())
        };
        task::spawn_restarting("uplink", clock.clone(), make)
    }
}
