use super::Family;

/// One series as its collector gives it: the family and the raw values.
#[derive(Debug)]
struct Entry {
    family: &'static Family,
    /// The values, each with its length before it, in [`Page::bytes`].
    from: usize,
    to: usize,
    series: usize,
}

/// What one collector gave at its last reading, in its order.
///
/// A collector gives the same series in the same order at nearly every
/// reading, so the next one is found by looking at the next entry: no key is
/// built and nothing is allocated.
#[derive(Debug, Default)]
pub(super) struct Page {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    next: usize,
}

impl Page {
    /// Begins a reading.
    pub(super) fn begin(&mut self) {
        self.next = 0;
    }

    /// The series of the next entry, when it is the one that is given.
    pub(super) fn follow(&mut self, family: &'static Family, values: &[&[u8]]) -> Option<usize> {
        let entry = self.entries.get(self.next)?;
        let known = &self.bytes[entry.from..entry.to];
        if !std::ptr::eq(entry.family, family) || !same(known, values) {
            return None;
        }
        self.next += 1;
        Some(entry.series)
    }

    /// How many series it has.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The series that this reading did not give so far.
    pub(super) fn rest(&self) -> impl Iterator<Item = usize> {
        self.entries[self.next..].iter().map(|entry| entry.series)
    }

    /// Forgets the entries that this reading did not give.
    pub(super) fn cut(&mut self) {
        self.entries.truncate(self.next);
        self.bytes.truncate(self.entries.last().map_or(0, |entry| entry.to));
    }

    /// Adds an entry behind the last one and goes on behind it.
    pub(super) fn add(&mut self, family: &'static Family, values: &[&[u8]], series: usize) {
        let from = self.bytes.len();
        for value in values {
            self.bytes.extend_from_slice(&length(value).to_le_bytes());
            self.bytes.extend_from_slice(&value[..usize::from(length(value))]);
        }
        self.entries.push(Entry { family, from, to: self.bytes.len(), series });
        self.next = self.entries.len();
    }

    /// Numbers the entries anew and forgets those that have no new number.
    pub(super) fn keep(&mut self, anew: &[Option<usize>]) {
        self.entries.retain_mut(|entry| match anew[entry.series] {
            Some(series) => {
                entry.series = series;
                true
            }
            None => false,
        });
        self.next = self.entries.len();
    }
}

/// Values that are longer differ only behind what is kept of them, which no
/// name of the kernel does.
fn length(value: &[u8]) -> u16 {
    u16::try_from(value.len()).unwrap_or(u16::MAX)
}

fn same(mut known: &[u8], values: &[&[u8]]) -> bool {
    for value in values {
        let Some(rest) = known.strip_prefix(&length(value).to_le_bytes()) else { return false };
        let Some(rest) = rest.strip_prefix(&value[..usize::from(length(value))]) else {
            return false;
        };
        known = rest;
    }
    known.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    static ONE: Family = Family::gauge("one", "", &["a", "b"]);
    static OTHER: Family = Family::gauge("other", "", &["a", "b"]);

    #[test]
    fn a_page_is_followed_entry_by_entry() {
        let mut page = Page::default();
        page.add(&ONE, &[b"ab", b"c"], 7);
        page.add(&OTHER, &[b"x", b""], 8);
        page.begin();
        // The same bytes, divided in another way.
        assert_eq!(page.follow(&ONE, &[b"a", b"bc"]), None);
        assert_eq!(page.follow(&OTHER, &[b"ab", b"c"]), None);
        assert_eq!(page.follow(&ONE, &[b"ab", b"c"]), Some(7));
        assert_eq!(page.rest().collect::<Vec<_>>(), [8]);
        assert_eq!(page.follow(&OTHER, &[b"x", b""]), Some(8));
        assert_eq!(page.follow(&OTHER, &[b"x", b""]), None);
    }

    #[test]
    fn what_was_cut_can_be_added_again() {
        let mut page = Page::default();
        page.add(&ONE, &[b"a", b""], 1);
        page.add(&ONE, &[b"b", b""], 2);
        page.begin();
        page.follow(&ONE, &[b"a", b""]);
        page.cut();
        page.add(&ONE, &[b"c", b""], 3);
        page.begin();
        assert_eq!(page.rest().collect::<Vec<_>>(), [1, 3]);
        assert_eq!(page.follow(&ONE, &[b"a", b""]), Some(1));
        assert_eq!(page.follow(&ONE, &[b"c", b""]), Some(3));
    }
}
