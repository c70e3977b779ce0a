//! What agents say of commands: which they take, and what came of those that they were given.

use std::sync::Arc;

use watchfire_wire::{Message, OutputAck, Runbooks};

use super::target::State as At;
use super::{Runs, Spoken};
use crate::session::CommandDesk;

impl CommandDesk for Arc<Runs> {
    fn offered(&self, (index, session): (usize, u64), runbooks: Runbooks) {
        self.state().offers.insert(index, (session, Arc::new(runbooks)));
        self.stir.notify_one();
    }

    fn left(&self, (index, session): (usize, u64)) {
        let mut state = self.state();
        if state.offers.get(&index).is_some_and(|(of, _)| *of == session) {
            state.offers.remove(&index);
        }
    }

    fn said(&self, index: usize, news: Message) -> bool {
        let number = match &news {
            Message::CommandStarted(started) => started.run,
            Message::CommandRefused(refused) => refused.run,
            Message::Output(output) => output.run,
            Message::Exit(exit) => exit.run,
            _ => return false,
        };
        let mut state = self.state();
        let state = &mut *state;
        let Some((id, place)) = state.numbers.get(&number).cloned() else {
            let known = state.known.contains(&(number, index));
            if known {
                let ack = OutputAck { run: number, offset: u64::MAX, done: true };
                self.say(index, Message::OutputAck(ack));
            }
            return known;
        };
        let Some(run) = state.live.get_mut(&id) else { return false };
        if self.fleet.index(&run.targets[place].server) != Some(index) {
            return false;
        }
        let (now, target) = (self.clock.now(), &mut run.targets[place]);
        // What was not sent cannot be answered; what was given up may come late.
        let takes = target.state.is_under_way() || target.state == At::Lost;
        match news {
            _ if target.state == At::Waiting => return false,
            Message::CommandStarted(_) => run.started(place, now),
            Message::CommandRefused(refused) if takes => {
                target.becomes(At::Refused, refused.why);
                target.wants_ack = true;
            }
            Message::Exit(exit) if takes => target.ended(&exit),
            Message::Output(output) if takes => {
                if let Some(piece) = target.said(&output, &mut run.room) {
                    let server = target.server.clone();
                    // Nobody may be watching.
                    let _ = run.spoken.send(Spoken { server, piece });
                }
            }
            // It comes again, for its acknowledgement was lost.
            _ => (target.wants_ack, target.is_dirty) = (true, true),
        }
        run.changed(place);
        self.stir.notify_one();
        true
    }
}
