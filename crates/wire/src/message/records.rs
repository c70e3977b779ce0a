use crate::WireError;
use crate::builder::RecordsBuilder;

/// Records of an agent's recorder: new ones as they are made, or old ones that
/// a hub asked for with a [`Backfill`].
///
/// Each record is the next one in the ring after the one before it in the
/// list: nothing lies between them. Where an agent leaves records out, it
/// begins another message, whose `previous` tells of the hole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Records {
    /// The request that they answer; 0 for live ones.
    pub request: u64,
    /// The sequence of the record that lies directly before the first one in
    /// the ring; 0 when there is none or it is not known.
    pub previous: u64,
    /// The records, their sequences rising.
    pub records: Vec<Record>,
}

impl Records {
    /// The same records in as few messages as it takes so that each has a
    /// frame of at most `most_bytes`. A record that is larger than that alone
    /// gets a frame of its own.
    ///
    /// # Errors
    /// [`WireError`] for a record that fits no frame, or whose sequence does
    /// not rise. [`RecordsBuilder`] goes on behind such a record; this does not.
    pub fn split(self, most_bytes: usize) -> Result<Vec<Records>, WireError> {
        let mut builder = RecordsBuilder::new(self.request, self.previous, most_bytes);
        let mut full = Vec::new();
        for record in self.records {
            full.extend(builder.push(record)?);
        }
        full.extend(builder.finish());
        Ok(full)
    }
}

/// One record of an agent's recorder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Its place in the ring, above 0.
    pub sequence: u64,
    /// What it holds.
    pub kind: RecordKind,
    /// When its content was taken, in nanoseconds of the agent's monotonic
    /// clock. Whole milliseconds, which is what the recorder keeps, travel in
    /// fewest bytes.
    pub monotonic_ns: u64,
    /// The same in milliseconds since 1970 of the agent's wall clock.
    pub unix_ms: i64,
    /// The content as the recorder holds it: frames of `watchfire-codec`, or
    /// the JSON of an event.
    pub bytes: Vec<u8>,
}

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum RecordKind {
    /// One tick, with what it adds to the schema.
    #[default]
    Tick,
    /// One process table.
    Processes,
    /// Something that happened, as JSON.
    Event,
    /// Something that only a newer agent knows, by its number. It has its
    /// place in the sequence like any other, so that a hub that cannot read it
    /// can still acknowledge what comes after it.
    Other(u8),
}

impl RecordKind {
    /// The number on the wire; the recorder has the same numbers on disk.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Tick => 1,
            Self::Processes => 2,
            Self::Event => 3,
            Self::Other(number) => number,
        }
    }

    /// The kind that has this number.
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Tick,
            2 => Self::Processes,
            3 => Self::Event,
            other => Self::Other(other),
        }
    }
}

/// What the hub has on disk, so that the agent need not keep it for the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ack {
    /// Every live record up to this sequence, and with it, is durable.
    pub up_to: u64,
}

/// The hub asks for records that it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backfill {
    /// Given back in every [`Records`] that answers; above 0.
    pub request: u64,
    /// The first sequence that is asked for.
    pub from: u64,
    /// The last sequence that is asked for, itself included.
    pub to: u64,
}

/// Nothing more comes for a [`Backfill`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackfillEnd {
    /// The request.
    pub request: u64,
    /// True when some of what was asked for is not there any more.
    pub missing: bool,
}
