//! The datagrams beside a stream: signs of life, and the answers to them.
//!
//! A datagram is a body of [`PULSE_BYTES`] and then a tag, with which
//! the receiver proves that the body comes from the other end of the stream.
//! Tags are not made or checked here.
//!
//! | bytes | what |
//! |---|---|
//! | 0 to 2 | `WFP` |
//! | 3 | the version, 1 |
//! | 4 | flags: 1 echo, 2 leaving, 4 orphan |
//! | 5 to 7 | the last round trip that the sender measured, in steps of 10 microseconds; 0 when there is none to tell |
//! | 8 to 15 | session |
//! | 16 to 23 | counter |
//! | 24 to 31 | the sender's clock when the pulse left, in microseconds |
//!
//! Numbers have their highest byte first.

use std::ops::BitOr;
use std::time::Duration;

/// The length of a pulse without its tag, in bytes.
pub const PULSE_BYTES: usize = 32;
/// The length of its tag, in bytes.
pub const TAG_BYTES: usize = 16;
/// The length of a whole datagram, in bytes.
pub const DATAGRAM_BYTES: usize = PULSE_BYTES + TAG_BYTES;

const MAGIC: [u8; 3] = *b"WFP";
const VERSION: u8 = 1;

/// A sign of life as a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Pulse {
    /// The session of the stream, from the listening side's hello.
    pub session: u64,
    /// Grows with each pulse of a sender. An echo has that of what it answers.
    pub counter: u64,
    /// What kind of pulse it is.
    pub flags: PulseFlags,
    /// The clock of the one who sent the first pulse, in microseconds from any
    /// beginning: it comes back in the echo and gives the time that both took.
    pub sent_us: u64,
    /// What the sender tells of the way.
    pub round: RoundTrip,
}

/// The time from a pulse to its echo, as the one who sent the pulse measured it: the
/// other side cannot know it. It is told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RoundTrip(u32);

impl RoundTrip {
    /// The unit, in microseconds.
    const STEP_US: u128 = 10;
    /// Three bytes of steps: nearly three minutes.
    const MOST: u32 = (1 << 24) - 1;

    /// For this time, rounded up to a step and no longer than there is room for.
    #[must_use]
    pub fn of(time: Duration) -> Self {
        let steps = time.as_micros().div_ceil(Self::STEP_US).max(1);
        Self(u32::try_from(steps).unwrap_or(Self::MOST).min(Self::MOST))
    }

    /// The time; `None` when none is told.
    #[must_use]
    pub fn get(self) -> Option<Duration> {
        let micros = u64::from(self.0) * Self::STEP_US as u64;
        (self.0 != 0).then(|| Duration::from_micros(micros))
    }
}

/// What is said of a pulse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PulseFlags(u8);

impl PulseFlags {
    /// An answer to a pulse.
    pub const ECHO: Self = Self(1);
    /// The sender is about to leave.
    pub const LEAVING: Self = Self(2);
    /// The stream that it belongs to has ended, and the sender opens another.
    pub const ORPHAN: Self = Self(4);

    const KNOWN: u8 = Self::ECHO.0 | Self::LEAVING.0 | Self::ORPHAN.0;

    /// True when all of `flags` are set.
    #[must_use]
    pub fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl BitOr for PulseFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Why a datagram is none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PulseError {
    /// It has another length.
    #[error("a pulse has {bytes} bytes")]
    Length {
        /// Its length.
        bytes: usize,
    },
    /// It does not begin like a pulse.
    #[error("a datagram is no pulse")]
    NotAPulse,
    /// It is of a version that this build does not know.
    #[error("a pulse is of version {version}, and this side knows version {VERSION} only")]
    OtherVersion {
        /// Its version.
        version: u8,
    },
}

impl Pulse {
    /// The body of the datagram.
    #[must_use]
    pub fn encode(&self) -> [u8; PULSE_BYTES] {
        let mut bytes = [0; PULSE_BYTES];
        bytes[..3].copy_from_slice(&MAGIC);
        bytes[3] = VERSION;
        bytes[4] = self.flags.0;
        bytes[5..8].copy_from_slice(&self.round.0.to_be_bytes()[1..]);
        bytes[8..16].copy_from_slice(&self.session.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.counter.to_be_bytes());
        bytes[24..].copy_from_slice(&self.sent_us.to_be_bytes());
        bytes
    }

    /// The pulse in the body of a datagram, its tag cut off. Flags that this
    /// version does not know are passed over.
    ///
    /// # Errors
    /// [`PulseError`] says why it is none.
    pub fn decode(body: &[u8]) -> Result<Self, PulseError> {
        let Ok(body) = <&[u8; PULSE_BYTES]>::try_from(body) else {
            return Err(PulseError::Length { bytes: body.len() });
        };
        if body[..3] != MAGIC {
            return Err(PulseError::NotAPulse);
        }
        if body[3] != VERSION {
            return Err(PulseError::OtherVersion { version: body[3] });
        }
        Ok(Self {
            session: number(body, 8),
            counter: number(body, 16),
            flags: PulseFlags(body[4] & PulseFlags::KNOWN),
            sent_us: number(body, 24),
            round: RoundTrip(u32::from_be_bytes([0, body[5], body[6], body[7]])),
        })
    }

    /// The answer to this pulse: it repeats the counter and the clock.
    #[must_use]
    pub fn echo(self) -> Self {
        Self { flags: PulseFlags::ECHO, round: RoundTrip::default(), ..self }
    }
}

/// The datagram of a body and its tag.
#[must_use]
pub fn join(body: &[u8; PULSE_BYTES], tag: &[u8; TAG_BYTES]) -> [u8; DATAGRAM_BYTES] {
    let mut datagram = [0; DATAGRAM_BYTES];
    datagram[..PULSE_BYTES].copy_from_slice(body);
    datagram[PULSE_BYTES..].copy_from_slice(tag);
    datagram
}

/// The body and the tag of a datagram.
///
/// # Errors
/// [`PulseError::Length`] when it is not one of [`DATAGRAM_BYTES`].
pub fn split(datagram: &[u8]) -> Result<(&[u8; PULSE_BYTES], &[u8; TAG_BYTES]), PulseError> {
    let length = PulseError::Length { bytes: datagram.len() };
    let (body, tag) = datagram.split_first_chunk().ok_or(length)?;
    Ok((body, tag.try_into().map_err(|_| length)?))
}

fn number(body: &[u8; PULSE_BYTES], at: usize) -> u64 {
    body[at..at + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
