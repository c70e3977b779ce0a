use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use watchfire_model::ServerName;

use super::wire::hex_bytes;

/// The most servers that one command is for.
pub const MAX_TARGETS: usize = 10_000;
/// The most hashes that a proof has: 2 to this power is more than there may be targets.
const MAX_HASHES: usize = 14;
/// What a server's name is hashed with, and two hashes. They differ, so that no pair of hashes
/// passes for a name.
const LEAF: &[u8] = b"\0watchfire target\0";
const NODE: &[u8] = b"\x01";

type Hash = [u8; 32];

/// The servers that a command is for: a Merkle tree (as in RFC 9162, section 2.1) over their
/// sorted names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    names: Vec<ServerName>,
    /// The hashes of the names, then those of pairs, until one is left. A last one without a
    /// partner goes up as it is.
    levels: Vec<Vec<Hash>>,
}

/// What of the targets is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetRoot {
    /// The hash over all of them.
    #[serde(with = "hex_bytes")]
    pub root: [u8; 32],
    /// How many they are.
    pub count: u32,
}

/// That one server is among the targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetProof {
    /// Its place among them.
    pub index: u32,
    /// The hashes beside the way from it to the root.
    #[serde(with = "hex_bytes::list")]
    pub hashes: Vec<[u8; 32]>,
}

/// Why servers are no targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetsError {
    /// There is none.
    #[error("a command needs a server to run on")]
    None,
    /// There are too many.
    #[error("one command is for at most {MAX_TARGETS} servers: split it")]
    TooMany,
}

impl Targets {
    /// The tree over these servers. Their order does not matter, and doubles count once.
    ///
    /// # Errors
    /// [`TargetsError`] when there are none or too many.
    pub fn new(names: &[ServerName]) -> Result<Self, TargetsError> {
        let mut names = names.to_vec();
        names.sort_unstable();
        names.dedup();
        match names.len() {
            0 => return Err(TargetsError::None),
            1..=MAX_TARGETS => {}
            _ => return Err(TargetsError::TooMany),
        }
        let mut levels = vec![names.iter().map(leaf).collect::<Vec<_>>()];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below.chunks(2).map(|pair| match pair {
                [left, right] => node(left, right),
                rest => rest[0],
            });
            levels.push(above.collect());
        }
        Ok(Self { names, levels })
    }

    /// What goes into the envelope.
    #[must_use]
    pub fn root(&self) -> TargetRoot {
        let root = self.levels.last().map_or([0; 32], |level| level[0]);
        TargetRoot { root, count: u32::try_from(self.names.len()).unwrap_or(u32::MAX) }
    }

    /// What the server needs to see that it is among them; `None` when it is not.
    #[must_use]
    pub fn proof_of(&self, server: &ServerName) -> Option<TargetProof> {
        let index = self.names.binary_search(server).ok()?;
        let beside =
            |(height, level): (usize, &Vec<Hash>)| level.get((index >> height) ^ 1).copied();
        let hashes = self.levels.iter().enumerate().filter_map(beside).collect();
        Some(TargetProof { index: u32::try_from(index).ok()?, hashes })
    }

    /// Their names, sorted.
    #[must_use]
    pub fn names(&self) -> &[ServerName] {
        &self.names
    }
}

impl TargetRoot {
    /// True when the server is among the targets.
    #[must_use]
    pub fn has(&self, server: &ServerName, proof: &TargetProof) -> bool {
        self.holds() && walk(leaf(server), self.count, proof) == Some(self.root)
    }

    pub(super) fn holds(&self) -> bool {
        (1..=MAX_TARGETS).contains(&(self.count as usize))
    }
}

/// Goes up from a leaf, as RFC 9162 says in section 2.1.3.2: every hash must have its place, and
/// none may be left over or missing.
fn walk(leaf: Hash, count: u32, proof: &TargetProof) -> Option<Hash> {
    if proof.index >= count || proof.hashes.len() > MAX_HASHES {
        return None;
    }
    let (mut place, mut last, mut hash) = (proof.index, count - 1, leaf);
    for beside in &proof.hashes {
        // A last one without a partner goes up as it is.
        while place == last && place & 1 == 0 {
            if place == 0 {
                return None;
            }
            (place, last) = (place >> 1, last >> 1);
        }
        hash = if place & 1 == 1 { node(beside, &hash) } else { node(&hash, beside) };
        (place, last) = (place >> 1, last >> 1);
    }
    while place == last && place != 0 && place & 1 == 0 {
        (place, last) = (place >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
}

fn leaf(name: &ServerName) -> Hash {
    Sha256::new().chain_update(LEAF).chain_update(name.as_str()).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update(NODE).chain_update(left).chain_update(right).finalize().into()
}
