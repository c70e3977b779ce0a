use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Randomness;
use crate::certificate::{HexError, hex};

/// Names one command. It is random, and a server runs no id twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId([u8; CommandId::BYTES]);

impl CommandId {
    /// How many bytes an id has: nobody guesses or meets one by chance.
    pub const BYTES: usize = 16;

    /// A new id.
    #[must_use]
    pub fn new(randomness: &mut impl Randomness) -> Self {
        let mut bytes = [0; Self::BYTES];
        randomness.fill(&mut bytes);
        Self(bytes)
    }

    /// The id that these bytes are.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes of it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&self.0, f)
    }
}

impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandId({self})")
    }
}

impl FromStr for CommandId {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex::read("the id of a command", text).map(Self)
    }
}

impl Serialize for CommandId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CommandId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
