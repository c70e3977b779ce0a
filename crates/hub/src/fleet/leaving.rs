//! Servers that are leaving, over a restart of the hub.

use std::time::Duration;

use watchfire_alert::{HubTime, PresenceMachine};
use watchfire_model::{Goodbye, Presence, ServerName};
use watchfire_store::StoredLeaving;

use super::Fleet;

impl Fleet {
    /// Takes over which servers were leaving when the hub ended. Only the wall clock
    /// tells how long that is ago.
    pub(crate) fn take_over(&self, leaving: &[StoredLeaving]) {
        let now = HubTime { at: self.clock.now(), stalled: self.stall.total() };
        for one in leaving {
            let Some(index) = self.index(&one.server) else { continue };
            let ago = now.at.unix_ms.saturating_sub(one.unix_ms);
            let ago = Duration::from_millis(u64::try_from(ago).unwrap_or(0));
            let watched = self.watched(index);
            let mut state = watched.state();
            if state.machine.presence() != Presence::Unknown {
                continue;
            }
            let (name, limits) = (one.server.clone(), self.limits);
            state.machine = PresenceMachine::restored_leaving(name, limits, one.goodbye, ago, now);
            if state.elsewhere.is() {
                self.doubt.watch(one.server.clone(), Presence::Leaving);
            }
        }
    }

    /// What a server's agent said when it went; `None` once it was heard again.
    pub(crate) fn goodbye_of(&self, server: &ServerName) -> Option<Goodbye> {
        self.watched(self.index(server)?).state().machine.goodbye_said()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fleet_of, manual_clock, moment, name};

    #[test]
    fn a_server_that_reboots_has_its_time_over_a_restart_of_the_hub() {
        let (clock, hand) = manual_clock();
        let fleet = fleet_of(&["a-1", "b-1", "c-1"], &[], &clock);
        let now_ms = moment(0).unix_ms;
        let of = |server, goodbye, ago_ms| {
            let unix_ms = now_ms - ago_ms;
            StoredLeaving { server: name(server), goodbye, unix_ms }
        };
        let day_ms = 24 * 3600 * 1000;
        fleet.take_over(&[
            of("a-1", Goodbye::Reboot, 60_000),
            of("b-1", Goodbye::Upgrade, day_ms),
            of("gone", Goodbye::Reboot, 0),
        ]);
        let presence = |server| fleet.snapshot(fleet.index(&name(server)).expect("in")).presence;
        let check = |server: &str| {
            let index = fleet.index(&name(server)).expect("in");
            fleet.check(index, clock.now())
        };
        assert_eq!((presence("a-1"), presence("b-1")), (Presence::Leaving, Presence::Leaving));
        assert_eq!(presence("c-1"), Presence::Unknown);
        assert_eq!(fleet.goodbye_of(&name("b-1")), Some(Goodbye::Upgrade));
        // Four of five minutes are left of the reboot; of the upgrade nothing is, so it
        // has the grace of every start.
        let mut judged = Vec::new();
        for second in 0..600 {
            for server in ["a-1", "b-1"] {
                check(server);
                if presence(server).is_trouble() && !judged.iter().any(|(one, _)| *one == server) {
                    judged.push((server, second));
                }
            }
            hand.advance(Duration::from_secs(1));
        }
        assert_eq!(judged, [("b-1", 5), ("a-1", 240)]);
    }
}
