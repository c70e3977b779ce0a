//! Kernel statistics as OpenZFS writes them (`kstat(9)`, by its
//! `spl-kstat.c`): a line of numbers, a line of headings, and the statistics.

use crate::text::{lines, split_once, words};

use super::super::sysfs::signed;

/// Types of a statistic: `int32`, `uint32`, `int64` and `uint64`.
const NUMBERS: [&[u8]; 4] = [b"1", b"2", b"3", b"4"];
/// A text.
const STRING: &[u8] = b"7";

/// The numbers of a file with one statistic a line: `hits  4  8772612`.
pub(super) fn numbers(text: &[u8]) -> impl Iterator<Item = (&[u8], f64)> {
    lines(text).filter_map(|line| {
        let mut words = words(line);
        let (name, kind, value) = (words.next()?, words.next()?, words.next()?);
        let is_number = NUMBERS.contains(&kind) && words.next().is_none();
        // The first line is made of numbers too, and has no name.
        let is_name = name.first().is_some_and(u8::is_ascii_alphabetic);
        (is_number && is_name).then(|| Some((name, signed(value)?)))?
    })
}

/// The text `wanted` of such a file. It may have spaces in it.
pub(super) fn string<'a>(text: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    lines(text).find_map(|line| {
        let (name, rest) = split_once(line.trim_ascii(), b' ')?;
        let (kind, value) = split_once(rest.trim_ascii(), b' ')?;
        (name == wanted && kind == STRING).then(|| value.trim_ascii())
    })
}

/// The numbers of a file with the names in one line and the values in the next.
pub(super) fn table(text: &[u8]) -> impl Iterator<Item = (&[u8], f64)> {
    let mut lines = lines(text).skip(1);
    let names = words(lines.next().unwrap_or_default());
    let values = words(lines.next().unwrap_or_default());
    names.zip(values).filter_map(|(name, value)| Some((name, signed(value)?)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn statistics_of_every_form() {
        let text = b"6 1 0x01 91 4368 5266997922 97951858082072\n\
            name                            type data\n\
            hits                            4    18446744073709551615\n\
            memory_available_bytes          3    -922337\n\
            odd                             4    1 2\n\
            erpt-dropped                    4    18\n\
            dataset_name                    7    pool3/data set  x\n\
            cut                             4\n";
        let seen: Vec<_> = numbers(text).collect();
        let expected = [
            (&b"hits"[..], 18_446_744_073_709_551_615.0),
            (b"memory_available_bytes", -922_337.0),
            (b"erpt-dropped", 18.0),
        ];
        assert_eq!(seen, expected);
        assert_eq!(string(text, b"dataset_name"), Some(&b"pool3/data set  x"[..]));
        assert_eq!(string(text, b"hits"), None);
    }

    #[test]
    fn a_table_is_read_by_its_columns() {
        let text = b"12 3 0x00 1 80 79205351707403 395818011156865\n\
            nread    nwritten reads    writes\n1884160  x 22\n";
        let seen: Vec<_> = table(text).collect();
        assert_eq!(seen, [(&b"nread"[..], 1_884_160.0), (b"reads", 22.0)]);
        assert_eq!(table(b"").count() + table(b"1\na b\n").count(), 0);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            numbers(&bytes).for_each(drop);
            table(&bytes).for_each(drop);
            string(&bytes, b"dataset_name");
        }
    }
}
