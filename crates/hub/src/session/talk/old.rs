//! The old records of a session: which are missing, and what comes of them.

use watchfire_model::Moment;
use watchfire_runtime::socket::Socket;
use watchfire_runtime::task;
use watchfire_wire::{Message, RecordKind, Records, Renewed};

use super::{Done, End, Talk};
use crate::historian::Gather;
use crate::session::inbox::Over;

impl Talk {
    /// Old records, which the hub asked for: they go to the history alone.
    pub(super) fn old(&mut self, records: Records) -> Result<(), Over> {
        let (now, time) = (self.now(), self.hub_time());
        self.shared.fleet.heard(self.peer.index);
        let (Some(ring), Some(answer)) = (self.ring(), self.fill.answer(records.request)) else {
            // The hub may have given its answer up while it was on its way.
            if !self.fill.is_late(records.request) {
                self.strange("old records");
            }
            return Ok(());
        };
        answer.take(&records.records, time).map_err(Over::wrong)?;
        let mut gather = Gather::new(self.server_key(), ring);
        let mut previous = records.previous;
        for record in records.records {
            let sequence = record.sequence;
            self.live.count(&record);
            // It was asked before the agent told too many series.
            if self.live.over_from.is_some() && record.kind == RecordKind::Tick {
                previous = sequence;
                continue;
            }
            if let Some(chunk) = gather.push(previous, record, now) {
                self.store(chunk, false);
            }
            previous = sequence;
        }
        if let Some(chunk) = gather.take() {
            self.store(chunk, false);
        }
        Ok(())
    }

    pub(super) fn begin_filling(&mut self, now: Moment) {
        let Some(ring) = self.greeted.as_ref().and_then(|greeted| greeted.ring) else { return };
        let historian = self.shared.historian.clone();
        if self.live.over_from.is_none()
            && self.fill.may_begin(now)
            && historian.has_time_for(&self.server_key())
            && self.live.last != 0
        {
            self.flush();
            self.fill.begin(self.live.last);
        }
        let Some(newest) = self.fill.look(self.receipts.waiting()) else { return };
        let Some(history) = historian.history().cloned() else { return };
        let (server, looks) = (self.server_key(), self.shared.looks.clone());
        self.work.begin("look for holes", async move {
            // It is never closed; without a place a look is as good as any other.
            let _place = looks.acquire_owned().await;
            let look = move || history.holes(&server, ring.ring, ring.oldest.max(1), newest);
            let holes = task::blocking("holes", look).await;
            if let Ok(Err(error)) = &holes {
                tracing::warn!(%error, "the history cannot be looked at for holes");
            }
            Done::Holes(holes.ok().and_then(Result::ok))
        });
    }

    pub(super) async fn done(&mut self, socket: &mut Socket, done: Done) -> Result<(), End> {
        match done {
            Done::Holes(Some(holes)) => {
                self.fill.found(holes, self.now());
                self.ask(socket).await
            }
            Done::Holes(None) => {
                self.fill.failed(self.now());
                Ok(())
            }
            Done::Renewed(Ok(certificate_pem)) => {
                self.send(socket, &Message::Renewed(Renewed { certificate_pem })).await
            }
            Done::Renewed(Err(why)) => {
                tracing::warn!(why, "a certificate is not renewed");
                Ok(())
            }
        }
    }

    /// Goes on after an answer. Others that wait for a permit look for it once a second:
    /// unless one stays free for them, this session does not ask before its next tick
    /// either.
    pub(super) async fn ask_on(&mut self, socket: &mut Socket) -> Result<(), End> {
        if self.shared.backfills.available_permits() > 1 { self.ask(socket).await } else { Ok(()) }
    }

    /// Asks for the next hole, when it is this session's turn.
    pub(super) async fn ask(&mut self, socket: &mut Socket) -> Result<(), End> {
        if self.live.over_from.is_some()
            || !self.fill.is_waiting()
            || !self.shared.historian.has_time_for(&self.server_key())
        {
            return Ok(());
        }
        let Ok(permit) = self.shared.backfills.clone().try_acquire_owned() else { return Ok(()) };
        match self.fill.ask(permit, self.live.fitting(), self.hub_time()) {
            Some(ask) => self.send(socket, &Message::Backfill(ask)).await,
            None => Ok(()),
        }
    }
}
