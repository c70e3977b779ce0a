//! What agents keep for the day without the hub.

use watchfire_runtime::socket::Socket;
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
        desk.told(agent, told);
        self.send(socket, &Message::FallbackHeard(FallbackHeard { outage })).await
    }
}
