//! One server of a run: where it stands, and what it said.

use std::collections::VecDeque;
use std::sync::Arc;

use watchfire_api::runs::{ExitRow, TargetRow};
use watchfire_model::{Moment, ServerName};
use watchfire_store::{StoredPiece, StoredTarget};
use watchfire_wire::{Exit, Output, OutputStream};

/// How much of what one server says is kept, in bytes.
pub(crate) const OUTPUT_OF_SERVER: u64 = 1 << 20;

/// Where a server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It is not its turn, or it is away and waited for.
    Waiting,
    /// Its agent was told.
    Sent,
    /// Its agent says that it runs.
    Running,
    Done,
    Refused,
    NotReached,
    /// It was not begun, for too many others failed.
    Skipped,
    /// It was cancelled before it began.
    Canceled,
    /// Nothing was heard of it in time.
    Lost,
}

#[derive(Debug)]
pub(super) struct Target {
    pub(super) server: ServerName,
    pub(super) number: u64,
    pub(super) state: State,
    pub(super) why: String,
    pub(super) exit: Option<ExitRow>,
    /// How much was heard, of which `kept` bytes are kept.
    pub(super) heard: u64,
    pub(super) kept: u64,
    pub(super) cut: bool,
    /// What is not stored yet.
    pub(super) pieces: VecDeque<Arc<StoredPiece>>,
    /// When something must have been heard.
    pub(super) due: Option<Moment>,
    /// It is to be ended, and its agent was not told yet.
    pub(super) to_cancel: bool,
    /// Something is to be stored.
    pub(super) is_dirty: bool,
    /// Its agent is to be told what is stored.
    pub(super) wants_ack: bool,
    /// The run's count of changes at the last one.
    pub(super) revision: u64,
}

impl State {
    const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Sent,
        Self::Running,
        Self::Done,
        Self::Refused,
        Self::NotReached,
        Self::Skipped,
        Self::Canceled,
        Self::Lost,
    ];

    /// The word used in JSON and in the store.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Running => "running",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::NotReached => "not_reached",
            Self::Skipped => "skipped",
            Self::Canceled => "canceled",
            Self::Lost => "lost",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    pub(super) fn is_under_way(self) -> bool {
        matches!(self, Self::Sent | Self::Running)
    }

    pub(super) fn is_final(self) -> bool {
        self != Self::Waiting && !self.is_under_way()
    }
}

impl Target {
    pub(super) fn new(server: ServerName, number: u64) -> Self {
        Self {
            server,
            number,
            state: State::Waiting,
            why: String::new(),
            exit: None,
            heard: 0,
            kept: 0,
            cut: false,
            pieces: VecDeque::new(),
            due: None,
            to_cancel: false,
            is_dirty: true,
            wants_ack: false,
            revision: 0,
        }
    }

    /// One that was stored before the hub was started anew.
    pub(super) fn of(stored: StoredTarget) -> Option<Self> {
        let server = ServerName::new(&stored.server).ok()?;
        let mut target = Self::new(server, stored.number);
        target.state = State::parse(&stored.state)?;
        target.why = stored.why;
        target.exit = stored.exit.and_then(|text| serde_json::from_str(&text).ok());
        target.heard = stored.heard_bytes;
        target.kept = stored.output_bytes;
        target.cut = stored.output_cut;
        target.is_dirty = false;
        Some(target)
    }

    pub(super) fn is_failure(&self) -> bool {
        match self.state {
            State::Done => !self.exit.is_some_and(|exit| is_well(&exit)),
            State::Refused | State::NotReached | State::Lost => true,
            _ => false,
        }
    }

    pub(super) fn becomes(&mut self, state: State, why: impl Into<String>) {
        self.state = state;
        self.why = why.into();
        self.is_dirty = true;
        if state.is_final() {
            (self.due, self.to_cancel) = (None, false);
        }
    }

    /// Takes what the server said, as far as there is `room` for it. What came before comes again
    /// on a new stream, and is passed over.
    pub(super) fn said(&mut self, output: &Output, room: &mut u64) -> Option<Arc<StoredPiece>> {
        (self.wants_ack, self.is_dirty) = (true, true);
        let known = usize::try_from(self.heard.saturating_sub(output.offset)).unwrap_or(usize::MAX);
        let new = output.bytes.get(known..).filter(|new| !new.is_empty())?;
        // Something between was lost.
        self.cut |= output.offset > self.heard;
        let start = output.offset.max(self.heard);
        self.heard = start.saturating_add(new.len() as u64);
        let fits = OUTPUT_OF_SERVER.saturating_sub(self.kept).min(*room);
        let fits = usize::try_from(fits).unwrap_or(usize::MAX).min(new.len());
        self.cut |= fits < new.len();
        if fits == 0 {
            return None;
        }
        *room -= fits as u64;
        self.kept += fits as u64;
        let stream = match output.stream {
            OutputStream::Stdout => 1,
            OutputStream::Stderr => 2,
        };
        let piece = Arc::new(StoredPiece { start, stream, bytes: new[..fits].to_vec() });
        self.pieces.push_back(piece.clone());
        Some(piece)
    }

    pub(super) fn ended(&mut self, exit: &Exit) {
        self.becomes(State::Done, "");
        self.cut |= exit.output_lost || exit.output_bytes > self.heard;
        self.exit = Some(ExitRow {
            code: exit.code,
            signal: exit.signal,
            began_unix_ms: exit.began_unix_ms,
            ended_unix_ms: exit.ended_unix_ms,
            user_us: exit.user_us,
            system_us: exit.system_us,
            peak_rss_bytes: exit.peak_rss_bytes,
            truncated: exit.truncated,
            timed_out: exit.timed_out,
            canceled: exit.canceled,
        });
        self.wants_ack = true;
    }

    pub(super) fn row(&self) -> TargetRow {
        TargetRow {
            server: self.server.to_string(),
            state: self.state.as_str().to_owned(),
            why: self.why.clone(),
            exit: self.exit,
            output_bytes: self.kept,
            output_cut: self.cut,
        }
    }

    pub(super) fn stored(&self, place: u32) -> StoredTarget {
        StoredTarget {
            place,
            server: self.server.to_string(),
            number: self.number,
            state: self.state.as_str().to_owned(),
            why: self.why.clone(),
            exit: self.exit.and_then(|exit| serde_json::to_string(&exit).ok()),
            well: self.exit.is_some_and(|exit| is_well(&exit)),
            heard_bytes: self.heard,
            output_bytes: self.kept,
            output_cut: self.cut,
        }
    }
}

/// Whether it did what it was to do.
pub(super) fn is_well(exit: &ExitRow) -> bool {
    exit.code == Some(0) && !exit.truncated && !exit.timed_out && !exit.canceled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target::new(ServerName::new("web-1").expect("a name"), 7)
    }

    fn output(offset: u64, bytes: &[u8]) -> Output {
        Output { run: 7, stream: OutputStream::Stderr, offset, bytes: bytes.to_vec() }
    }

    #[test]
    fn what_comes_again_is_taken_once_and_a_hole_is_told() {
        let (mut target, mut room) = (target(), 100);
        let piece = target.said(&output(0, b"abc"), &mut room).expect("new");
        assert_eq!((piece.start, piece.stream, &piece.bytes[..]), (0, 2, &b"abc"[..]));
        assert_eq!(target.said(&output(0, b"abc"), &mut room), None);
        let piece = target.said(&output(1, b"bcde"), &mut room).expect("its end is new");
        assert_eq!((piece.start, &piece.bytes[..]), (3, &b"de"[..]));
        assert!(!target.cut);
        let piece = target.said(&output(8, b"x"), &mut room).expect("new");
        assert_eq!((piece.start, target.heard, target.kept), (8, 9, 6));
        assert!(target.cut);
        assert_eq!(room, 94);
    }

    #[test]
    fn no_server_fills_the_hub() {
        let (mut target, mut room) = (target(), 4 * OUTPUT_OF_SERVER);
        let chunk = vec![b'y'; 32 << 10];
        for number in 0..40 {
            let _ = target.said(&output(number * chunk.len() as u64, &chunk), &mut room);
        }
        assert_eq!((target.kept, target.cut), (OUTPUT_OF_SERVER, true));
        assert_eq!(target.heard, 40 * chunk.len() as u64, "and it is acknowledged");
        let stored: u64 = target.pieces.iter().map(|piece| piece.bytes.len() as u64).sum();
        assert_eq!(stored, OUTPUT_OF_SERVER);
        // Nor do many of them.
        let (mut other, mut room) = (self::target(), 3);
        assert_eq!(other.said(&output(0, b"abcd"), &mut room).expect("some").bytes, b"abc");
        assert_eq!(other.said(&output(4, b"e"), &mut room), None);
        assert!(other.cut);
    }

    #[test]
    fn only_what_ended_with_0_by_itself_is_no_failure() {
        let good = Exit { run: 7, code: Some(0), ..Exit::default() };
        let fails = |exit: Exit| {
            let mut target = target();
            target.ended(&exit);
            target.is_failure()
        };
        assert!(!fails(good));
        assert!(fails(Exit { code: Some(1), ..good }));
        assert!(fails(Exit { code: None, signal: Some(9), ..good }));
        assert!(fails(Exit { timed_out: true, ..good }));
        assert!(fails(Exit { truncated: true, ..good }));
        assert!(fails(Exit { canceled: true, ..good }));
    }

    #[test]
    fn what_is_stored_comes_back() {
        let (mut target, mut room) = (target(), 100);
        let _ = target.said(&output(0, b"abc"), &mut room);
        target.ended(&Exit { run: 7, signal: Some(9), output_bytes: 4, ..Exit::default() });
        let back = Target::of(target.stored(3)).expect("it can be read");
        assert_eq!(back.row(), target.row());
        assert!(back.cut, "a byte did not come");
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
    }
}
