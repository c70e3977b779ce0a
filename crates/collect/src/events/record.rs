use crate::text::{number, split_once};

/// Messages of the kernel itself; programs write with another facility.
const KERNEL: u64 = 0;

/// One record of `/dev/kmsg`, as the kernel's
/// `Documentation/ABI/testing/dev-kmsg` describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    facility: u64,
    /// Grows by one from record to record.
    pub(super) sequence: u64,
    /// Microseconds since boot.
    pub(super) micros: u64,
    /// What is told. The kernel writes what is not printable as `\x1b`.
    pub(super) text: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads `6,339,5140900,-;the text`; what follows on other lines describes
    /// the device and is passed over.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let line = bytes.split(|&byte| byte == b'\n').next()?;
        let (head, text) = split_once(line, b';')?;
        let mut fields = head.split(|&byte| byte == b',');
        let priority = number(fields.next()?)?;
        let sequence = number(fields.next()?)?;
        let micros = number(fields.next()?)?;
        Some(Self { facility: priority >> 3, sequence, micros, text })
    }

    /// True when the kernel said so, and not a program that may write there.
    pub(super) fn is_of_kernel(&self) -> bool {
        self.facility == KERNEL
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_has_a_head_and_a_text() {
        let record = Record::parse(b"6,339,5140900,-,caller=T1;a;b\n SUBSYSTEM=pci\n").unwrap();
        assert_eq!((record.sequence, record.micros, record.text), (339, 5_140_900, &b"a;b"[..]));
        assert!(record.is_of_kernel());
        assert!(!Record::parse(b"12,1,2,-;from a program").unwrap().is_of_kernel());
        for bad in [&b""[..], b"6,1,2,-", b"x,1,2,-;t", b"6,1;t", b" DEVICE=x;y"] {
            assert_eq!(Record::parse(bad), None);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            Record::parse(&bytes);
        }
    }
}
