//! Numbers of seven bits a byte, lowest first, the highest bit set where more
//! follow (LEB128); signed ones with the sign in the lowest bit (zigzag).

use crate::CodecError;

/// The longest number: 128 bits.
const MOST_BYTES: u32 = 19;

pub(crate) fn put(out: &mut Vec<u8>, value: impl Into<u128>) {
    let mut value = value.into();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_size(out: &mut Vec<u8>, value: usize) {
    put(out, value as u64);
}

pub(crate) fn put_signed(out: &mut Vec<u8>, value: impl Into<i128>) {
    let value = value.into();
    put(out, (value << 1 ^ value >> 127) as u128);
}

/// Reads the payload of a frame from its front.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self, what: &'static str) -> Result<u8, CodecError> {
        Ok(self.bytes(1, what)?[0])
    }

    pub(crate) fn bytes(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<&'a [u8], CodecError> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(CodecError::Truncated { what })?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn wide(&mut self, what: &'static str) -> Result<u128, CodecError> {
        let mut value = 0;
        for place in 0..MOST_BYTES {
            let byte = self.byte(what)?;
            let part = u128::from(byte & 0x7f);
            if part << (7 * place) >> (7 * place) != part {
                return Err(CodecError::Malformed("a number is too long"));
            }
            value |= part << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(CodecError::Malformed("a number is too long"))
    }

    pub(crate) fn wide_signed(&mut self, what: &'static str) -> Result<i128, CodecError> {
        let value = self.wide(what)?;
        Ok((value >> 1) as i128 ^ -((value & 1) as i128))
    }

    pub(crate) fn number<T: TryFrom<u128>>(&mut self, what: &'static str) -> Result<T, CodecError> {
        T::try_from(self.wide(what)?).map_err(|_| CodecError::Malformed("a number is too large"))
    }

    pub(crate) fn signed<T: TryFrom<i128>>(&mut self, what: &'static str) -> Result<T, CodecError> {
        T::try_from(self.wide_signed(what)?)
            .map_err(|_| CodecError::Malformed("a number is too large"))
    }

    /// A count of things of which each takes at least `least` bytes more, at most `limit`.
    pub(crate) fn count(
        &mut self,
        what: &'static str,
        limit: usize,
        least: usize,
    ) -> Result<usize, CodecError> {
        let count = CodecError::limit(what, self.number(what)?, limit)?;
        if count.saturating_mul(least) > self.rest.len() {
            return Err(CodecError::Truncated { what });
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(plain: u128, signed: i128) {
            let mut bytes = Vec::new();
            put(&mut bytes, plain);
            put_signed(&mut bytes, signed);
            let mut input = Input::new(&bytes);
            prop_assert_eq!(input.wide("a"), Ok(plain));
            prop_assert_eq!(input.wide_signed("b"), Ok(signed));
            prop_assert!(input.is_empty());
        }
    }

    #[test]
    fn long_and_short_numbers_are_refused() {
        assert_eq!(Input::new(&[0x80]).wide("it"), Err(CodecError::Truncated { what: "it" }),);
        let mut long = [0xff; 19];
        long[18] = 3;
        assert_eq!(Input::new(&long).wide("it"), Ok(u128::MAX));
        long[18] = 4;
        assert!(Input::new(&long).wide("it").is_err());
        assert!(Input::new(&[0x80, 0x02]).number::<u8>("it").is_err());
        assert!(Input::new(&[200, 1]).count("things", 300, 1).is_err());
    }
}
