use crate::checksum::Sum;
use crate::error::CodecError;
use crate::frame::{self, FrameHead, FrameKind, RawFrame};
use crate::process::TableLink;
use crate::schema::Known;
use crate::tick::TickLink;

/// Follows the frames of one server as a [`Decoder`](crate::Decoder) does, but
/// does not read values and rows: for those who store or relay a stream and
/// must not do so with frames that are damaged or that do not follow one another.
///
/// It keeps about 200 bytes and no keys. What it accepts, a decoder reads, but
/// for frames of which the checksum is right and the content is none, which no
/// encoder writes.
#[derive(Debug, Clone)]
pub struct Checker {
    known: Known,
    ticks: TickLink,
    tables: TableLink,
}

/// What a checked batch of frames holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checked {
    /// How many ticks.
    pub ticks: u32,
    /// How many process tables.
    pub tables: u32,
    /// How many schema frames.
    pub schemas: u32,
    /// Milliseconds since 1970 of the earliest tick or table.
    pub from_ms: Option<i64>,
    /// Likewise, of the latest.
    pub to_ms: Option<i64>,
}

/// Checks bytes that begin with a chain's start and end with a whole frame:
/// what a reader that knows nothing can read whole.
///
/// # Errors
///
/// Any [`CodecError`]; see [`Checker::check`].
pub fn check(bytes: &[u8]) -> Result<Checked, CodecError> {
    Checker::new().check(bytes)
}

impl Default for Checker {
    fn default() -> Self {
        let (ticks, tables) = (TickLink::default(), TableLink::default());
        Self { known: Known::new(0), ticks, tables }
    }
}

impl Checker {
    /// A checker that knows no schema and no chain.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks bytes that follow those of the call before and end with a whole frame.
    ///
    /// # Errors
    ///
    /// Any [`CodecError`] of the first bad frame. The chain that it belongs to
    /// is then forgotten.
    pub fn check(&mut self, mut bytes: &[u8]) -> Result<Checked, CodecError> {
        let mut checked = Checked::default();
        while let Some(head) = self.next(&mut bytes)? {
            checked.count(&head);
        }
        if bytes.is_empty() { Ok(checked) } else { Err(CodecError::Truncated { what: "a frame" }) }
    }

    /// Takes one frame off the front of `input` and checks it. `None` says that
    /// `input` is empty or what is left of it is an unfinished frame.
    ///
    /// # Errors
    ///
    /// Any [`CodecError`]. `input` then still begins with the bad frame, and
    /// the chain that it belongs to is forgotten.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<FrameHead>, CodecError> {
        let Some(frame) = frame::split(input)? else { return Ok(None) };
        let unix_ms = match frame.kind {
            FrameKind::Schema => self.follow_schema(frame).map(|()| None)?,
            FrameKind::Tick => Some(self.ticks.follow(frame, &self.known)?.at.unix_ms),
            FrameKind::Processes => Some(self.tables.follow(frame)?.0.unix_ms),
            FrameKind::Unknown(_) => {
                frame.check(Sum::START).inspect_err(|_| self.forget())?;
                None
            }
        };
        *input = &input[frame.bytes..];
        let RawFrame { kind, starts_chain, bytes, .. } = frame;
        Ok(Some(FrameHead { kind, starts_chain, bytes, unix_ms }))
    }

    /// Ticks and process tables can only go on with a chain's start.
    pub fn forget(&mut self) {
        self.ticks.forget();
        self.tables.forget();
    }

    fn follow_schema(&mut self, frame: RawFrame<'_>) -> Result<(), CodecError> {
        frame.check(self.known.seed(frame.starts_chain))?;
        if frame.starts_chain {
            self.ticks.forget();
        }
        let begun = self.known.begin(frame);
        begun.and_then(|input| self.known.read(input, drop)).inspect_err(|_| {
            self.known = Known::new(0);
            self.ticks.forget();
        })
    }
}

impl Checked {
    fn count(&mut self, head: &FrameHead) {
        match head.kind {
            FrameKind::Schema => self.schemas += 1,
            FrameKind::Tick => self.ticks += 1,
            FrameKind::Processes => self.tables += 1,
            FrameKind::Unknown(_) => {}
        }
        if let Some(at) = head.unix_ms {
            self.from_ms = Some(self.from_ms.map_or(at, |from| from.min(at)));
            self.to_ms = Some(self.to_ms.map_or(at, |to| to.max(at)));
        }
    }
}
