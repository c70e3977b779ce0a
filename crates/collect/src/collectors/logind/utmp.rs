//! The records of `/run/utmp`, as glibc's `utmp(5)` has them.

/// A record with times of 32 bits: x86-64, most others of 64 bits that have
/// run programs of 32, and all of 32.
const SMALL: Layout = Layout { record: 384 };
/// A record with times of 64 bits: AArch64, RISC-V, LoongArch.
const LARGE: Layout = Layout { record: 400 };

/// A kind of record: that of a login.
const USER_PROCESS: u8 = 7;
/// The last kind.
const ACCOUNTING: u8 = 9;
/// Where the user's name begins, and its most bytes: behind the kind, the
/// process, the terminal and the terminal's id.
const USER: std::ops::Range<usize> = 44..76;

/// The sizes of a file's records. What is needed of them is at the same place
/// in both.
#[derive(Debug, Clone, Copy)]
struct Layout {
    record: usize,
}

/// The names of those who are logged in, once for each login. Empty when the
/// file is not made of such records.
pub(super) fn users(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    // A size may fit both; read by the wrong one, most logins are not found.
    let fitting = [LARGE, SMALL].into_iter().filter(|layout| layout.fits(content));
    let layout = fitting.max_by_key(|layout| layout.users(content).count());
    layout.into_iter().flat_map(|layout| layout.users(content))
}

impl Layout {
    fn users(self, content: &[u8]) -> impl Iterator<Item = &[u8]> {
        let records = content.chunks_exact(self.record);
        records.filter(|record| kind(record) == Some(USER_PROCESS)).filter_map(user)
    }

    /// True when the content is whole records of kinds that there are.
    fn fits(self, content: &[u8]) -> bool {
        let records = content.chunks_exact(self.record);
        records.remainder().is_empty()
            && content.chunks_exact(self.record).all(|record| kind(record).is_some())
    }
}

/// The kind of a record, whose number is small, so that it does not matter
/// which of its two bytes comes first. Padding follows it.
fn kind(record: &[u8]) -> Option<u8> {
    let (&[kind, 0, 0, 0] | &[0, kind, 0, 0]) = record.first_chunk()? else { return None };
    (kind <= ACCOUNTING).then_some(kind)
}

fn user(record: &[u8]) -> Option<&[u8]> {
    let name = record.get(USER)?;
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    (end > 0).then(|| &name[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(size: usize, kind: u8, user: &str) -> Vec<u8> {
        let mut record = vec![0; size];
        record[0] = kind;
        record[4..8].copy_from_slice(&1234_u32.to_le_bytes());
        record[8..13].copy_from_slice(b"pts/0");
        record[USER][..user.len()].copy_from_slice(user.as_bytes());
        // The time of a login, which the other layout would take for a kind.
        record[340..344].copy_from_slice(&1_700_000_000_u32.to_le_bytes());
        record
    }

    #[test]
    fn logins_are_found_in_both_layouts() {
        for size in [384, 400] {
            let mut content = record(size, 2, "reboot");
            content.extend(record(size, 7, "ada"));
            content.extend(record(size, 8, "gone"));
            content.extend(record(size, 7, "a-name-that-fills-all-32-bytes!!"));
            content.extend(record(size, 7, ""));
            let seen: Vec<_> = users(&content).collect();
            assert_eq!(seen, [&b"ada"[..], b"a-name-that-fills-all-32-bytes!!"], "{size}");
        }
    }

    #[test]
    fn the_layout_is_told_by_its_logins_where_the_size_fits_both() {
        for (size, records) in [(400, 24), (384, 25)] {
            let content: Vec<u8> = (0..records).flat_map(|_| record(size, 7, "ada")).collect();
            assert_eq!((content.len() % 9600, users(&content).count()), (0, records));
        }
    }

    #[test]
    fn the_other_order_of_bytes_is_read_too() {
        let mut content = record(384, 0, "ada");
        content[1] = 7;
        assert_eq!(users(&content).count(), 1);
    }

    #[test]
    fn what_is_cut_or_something_else_has_no_users() {
        assert_eq!(users(b"").count() + users(b"not a table").count(), 0);
        let content = record(384, 7, "ada");
        assert_eq!(users(&content[..383]).count(), 0);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            users(&bytes).for_each(drop);
        }
    }
}
