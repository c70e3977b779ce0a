//! What agents keep for the day without the hub.

use watchfire_runtime::socket::{CloseReason, Socket};
use watchfire_wire::{FallbackHeard, FallbackSeat, FallbackTold, Message};

use super::{End, Talk};

impl Talk {
    /// The agent said in its hello that it takes part, or not.
    pub(super) fn takes_fallback(&mut self, said: Option<FallbackSeat>) {
        let desk = self.shared.fallback.get();
        let (Some(said), Some(agent), Some(desk)) = (said, self.peer.agent, desk) else { return };
        desk.greeted((self.peer.index, agent), (self.peer.remote, self.dialed), said);
        self.has_seat = true;
    }

    pub(super) async fn heard_told(
        &self,
        socket: &mut Socket,
        told: FallbackTold,
    ) -> Result<(), End> {
        self.shared.fleet.heard(self.peer.index);
        let desk = self.shared.fallback.get();
        let (Some(agent), Some(desk), true) = (self.peer.agent, desk, self.has_seat) else {
            self.strange("that a fallback was told");
            return Ok(());
        };
        let outage = told.outage;
        // Until it is on disk the agent says it again: a hub that is killed forgets the rest.
        if !desk.told(agent, told) {
            return Ok(());
        }
        self.send(socket, &Message::FallbackHeard(FallbackHeard { outage })).await
    }

    /// The last word to an agent whose stream the hub ends, for what it keeps.
    pub(super) async fn end_fallback(
        &self,
        socket: &mut Socket,
        why: CloseReason,
    ) -> Result<(), End> {
        let last = match why {
            CloseReason::Away => Message::HubLeaves,
            // It was removed: it has no part in telling that the hub is gone.
            CloseReason::Forbidden => Message::FallbackOver,
            _ => return Ok(()),
        };
        if self.has_seat { self.send(socket, &last).await } else { Ok(()) }
    }
}
