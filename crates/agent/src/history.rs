//! What an agent recorded, read back: by the commands on the server itself,
//! whether the agent runs or not.

mod events;

use std::path::Path;
use std::time::Duration;

use watchfire_model::{ProcessTable, Status, StatusView};

use crate::agent::RECORD_FOLDER;
use crate::recorder::{Content, Kind, Losses, Reading, RecordReader, RecorderError};

pub use events::{RecordedEvent, RecordedEvents};

/// Rates over a longer time would hide what happened.
const LONGEST_INTERVAL: Duration = Duration::from_secs(10);

/// The recorder's ring of one data folder.
#[derive(Debug)]
pub struct History {
    reader: RecordReader,
}

/// What was found, and what could not be read on the way.
#[derive(Debug)]
pub struct Found<T> {
    /// The reading; `None` when there is none at that time or before it.
    pub value: Option<T>,
    /// Damage that was met.
    pub losses: Losses,
}

impl<T> Found<T> {
    /// True when something that was recorded could not be read.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.losses.segments > 0 || self.losses.damages > 0
    }
}

impl History {
    /// Opens the ring in the data folder of an agent.
    ///
    /// # Errors
    ///
    /// [`RecorderError`] says what to do.
    pub fn open(data: &Path) -> Result<Self, RecorderError> {
        Ok(Self { reader: RecordReader::open(&data.join(RECORD_FOLDER))? })
    }

    /// When the oldest record was made, in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn began(&self) -> Result<Option<i64>, RecorderError> {
        let segments = self.reader.segments()?;
        Ok(segments.iter().filter_map(|segment| segment.created).map(|at| at.unix_ms).min())
    }

    /// The last process table that was read at `unix_ms` or before it.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn processes_at(&self, unix_ms: i64) -> Result<Found<ProcessTable>, RecorderError> {
        let mut losses = Losses::default();
        let reading = self.reader.latest_before(Kind::Processes, unix_ms, &mut losses)?;
        let value = reading.and_then(|reading| match reading.content {
            Content::Processes(table) => Some(table),
            _ => None,
        });
        Ok(Found { value, losses })
    }

    /// The last status that was read at `unix_ms` or before it. Its rates are
    /// over the time since the reading before.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn status_at(&self, unix_ms: i64) -> Result<Found<Status>, RecorderError> {
        let (mut losses, mut view) = (Losses::default(), StatusView::new());
        let Some(last) = self.tick_at(unix_ms, &mut losses)? else {
            return Ok(Found { value: None, losses });
        };
        let earlier = last.at.unix_ms.saturating_sub(1);
        let before = self.tick_at(earlier, &mut losses)?;
        if let Some(before) = before.filter(|before| is_just_before(before, &last)) {
            status(&mut view, before);
        }
        Ok(Found { value: status(&mut view, last), losses })
    }

    fn tick_at(&self, unix_ms: i64, losses: &mut Losses) -> Result<Option<Reading>, RecorderError> {
        self.reader.latest_before(Kind::Tick, unix_ms, losses)
    }
}

/// True when rates between the two mean something: they are of one boot, as the
/// monotonic clock tells, and no pause of the agent lies between them. Where the
/// wall clock was set back, what came before by the wall clock did not.
fn is_just_before(before: &Reading, last: &Reading) -> bool {
    let gap = last.at.monotonic.checked_sub(before.at.monotonic);
    gap.is_some_and(|gap| gap <= LONGEST_INTERVAL)
}

fn status(view: &mut StatusView, reading: Reading) -> Option<Status> {
    match reading.content {
        Content::Tick(schema, tick) => Some(view.read(&schema, &tick)),
        _ => None,
    }
}
