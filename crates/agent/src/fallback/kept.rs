//! `DATA/fallback.sealed`: what the hub handed over, and what was told. It is sealed with a key
//! that is made of the agent's own, so that the file alone, in a copy or a backup, is worth
//! nothing.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use watchfire_api::fallback::Told;
use watchfire_identity::{SealKey, SystemRandomness};
use watchfire_wire::limits::MAX_FALLBACK_MEMBERS;
use watchfire_wire::{self as wire, Fallback, Message};

use crate::error::AgentError;
use crate::private;

const FILE: &str = "fallback.sealed";
/// What the file is bound to: no other sealed thing opens in its place.
const BOUND: &[u8] = b"watchfire fallback file 1";
/// Outages that the hub was not told of yet, and such as are over. More are forgotten.
const MAX_KNOWN: usize = 8;
/// Members of earlier deals: those of three full ones. The ones that left first are forgotten.
const MAX_FORMER: usize = 3 * MAX_FALLBACK_MEMBERS;

/// What an agent keeps for the day without a hub.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// What the hub handed over last.
    pub(crate) fallback: Option<Fallback>,
    /// That the outage which goes on was told.
    pub(crate) told: Option<Told>,
    /// What the hub does not know yet.
    pub(crate) news: Vec<Told>,
    /// The outages that are over, by their names.
    pub(crate) over: Vec<String>,
    /// The members of earlier deals that are in this one no more, by their ids. Such as are cut
    /// off from the hub alone still go by an earlier one, and ask.
    pub(crate) former: Vec<String>,
    /// When the hub said that it stops, if that was the last it said: in milliseconds since 1970.
    pub(crate) left_unix_ms: Option<i64>,
}

/// The content of the file.
#[derive(Serialize, Deserialize)]
struct Content {
    /// The message of the hub as it came.
    fallback: Option<String>,
    told: Option<Told>,
    news: Vec<Told>,
    over: Vec<String>,
    #[serde(default)]
    former: Vec<String>,
    #[serde(default)]
    left_unix_ms: Option<i64>,
}

/// Where it is kept, and how it is sealed.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    key: SealKey,
}

impl Place {
    /// In the data folder of the agent with this key.
    pub(crate) fn new(data: &Path, key_pem: &str) -> Self {
        let key = SealKey::of_all(&[key_pem.as_bytes()], "watchfire fallback file");
        Self { path: data.join(FILE), key }
    }

    /// What is there. It blocks. What cannot be opened is as good as nothing: the hub hands
    /// it over anew.
    pub(crate) fn read(&self) -> Kept {
        match self.try_read() {
            Ok(kept) => kept.unwrap_or_default(),
            Err(why) => {
                tracing::warn!(why, "what was kept for the day without a hub cannot be read");
                Kept::default()
            }
        }
    }

    fn try_read(&self) -> Result<Option<Kept>, String> {
        let sealed = private::read(geteuid().as_raw(), &self.path).map_err(|e| e.to_string())?;
        let Some(sealed) = sealed else { return Ok(None) };
        let opened = self.key.open(&sealed, BOUND).map_err(|error| error.to_string())?;
        let content: Content = serde_json::from_slice(&opened).map_err(|e| e.to_string())?;
        let fallback = content.fallback.map(|text| {
            let frame = STANDARD.decode(text).map_err(|error| error.to_string())?;
            match wire::decode(&frame) {
                Ok(Some(Message::Fallback(fallback))) => Ok(*fallback),
                Ok(_) => Err("it holds another message".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        });
        let Content { told, news, over, former, left_unix_ms, .. } = content;
        let fallback = fallback.transpose()?;
        Ok(Some(Kept { fallback, told, news, over, former, left_unix_ms }))
    }

    /// Keeps it. It blocks.
    pub(crate) fn write(&self, kept: &Kept) -> Result<(), AgentError> {
        let fallback = kept.fallback.clone().map(|fallback| {
            let frame = wire::encode(&Message::Fallback(Box::new(fallback)));
            // It came in by the same rules.
            STANDARD.encode(frame.unwrap_or_default())
        });
        let Kept { told, news, over, former, left_unix_ms, .. } = kept.clone();
        let content = Content { fallback, told, news, over, former, left_unix_ms };
        let json = serde_json::to_vec(&content).unwrap_or_default();
        private::write(&self.path, &self.key.seal(&json, BOUND, &mut SystemRandomness))
    }
}

impl Kept {
    /// What the hub hands over, or `None` when it takes it back, in the place of what was there.
    /// Who was a member until now is not forgotten.
    pub(crate) fn replace(&mut self, fallback: Option<Fallback>) {
        let before = std::mem::replace(&mut self.fallback, fallback);
        let now = self.fallback.iter().flat_map(|one| &one.members);
        let is_in = |id: &String| now.clone().any(|member| member.id == *id);
        let gone = before.into_iter().flat_map(|one| one.members).map(|member| member.id);
        let gone: Vec<String> = gone.filter(|id| !is_in(id)).collect();
        self.former.retain(|id| !is_in(id) && !gone.contains(id));
        self.former.extend(gone);
        self.former.drain(..self.former.len().saturating_sub(MAX_FORMER));
    }

    /// The outage was told. False when that was known, or is of an outage that is over.
    pub(crate) fn was_told(&mut self, told: Told) -> bool {
        let is_known = self.told.as_ref().is_some_and(|known| known.outage == told.outage);
        if is_known || self.is_over(&told) {
            return false;
        }
        push(&mut self.news, told.clone());
        self.told = Some(told);
        true
    }

    /// The hub is back for good.
    pub(crate) fn is_back(&mut self) {
        if let Some(told) = self.told.take() {
            push(&mut self.over, told.outage);
        }
    }

    /// The hub knows of this outage.
    pub(crate) fn hub_knows(&mut self, outage: &str) {
        self.news.retain(|told| told.outage != outage);
    }

    /// True for an outage that is over.
    pub(crate) fn is_over(&self, told: &Told) -> bool {
        self.over.contains(&told.outage)
    }
}

/// Appends, and forgets the oldest where there are too many.
fn push<T>(list: &mut Vec<T>, one: T) {
    if list.len() >= MAX_KNOWN {
        list.remove(0);
    }
    list.push(one);
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn told(outage: u8) -> Told {
        Told {
            outage: format!("{outage:032x}"),
            by: "a".repeat(40),
            agreed: 3,
            since_unix_ms: 1,
            told_unix_ms: 2,
        }
    }

    fn kept() -> Kept {
        let fallback = Fallback {
            quorum: 0,
            hub: "hub".to_owned(),
            part: vec![7; 32],
            sealed: b"sealed".to_vec(),
            ..Fallback::default()
        };
        let mut kept = Kept { fallback: Some(fallback), ..Kept::default() };
        assert!(kept.was_told(told(1)));
        kept
    }

    #[test]
    fn it_comes_back_with_its_key_alone_and_is_nobody_elses_to_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path(), "a key");
        assert_eq!(place.read(), Kept::default());
        place.write(&kept()).expect("it can be written");
        assert_eq!(place.read(), kept());
        let path = folder.path().join(FILE);
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let bytes = std::fs::read(&path).expect("ours");
        let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(!holds(b"sealed") && !holds(b"outage") && !holds(&[7; 8]));
        assert_eq!(Place::new(folder.path(), "another key").read(), Kept::default());
        let damaged: Vec<u8> = bytes.iter().map(|byte| byte ^ 1).collect();
        std::fs::write(&path, damaged).expect("ours");
        assert_eq!(place.read(), Kept::default());
    }

    #[test]
    fn who_was_a_member_is_remembered_for_as_long_as_there_is_room() {
        let of = |ids: &[u32]| {
            let member = |id: &u32| wire::FallbackMember {
                id: format!("{id:040x}"),
                ..wire::FallbackMember::default()
            };
            Some(Fallback { members: ids.iter().map(member).collect(), ..Fallback::default() })
        };
        let ids = |kept: &Kept| -> Vec<u32> {
            kept.former.iter().filter_map(|id| u32::from_str_radix(id, 16).ok()).collect()
        };
        let mut kept = Kept::default();
        kept.replace(of(&[1, 2, 3]));
        kept.replace(of(&[1, 4]));
        assert_eq!(ids(&kept), [2, 3]);
        kept.replace(of(&[2, 4]));
        assert_eq!(ids(&kept), [3, 1], "one that is a member again is no former one");
        kept.replace(None);
        assert_eq!(ids(&kept), [3, 1, 2, 4]);
        (10..100).for_each(|id| kept.replace(of(&[id])));
        assert_eq!(ids(&kept), (72..99).collect::<Vec<u32>>());
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path(), "a key");
        let kept = Kept { fallback: None, left_unix_ms: Some(7), ..kept };
        place.write(&kept).expect("it can be written");
        assert_eq!(place.read(), kept);
    }

    #[test]
    fn an_outage_is_known_once_and_never_again_after_it_is_over() {
        let mut kept = kept();
        assert!(!kept.was_told(told(1)));
        kept.is_back();
        assert_eq!((kept.told.clone(), kept.news.len()), (None, 1));
        assert!(!kept.was_told(told(1)), "one that was away for long still says so");
        kept.hub_knows(&told(1).outage);
        assert!(kept.news.is_empty());
        for outage in 2..40 {
            assert!(kept.was_told(told(outage)));
            kept.is_back();
        }
        assert_eq!((kept.news.len(), kept.over.len()), (MAX_KNOWN, MAX_KNOWN));
    }
}
