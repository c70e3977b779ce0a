use std::fmt;
use std::fmt::Write;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::certificate::hex;

/// The longest line, in bytes.
pub const MAX_AUDIT_LINE_BYTES: usize = 32 * 1024;
/// The action of the line that says that older ones were taken away, and up to which: its object
/// is the [`Head`] that they ended with.
pub const TRIMMED: &str = "audit.trimmed";
/// The longest text of one field, in bytes. A longer one is cut, and says so.
const MAX_FIELD_BYTES: usize = 512;
const MAX_DETAIL_BYTES: usize = 2048;
const CUT: &str = "…";

/// Something that is worth a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditEntry {
    /// Who did it.
    pub who: String,
    /// What was done, in a word such as `login`.
    pub action: String,
    /// To what.
    pub object: String,
    /// From where, mostly an address.
    pub from: String,
    /// How it ended, such as `ok` or `refused`.
    pub outcome: String,
    /// What else there is to say.
    pub detail: String,
}

/// One line. Its fields stand in this order, and there is no other form of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditLine {
    /// Its number, from 1 on, without a gap.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub unix_ms: i64,
    /// Who did it.
    pub who: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// From where.
    pub from: String,
    /// How it ended.
    pub outcome: String,
    /// What else there is to say.
    pub detail: String,
    /// The hash of the line before, in hexadecimal digits.
    pub prev: String,
    /// The SHA-256 of all that stands before it in this line, and of the brace that would end it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

/// Where a chain ends: the number of its last line and that line's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number; 0 before the first line.
    pub seq: u64,
    /// The hash.
    pub hash: [u8; 32],
}

/// A text that is no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a head of the audit is a number, a colon and 64 hexadecimal digits")]
pub struct HeadError;

impl Head {
    /// Before the first line.
    pub const START: Self = Self { seq: 0, hash: [0; 32] };

    /// The line that comes next, and where the chain ends then.
    ///
    /// Whatever the entry holds, it is one line: JSON escapes what would end it.
    #[must_use]
    pub fn next(&self, entry: &AuditEntry, unix_ms: i64) -> (String, Self) {
        let mut line = AuditLine {
            seq: self.seq + 1,
            unix_ms,
            who: cut(&entry.who, MAX_FIELD_BYTES),
            action: cut(&entry.action, MAX_FIELD_BYTES),
            object: cut(&entry.object, MAX_FIELD_BYTES),
            from: cut(&entry.from, MAX_FIELD_BYTES),
            outcome: cut(&entry.outcome, MAX_FIELD_BYTES),
            detail: cut(&entry.detail, MAX_DETAIL_BYTES),
            prev: digits(&self.hash),
            hash: String::new(),
        };
        let hash = line.own_hash();
        line.hash = digits(&hash);
        (line.text(), Self { seq: line.seq, hash })
    }
}

impl AuditLine {
    /// Reads a line, and only in the form in which [`Head::next`] writes it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_AUDIT_LINE_BYTES {
            return None;
        }
        let line: Self = serde_json::from_str(text).ok()?;
        (line.text() == text).then_some(line)
    }

    /// The chain's end after this line; `None` when its hash is not its own.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        let hash = Self { hash: String::new(), ..self.clone() }.own_hash();
        (digits(&hash) == self.hash).then_some(Head { seq: self.seq, hash })
    }

    fn own_hash(&self) -> [u8; 32] {
        Sha256::digest(self.text()).into()
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are always JSON")
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.seq)?;
        hex::write(&self.hash, f)
    }
}

impl FromStr for Head {
    type Err = HeadError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (seq, hash) = text.trim().split_once(':').ok_or(HeadError)?;
        let hash = hex::read("a hash", hash).map_err(|_| HeadError)?;
        Ok(Self { seq: seq.parse().map_err(|_| HeadError)?, hash })
    }
}

pub(super) fn digits(hash: &[u8; 32]) -> String {
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most - CUT.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT}", &text[..end])
}
