/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// One tick, with what it adds to the schema; bytes of `watchfire-codec`.
    Tick,
    /// One process table; bytes of `watchfire-codec`.
    Processes,
    /// Something that happened, in bytes that only its writer and its reader
    /// understand. Each can be read alone.
    Event,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Tick, Self::Processes, Self::Event];

    /// The number on disk.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Tick => 1,
            Self::Processes => 2,
            Self::Event => 3,
        }
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The place in tables that have one row a kind.
    pub(super) const fn place(self) -> usize {
        self as usize
    }
}
