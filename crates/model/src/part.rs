//! Questions that are too large are asked about some servers at a time.

use crate::{
    Found, FoundSeries, LabelSet, Listing, MetricFacts, Selection, SeriesSource, SourceError,
};

/// The label that parts go by.
const INSTANCE: &str = "instance";

/// One of `of` parts of all series. All series of one `instance` are in one part, and so are those
/// that have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which one, from 0 on.
    pub number: u32,
    /// How many there are; more than nothing.
    pub of: u32,
}

impl Part {
    /// The label that parts go by.
    pub const LABEL: &'static str = INSTANCE;

    /// Whether what has this `instance` belongs to the part.
    #[must_use]
    pub fn has_instance(self, instance: &str) -> bool {
        // FNV-1a, and a step of MurmurHash3's end: names in a row go to different parts.
        let start: u64 = 0xcbf2_9ce4_8422_2325;
        let byte = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = instance.bytes().fold(start, byte);
        let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        (hash >> 33) % u64::from(self.of.max(1)) == u64::from(self.number)
    }

    /// Whether a series belongs to the part.
    #[must_use]
    pub fn has(self, labels: &LabelSet) -> bool {
        self.of <= 1 || self.has_instance(labels.get(INSTANCE))
    }
}

/// A source of which one part alone is seen by those who ask for samples. Listings are of all.
pub struct PartOf<'a> {
    /// What has all parts.
    pub source: &'a dyn SeriesSource,
    /// The part that is seen.
    pub part: Part,
}

impl SeriesSource for PartOf<'_> {
    fn select(&self, selection: &Selection<'_>) -> Result<Found<FoundSeries>, SourceError> {
        let hint = crate::Hint { part: Some(self.part), ..selection.hint };
        let mut found = self.source.select(&Selection { hint, ..*selection })?;
        // To a source it is a hint.
        found.items.retain(|series| self.part.has(&series.labels));
        Ok(found)
    }

    fn series(&self, listing: &Listing<'_>) -> Result<Found<LabelSet>, SourceError> {
        self.source.series(listing)
    }

    fn label_names(&self, listing: &Listing<'_>) -> Result<Found<String>, SourceError> {
        self.source.label_names(listing)
    }

    fn label_values(
        &self,
        label: &str,
        listing: &Listing<'_>,
    ) -> Result<Found<String>, SourceError> {
        self.source.label_values(label, listing)
    }

    fn metadata(
        &self,
        metric: Option<&str>,
        limit: usize,
    ) -> Result<Found<MetricFacts>, SourceError> {
        self.source.metadata(metric, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_in_exactly_one_part_and_parts_are_about_equal() {
        const OF: u32 = 16;
        let mut sizes = [0_usize; OF as usize];
        for number in 0..10_000 {
            let labels = LabelSet::of(&[("instance", &format!("web-{number}"))]);
            let parts = (0..OF).filter(|number| Part { number: *number, of: OF }.has(&labels));
            let parts: Vec<u32> = parts.collect();
            assert_eq!(parts.len(), 1);
            sizes[parts[0] as usize] += 1;
        }
        assert!(sizes.iter().all(|size| (500..750).contains(size)), "{sizes:?}");
        let nobody = LabelSet::of(&[("site", "fra")]);
        assert_eq!(
            (0..OF).filter(|number| Part { number: *number, of: OF }.has(&nobody)).count(),
            1
        );
        assert!(Part { number: 0, of: 1 }.has(&nobody));
    }
}
