//! As much of DER (ITU-T X.690) as signing requests and validity dates need.
//! webpki reads certificates, but neither of the two.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed: a certificate's version, a request's attributes.
pub(super) const CONTEXT_0: u8 = 0xa0;

/// Values one after the other.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

/// One value.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) tag: u8,
    /// What is in it.
    pub(super) content: &'a [u8],
    /// Itself, with tag and length.
    pub(super) whole: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next value. `None` when there is none, or it is not in the one form
    /// that DER allows.
    pub(super) fn next(&mut self) -> Option<Value<'a>> {
        let (header, length) = match *self.0 {
            [_, length @ 0..=0x7f, ..] => (2, usize::from(length)),
            [_, 0x81, length @ 0x80..=0xff, ..] => (3, usize::from(length)),
            [_, 0x82, high @ 1..=0xff, low, ..] => (4, usize::from(high) << 8 | usize::from(low)),
            // What we read is far smaller than 64 KiB.
            _ => return None,
        };
        let (whole, rest) = self.0.split_at_checked(header + length)?;
        self.0 = rest;
        Some(Value { tag: whole[0], content: &whole[header..], whole })
    }

    /// The next value, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<Value<'a>> {
        self.next().filter(|value| value.tag == tag)
    }

    /// `None` unless everything was read.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The one value that `bytes` are, when it has this tag.
pub(super) fn only(tag: u8, bytes: &[u8]) -> Option<Value<'_>> {
    let mut reader = Reader::new(bytes);
    let value = reader.expect(tag)?;
    reader.end()?;
    Some(value)
}

/// The bytes of a bit string that has whole bytes.
pub(super) fn whole_bytes<'a>(value: Value<'a>) -> Option<&'a [u8]> {
    value.content.split_first().filter(|(unused, _)| **unused == 0).map(|(_, bytes)| bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_have_one_form() {
        let long = [&[0x30, 0x81, 0x80][..], &[7; 128]].concat();
        assert_eq!(only(SEQUENCE, &long).map(|value| value.content.len()), Some(128));
        let longer = [&[0x30, 0x82, 0x01, 0x00][..], &[7; 256]].concat();
        assert_eq!(only(SEQUENCE, &longer).map(|value| value.content.len()), Some(256));
        for bad in [
            &[][..],
            &[0x30],
            &[0x30, 0x01],
            &[0x30, 0x80],
            &[0x30, 0x81, 0x01, 0x00],
            &[0x30, 0x82, 0x00, 0x01, 0x00],
            &[0x30, 0x00, 0x00],
            &[0x31, 0x00],
        ] {
            assert!(only(SEQUENCE, bad).is_none(), "{bad:x?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_within_its_bounds(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            let mut read = 0;
            while let Some(value) = reader.next() {
                read += value.whole.len();
                prop_assert!(value.content.len() < value.whole.len());
            }
            prop_assert!(read <= bytes.len());
        }
    }
}
