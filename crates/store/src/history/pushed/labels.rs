//! Labels as bytes: how many, then each name and value, with their lengths before them.

use std::collections::HashSet;
use std::sync::Arc;

use watchfire_model::{LabelPair, LabelSet};

use super::told::MAX_PUSHED_LABEL_BYTES;
use super::weight;
use crate::block::varint::{Input, put_size};

/// The bytes of a set.
pub(super) fn write(labels: &LabelSet) -> Vec<u8> {
    let mut out = Vec::new();
    put_size(&mut out, labels.pairs().len());
    for (name, value) in labels.iter() {
        for text in [name, value] {
            put_size(&mut out, text.len());
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

/// Whether a set is small enough to be stored.
pub(super) fn are_allowed(labels: &LabelSet) -> bool {
    let bytes: usize = labels.iter().map(|(name, value)| name.len() + value.len()).sum();
    bytes <= MAX_PUSHED_LABEL_BYTES
}

/// The set that [`write`] wrote, if it did.
pub(super) fn read(bytes: &[u8], texts: &mut Texts) -> Option<LabelSet> {
    let mut input = Input::new(bytes, "labels");
    let count = input.size(bytes.len()).ok()?;
    let mut pairs: Vec<LabelPair> = Vec::with_capacity(count);
    for _ in 0..count {
        let name = text(&mut input, texts)?;
        pairs.push((name, text(&mut input, texts)?));
    }
    let labels = LabelSet::new(pairs);
    (input.is_empty() && labels.pairs().len() == count).then_some(labels)
}

fn text(input: &mut Input<'_>, texts: &mut Texts) -> Option<Arc<str>> {
    let length = input.size(MAX_PUSHED_LABEL_BYTES).ok()?;
    std::str::from_utf8(input.bytes(length).ok()?).ok().map(|text| texts.share(text))
}

/// CRC-32 over a sender's name, a series' number, 8 bytes little endian, and its labels. The
/// checksums of its runs go on from it.
pub(super) fn tag(sender: u32, series: i64, labels: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(sender);
    hasher.update(&series.to_le_bytes());
    hasher.update(labels);
    hasher.finalize()
}

/// Names and values of a sender's series, each once in memory: series have most of theirs in
/// common.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: HashSet<Arc<str>>,
    bytes: usize,
}

impl Texts {
    fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.all.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(text);
        self.bytes += weight::of_text(text);
        self.all.insert(Arc::clone(&new));
        new
    }

    pub(super) fn has(&self, text: &str) -> bool {
        self.all.contains(text)
    }

    /// About what they take in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The same set, of texts that are in memory once.
    pub(super) fn share_all(&mut self, labels: &LabelSet) -> LabelSet {
        LabelSet::new(labels.iter().map(|(name, value)| (self.share(name), self.share(value))))
    }

    /// Forgets what no set has any more.
    pub(super) fn sweep(&mut self) {
        self.all.retain(|text| Arc::strong_count(text) > 1);
        self.bytes = self.all.iter().map(|text| weight::of_text(text)).sum();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            pairs in prop::collection::vec(("\\PC{0,4}", "\\PC{0,9}"), 0..6),
        ) {
            let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let labels = LabelSet::of(&pairs.collect::<Vec<_>>());
            prop_assert_eq!(read(&write(&labels), &mut Texts::default()), Some(labels));
        }

        #[test]
        fn any_bytes_are_nothing_or_labels(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(labels) = read(&bytes, &mut Texts::default()) {
                prop_assert_eq!(read(&write(&labels), &mut Texts::default()), Some(labels));
            }
        }
    }
}
