//! What senders said of metrics.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};
use watchfire_model::MetricFacts;

use super::told::MAX_PUSHED_FACTS;
use super::weight;
use crate::StoreError;
use crate::history::counters::Counters;
use crate::history::{History, HistoryError};

/// The longest text of a fact that is kept, in bytes; what is longer is cut.
const MOST_BYTES: usize = 2_000;

impl History {
    /// What these senders said of one metric, or of up to `limit` of them, sorted by name and
    /// each once. Where two senders say different things of a metric, both are told.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn pushed_facts(
        &self,
        senders: &[&str],
        metric: Option<&str>,
        limit: usize,
    ) -> Result<Vec<MetricFacts>, HistoryError> {
        let known = self.pushed()?;
        let mut by_name: BTreeMap<&str, Vec<&MetricFacts>> = BTreeMap::new();
        let counts = |sender: &str| senders.contains(&sender);
        let senders = known.senders.iter().filter(|(sender, _)| counts(sender));
        for (_, sender) in senders {
            let told: Box<dyn Iterator<Item = &MetricFacts>> = match metric {
                Some(name) => Box::new(sender.facts.get(name).into_iter()),
                None => Box::new(sender.facts.values()),
            };
            for facts in told {
                let same = by_name.entry(&facts.name).or_default();
                if !same.contains(&facts) {
                    same.push(facts);
                }
            }
        }
        Ok(by_name.into_values().take(limit).flatten().cloned().collect())
    }
}

/// Facts that are not known yet, what they add to what is in memory, in bytes, and how many of
/// further ones there is no room for.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    pub(super) facts: Vec<MetricFacts>,
    pub(super) bytes: usize,
    pub(super) refused: usize,
}

/// Those of `told` that are not known already, of each name the last one, as far as they fit in
/// `room` bytes of memory.
pub(super) fn new(
    told: &[&MetricFacts],
    known: Option<&BTreeMap<String, MetricFacts>>,
    room: usize,
) -> Fresh {
    let mut last: BTreeMap<&str, &MetricFacts> = BTreeMap::new();
    last.extend(told.iter().map(|facts| (facts.name.as_str(), *facts)));
    let mut places = MAX_PUSHED_FACTS.saturating_sub(known.map_or(0, BTreeMap::len));
    let mut fresh = Fresh::default();
    for facts in last.into_values().filter(|facts| facts.name.len() <= MOST_BYTES) {
        let facts = cut(facts);
        let old = known.and_then(|known| known.get(&facts.name));
        if old == Some(&facts) {
            continue;
        }
        let bytes = weight::of_facts(&facts).saturating_sub(old.map_or(0, weight::of_facts));
        if fresh.bytes + bytes > room || (old.is_none() && places == 0) {
            fresh.refused += 1;
            continue;
        }
        places -= usize::from(old.is_none());
        fresh.bytes += bytes;
        fresh.facts.push(facts);
    }
    fresh
}

fn cut(facts: &MetricFacts) -> MetricFacts {
    let short = |text: &str| text[..text.floor_char_boundary(MOST_BYTES)].to_owned();
    MetricFacts {
        name: facts.name.clone(),
        kind: short(&facts.kind),
        help: short(&facts.help),
        unit: short(&facts.unit),
    }
}

/// Stores what a sender said of a metric, in the place of what it said before.
pub(super) fn put(
    connection: &Connection,
    sender: i64,
    tag: u32,
    facts: &[MetricFacts],
) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO pushed_fact (sender, name, kind, help, unit, crc) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut insert = connection.prepare_cached(sql)?;
    for one in facts {
        let crc = checksum(tag, one);
        insert.execute(params![sender, one.name, one.kind, one.help, one.unit, crc])?;
    }
    Ok(())
}

/// Gives all that a sender said to `found`, without what is damaged.
pub(super) fn load(
    connection: &Connection,
    sender: i64,
    tag: u32,
    counters: &Counters,
    mut found: impl FnMut(MetricFacts),
) -> Result<(), StoreError> {
    let mut query = connection.prepare(SELECT)?;
    let mut rows = query.query([sender])?;
    while let Some(row) = rows.next()? {
        match one(row, tag) {
            Some(facts) => found(facts),
            None => Counters::add(&counters.damaged_rows, 1),
        }
    }
    Ok(())
}

/// All facts of a sender, for [`one`].
pub(super) const SELECT: &str =
    "SELECT name, kind, help, unit, crc FROM pushed_fact WHERE sender = ?1 ORDER BY name";

/// The facts of a row whose checksum is right.
pub(super) fn one(row: &Row<'_>, tag: u32) -> Option<MetricFacts> {
    let text = |place: usize| row.get::<_, String>(place).ok();
    let facts = MetricFacts { name: text(0)?, kind: text(1)?, help: text(2)?, unit: text(3)? };
    (row.get::<_, u32>(4).ok()? == checksum(tag, &facts)).then_some(facts)
}

/// CRC-32 that goes on from the sender's tag: of each text its length, 4 bytes, and its bytes.
fn checksum(tag: u32, facts: &MetricFacts) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(tag);
    for text in [&facts.name, &facts.kind, &facts.help, &facts.unit] {
        hasher.update(&(text.len() as u32).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize()
}
