use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::record::Record;
use crate::source::Source;
use crate::text::{lines, printable};
use crate::{CollectError, Root, mask};

/// The kernel's log, on a live root and on a recorded one.
pub const KMSG_PATH: &str = "dev/kmsg";

/// The longest record that the kernel gives (`PRINTK_MESSAGE_MAX`), with room.
const RECORD_BYTES: usize = 16 * 1024;
/// The most records of one reading. The rest waits for the next.
const MAX_RECORDS: usize = 1000;
/// A log that cannot be read is tried again after this time.
const REST: Duration = Duration::from_secs(60);

/// Reads the kernel's log from where the last reading ended.
#[derive(Debug)]
pub(super) struct KernelLog {
    open: Option<std::fs::File>,
    recorded: Source,
    buffer: Vec<u8>,
    next: Option<u64>,
    lost: u64,
    /// True once all that was there was read.
    has_come_to_end: bool,
    failed: Option<Duration>,
}

impl KernelLog {
    pub(super) fn new() -> Self {
        Self {
            open: None,
            recorded: Source::new(KMSG_PATH),
            buffer: Vec::new(),
            next: None,
            lost: 0,
            has_come_to_end: false,
            failed: None,
        }
    }

    /// The number of the record that comes next, once one was read.
    pub(super) fn next(&self) -> Option<u64> {
        self.next
    }

    /// How many records were gone before they could be read.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// True once a reading came to the end of the log: from then on what is read is new.
    pub(super) fn has_come_to_end(&self) -> bool {
        self.has_come_to_end
    }

    /// True while a log that could not be read is left alone.
    pub(super) fn is_resting(&self) -> bool {
        self.failed.is_some()
    }

    /// Gives what is new to `hear`. It never waits. Nothing comes where there
    /// is no such log.
    ///
    /// # Errors
    ///
    /// When there is one and it cannot be read. The live one is then left
    /// alone for [`REST`].
    pub(super) fn read(
        &mut self,
        root: &Root,
        now: Duration,
        hear: impl FnMut(Record<'_>),
    ) -> Result<(), CollectError> {
        if !root.is_live() {
            return self.read_recorded(root, hear);
        }
        if self.failed.is_some_and(|failed| now.saturating_sub(failed) < REST) {
            return Ok(());
        }
        let read = self.read_live(root, hear);
        self.failed = read.is_err().then_some(now);
        read.map_err(|error| {
            self.open = None;
            CollectError::unreadable(&root.join(KMSG_PATH), error)
        })
    }

    fn read_live(&mut self, root: &Root, hear: impl FnMut(Record<'_>)) -> std::io::Result<()> {
        if self.open.is_none() {
            match open(root) {
                Ok(file) => self.open = Some(file),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        let Some(mut file) = self.open.take() else { return Ok(()) };
        let followed = self.follow(&mut file, hear);
        self.open = Some(file);
        followed
    }

    /// Reads up to [`MAX_RECORDS`] records, one with each call of `file`.
    pub(super) fn follow(
        &mut self,
        file: &mut impl Read,
        mut hear: impl FnMut(Record<'_>),
    ) -> std::io::Result<()> {
        self.buffer.resize(RECORD_BYTES, 0);
        for _ in 0..MAX_RECORDS {
            match file.read(&mut self.buffer) {
                Ok(0) => {
                    self.has_come_to_end = true;
                    break;
                }
                Ok(length) => {
                    let record = Record::parse(&self.buffer[..length]);
                    take(record, &mut self.next, &mut self.lost, &mut hear);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.has_come_to_end = true;
                    break;
                }
                // The record was overwritten: the next call gives the oldest that
                // is left, and its number tells how many are lost.
                Err(error) if error.raw_os_error() == Some(Errno::PIPE.raw_os_error()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_recorded(
        &mut self,
        root: &Root,
        mut hear: impl FnMut(Record<'_>),
    ) -> Result<(), CollectError> {
        let Some(text) = self.recorded.read_if_there(root)? else { return Ok(()) };
        for line in lines(text) {
            take(Record::parse(line), &mut self.next, &mut self.lost, &mut hear);
        }
        self.has_come_to_end = true;
        Ok(())
    }
}

/// Gives a record on that was not given before.
fn take(
    record: Option<Record<'_>>,
    next: &mut Option<u64>,
    lost: &mut u64,
    hear: &mut impl FnMut(Record<'_>),
) {
    let Some(record) = record else { return };
    let gap = match *next {
        Some(next) if record.sequence < next => return,
        Some(next) => record.sequence - next,
        // What was gone before we came is not ours to count.
        None => 0,
    };
    *lost = lost.saturating_add(gap);
    *next = Some(record.sequence.saturating_add(1));
    hear(record);
}

fn open(root: &Root) -> std::io::Result<std::fs::File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    std::fs::File::options().read(true).custom_flags(flags).open(root.join(KMSG_PATH))
}

/// The log of this machine as it is recorded at [`KMSG_PATH`]: all records
/// that are left of it, with secrets masked. Empty where there is none.
///
/// # Errors
///
/// When it is there and may not be read.
pub fn kernel_log() -> Result<String, CollectError> {
    let mut text = String::new();
    let mut log = KernelLog::new();
    let mut before = None;
    loop {
        log.read(&Root::live(), Duration::ZERO, |record| {
            let (sequence, micros) = (record.sequence, record.micros);
            let priority = if record.is_of_kernel() { 6 } else { 14 };
            let words = printable(mask::command_line(record.text).as_bytes());
            text.push_str(&format!("{priority},{sequence},{micros},-;{words}\n"));
        })?;
        if log.next() == before || text.len() > crate::MAX_FILE_BYTES / 2 {
            return Ok(text);
        }
        before = log.next();
    }
}
