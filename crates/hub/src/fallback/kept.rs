//! `DATA/fallback.json`: the last deal. Whoever can read it can read `hub.toml` as well, and it
//! is for the hub's user alone all the same.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use watchfire_wire::{self as wire, Message};

use super::deal::Deal;

const FILE: &str = "fallback.json";
/// No file of ours is larger, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

pub(super) struct Place(PathBuf);

/// What is kept of a deal.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) deal: Deal,
    /// Its keys were given away in an outage: the next deal has others.
    pub(super) is_used: bool,
}

#[derive(Serialize, Deserialize)]
struct Content {
    terms: String,
    /// The message to each member.
    hands: Vec<String>,
    #[serde(default)]
    is_used: bool,
}

impl Place {
    pub(super) fn new(data: &Path) -> Self {
        Self(data.join(FILE))
    }

    /// What is there. What cannot be read is dealt anew.
    pub(super) fn read(&self) -> Option<Kept> {
        let is_small = fs::metadata(&self.0).is_ok_and(|found| found.len() <= MAX_FILE_BYTES);
        let bytes = is_small.then(|| fs::read(&self.0).ok())??;
        let content: Content = serde_json::from_slice(&bytes).ok()?;
        let hands: Option<Vec<wire::Fallback>> = content
            .hands
            .iter()
            .map(|text| match wire::decode(&STANDARD.decode(text).ok()?) {
                Ok(Some(Message::Fallback(hand))) => Some(*hand),
                _ => None,
            })
            .collect();
        let deal = Deal { terms: content.terms, hands: hands? };
        let is_whole = deal.members().len() == deal.hands.len() && !deal.hands.is_empty();
        is_whole.then_some(Kept { deal, is_used: content.is_used })
    }

    /// Keeps it as a whole or not at all.
    pub(super) fn write(&self, kept: &Kept) -> io::Result<()> {
        let Kept { deal, is_used } = kept;
        let frame = |hand: &wire::Fallback| {
            let frame = wire::encode(&Message::Fallback(Box::new(hand.clone())));
            frame.map(|frame| STANDARD.encode(frame)).map_err(io::Error::other)
        };
        let hands: io::Result<Vec<String>> = deal.hands.iter().map(frame).collect();
        let content = Content { terms: deal.terms.clone(), hands: hands?, is_used: *is_used };
        let json = serde_json::to_vec(&content).map_err(io::Error::other)?;
        let fresh = self.0.with_extension("new");
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(&json)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.0)?;
        self.0.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use watchfire_api::fallback::Whom;
    use watchfire_identity::SystemRandomness;
    use watchfire_identity::certificate::AgentId;

    use super::super::deal::{Member, Terms};
    use super::*;

    #[test]
    fn a_deal_comes_back_and_a_damaged_one_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path());
        assert!(place.read().is_none());
        let whom = Whom { channels: vec!["json://secret".to_owned()], allow: Vec::new() };
        let terms = Terms { after_s: 120, after_stop_s: 1800, hub: "hub".to_owned(), whom };
        let agent = AgentId::of_public_key(b"one");
        let member = Member { agent, server: "web-1".to_owned(), address: None };
        let deal = Deal::new(&terms, vec![member], &mut SystemRandomness);
        for is_used in [true, false] {
            let kept = Kept { deal: deal.clone(), is_used };
            place.write(&kept).expect("it can be written");
            assert!(place.read().is_some_and(|read| read == kept && read.deal.is_of(&terms)));
        }
        let path = folder.path().join(FILE);
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let bytes = fs::read(&path).expect("ours");
        fs::write(&path, &bytes[..bytes.len() / 2]).expect("ours");
        assert!(place.read().is_none());
    }
}
