//! What is read of a process beside its `stat`, and not in every table.

use super::folder::Absent;
use super::io::Io;
use super::known::Known;
use super::walk::{FEW, Walk};
use super::{MAX_COMMAND_BYTES, group};
use crate::mask::command_line;
use crate::rate::per_second;
use crate::text::printable;

/// The state of a process that waits for a device or a file server, whatever
/// signals it gets.
const UNINTERRUPTIBLE: char = 'D';

impl Walk<'_> {
    /// Reads the texts of a known process when they can have changed: at once
    /// when its short name did, at its turn when it ran since. Others can move
    /// it to another group, so that is read even when it did not run.
    pub(super) fn refresh_texts(
        &self,
        known: &mut Known,
        raw_name: &[u8],
        buffer: &mut [u8],
    ) -> Result<(), Absent> {
        let long = self.has_long_turn(known.pid);
        let turn = long || self.few && self.has_turn(known.pid);
        let ran = known.ran_since_texts;
        let renamed = known.raw_name != raw_name;
        if renamed || self.forget_texts || turn && ran {
            self.texts(known, raw_name, buffer)?;
        }
        if renamed || long || turn && ran {
            self.group(known, buffer);
        }
        Ok(())
    }

    pub(super) fn texts(
        &self,
        known: &mut Known,
        raw_name: &[u8],
        buffer: &mut [u8],
    ) -> Result<(), Absent> {
        let uid = self.folder.owner(known.pid, buffer)?;
        // The arguments are in the process' own memory, so that to read them
        // can mean to wait for what it waits for: at the next turn then.
        let waits = known.row.state == UNINTERRUPTIBLE;
        if self.options.arguments && !waits {
            match self.folder.read(known.pid, "cmdline", &mut buffer[..MAX_COMMAND_BYTES]) {
                Ok(arguments) => known.row.command = command_line(arguments),
                Err(Absent::Gone) => return Err(Absent::Gone),
                Err(Absent::Forbidden | Absent::Starved) => {}
            }
        }
        known.row.user.clear();
        known.row.user.push_str(&self.users.name(uid));
        if known.raw_name != raw_name {
            known.raw_name.clear();
            known.raw_name.extend_from_slice(raw_name);
            known.row.name = printable(raw_name);
        }
        known.ran_since_texts = self.options.arguments && waits;
        Ok(())
    }

    /// The control group. Where it cannot be read it stays as it was.
    pub(super) fn group(&self, known: &mut Known, buffer: &mut [u8]) {
        let Ok(text) = self.folder.read(known.pid, "cgroup", buffer) else { return };
        let path = group::path(text);
        let row = &mut known.row;
        if row.cgroup.as_bytes() != path {
            group::describe(path, &mut row.cgroup, &mut row.unit, &mut row.container);
        }
    }

    /// When few processes run all are asked for their storage counters. When
    /// many do, those are whose counters moved lately, and each at its turn.
    pub(super) fn wants_io(&self, known: &Known) -> bool {
        let turn = self.has_turn(known.pid);
        if !self.options.io || !known.io.stale || known.io.forbidden && !turn {
            return false;
        }
        let row = &known.row;
        let moves = [row.read_bytes_per_s, row.written_bytes_per_s].iter().flatten().sum::<f64>();
        self.few || turn || moves > 0.0 && self.tally.io <= FEW
    }

    pub(super) fn io(&mut self, known: &mut Known, buffer: &mut [u8]) {
        if !self.options.io {
            return;
        }
        self.tally.io += 1;
        let text = self.folder.read(known.pid, "io", buffer);
        known.io.forbidden = text == Err(Absent::Forbidden);
        let io = text.ok().and_then(Io::parse);
        let before = known.io.last;
        let row = &mut known.row;
        row.read_bytes = io.map(|io| io.read_bytes);
        row.written_bytes = io.map(|io| io.written_bytes);
        let rate = |of: fn(&Io) -> u64| {
            let (before, at) = before.as_ref()?;
            per_second(of(before), of(io.as_ref()?), self.now.since(*at))
        };
        row.read_bytes_per_s = rate(|io| io.read_bytes);
        row.written_bytes_per_s = rate(|io| io.written_bytes);
        known.io.last = io.map(|io| (io, self.now));
        known.io.stale = false;
    }

    /// The process did not run since its counters were read: they stand.
    pub(super) fn no_io(&self, known: &mut Known) {
        let Some((_, at)) = &mut known.io.last else { return };
        if self.now.since(*at).is_zero() {
            return;
        }
        *at = self.now;
        known.row.read_bytes_per_s = Some(0.0);
        known.row.written_bytes_per_s = Some(0.0);
    }
}
