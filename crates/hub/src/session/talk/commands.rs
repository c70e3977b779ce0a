//! What agents are given to run, and what comes of it.

use watchfire_runtime::socket::Socket;
use watchfire_wire::{Message, OutputAck, Runbooks};

use super::{End, Talk};

impl Talk {
    /// The agent says what may be run there. Only one whose certificate was seen is given anything
    /// to run: behind a password anybody could be.
    pub(super) fn offers(&mut self, runbooks: Runbooks) {
        self.shared.fleet.heard(self.peer.index);
        let Some(desk) = self.shared.commands.get() else { return };
        if self.peer.agent.is_none() || self.greeted.is_none() {
            return self.strange("what may be run there");
        }
        self.has_offered = true;
        desk.offered((self.peer.index, self.entered.number), runbooks);
    }

    /// The session is over.
    pub(super) fn takes_no_more_commands(&mut self) {
        if let (true, Some(desk)) = (self.has_offered, self.shared.commands.get()) {
            self.has_offered = false;
            desk.left((self.peer.index, self.entered.number));
        }
    }

    pub(super) async fn heard_of_command(
        &self,
        socket: &mut Socket,
        news: Message,
    ) -> Result<(), End> {
        self.shared.fleet.heard(self.peer.index);
        let (Message::CommandStarted(watchfire_wire::CommandStarted { run, .. })
        | Message::CommandRefused(watchfire_wire::CommandRefused { run, .. })
        | Message::Output(watchfire_wire::Output { run, .. })
        | Message::Exit(watchfire_wire::Exit { run, .. })) = news
        else {
            return Ok(());
        };
        let desk = self.shared.commands.get().filter(|_| self.has_offered);
        if desk.is_some_and(|desk| desk.said(self.peer.index, news)) {
            return Ok(());
        }
        self.strange("news of a command that it was not given");
        // An honest agent says it of a command that this hub has forgotten, and need not again.
        let ack = OutputAck { run, offset: u64::MAX, done: true };
        self.send(socket, &Message::OutputAck(ack)).await
    }
}
