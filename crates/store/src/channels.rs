//! What the database keeps of channels.
//!
//! A channel's URL may hold a secret, and is kept in no row. In its place stands a mark: the
//! scheme, and an HMAC of the URL with a key that this database alone has. Whoever opens the store
//! says which channels there are ([`Store::know_channels`]), and what is read is compared with
//! these: a try after a restart goes by the URL that the config has. What nobody knows any more
//! stays a mark ([`Channel::is_mark`]), by which nothing can be sent.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{PoisonError, RwLock};

use hmac::{Hmac, KeyInit, Mac};
use rusqlite::Connection;
use sha2::Sha256;
use watchfire_model::Channel;

use crate::connections::Connections;
use crate::{Store, StoreError, secrets};

/// The secret that marks are made with.
const KEY: &str = "channel_key";
/// How many channels are known at the most. There are hardly more than some hundred in a config;
/// what is written down beyond is not known after a restart, as if it were not in the config.
const MAX_KNOWN: usize = 20_000;

/// The key of a database, and the channels that are known.
pub(crate) struct Channels {
    key: Vec<u8>,
    /// By mark.
    known: RwLock<HashMap<String, Channel>>,
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channels").finish_non_exhaustive()
    }
}

impl Channels {
    /// Reads the key. Where there is none yet, it is made, and the URLs that an older release left
    /// become marks.
    pub(crate) fn open(connections: &Connections) -> Result<Self, StoreError> {
        let (key, changed) =
            match connections.read(|connection| secrets::select(connection, KEY))? {
                Some(key) => (key, 0),
                None => connections.write(make_key)?,
            };
        if changed > 0 {
            // The log has the pages as they were.
            connections.empty_log()?;
        }
        Ok(Self { key, known: RwLock::default() })
    }

    /// What is kept of a channel, which is known from now on.
    pub(crate) fn mark(&self, channel: &Channel) -> String {
        if channel.is_mark() {
            return channel.as_str().to_owned();
        }
        let mark = mark_of(&self.key, channel);
        let is_known = self.read().contains_key(&mark);
        if !is_known {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() < MAX_KNOWN {
                known.insert(mark.clone(), channel.clone());
            }
        }
        mark
    }

    /// The channel that a mark stands for, or the mark where that is not known.
    pub(crate) fn of(&self, mark: &str) -> Channel {
        self.read().get(mark).cloned().unwrap_or_else(|| Channel::new(mark))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<String, Channel>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Says which channels there are: what waits to be sent by another one cannot be.
    pub fn know_channels<'c>(&self, channels: impl IntoIterator<Item = &'c Channel>) {
        let directory = self.channels();
        directory.known.write().unwrap_or_else(PoisonError::into_inner).clear();
        for channel in channels {
            directory.mark(channel);
        }
    }
}

fn mark_of(key: &[u8], channel: &Channel) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(b"channel\0");
    mac.update(channel.as_str().as_bytes());
    let bytes = mac.finalize().into_bytes();
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Channel::mark(channel.scheme(), &hex).as_str().to_owned()
}

/// Makes the key, unless another process was quicker, and marks of the URLs in the same
/// transaction: where there is a key, there are no URLs. Says how many rows had one.
fn make_key(connection: &Connection) -> Result<(Vec<u8>, usize), StoreError> {
    if let Some(key) = secrets::select(connection, KEY)? {
        return Ok((key, 0));
    }
    let mut changed = 0;
    // SQLite's own generator, which the system seeds.
    let key: Vec<u8> = connection.query_row("SELECT randomblob(32)", [], |row| row.get(0))?;
    for table in ["notification_channel", "delivery"] {
        let mut query = connection.prepare(&format!("SELECT DISTINCT channel FROM {table}"))?;
        let urls = query.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        let sql = format!("UPDATE {table} SET channel = ?2 WHERE channel = ?1");
        let mut update = connection.prepare(&sql)?;
        for url in urls {
            changed += update.execute([&url, &mark_of(&key, &Channel::new(&url))])?;
        }
    }
    secrets::put(connection, KEY, &key)?;
    Ok((key, changed))
}

#[cfg(test)]
mod tests;
