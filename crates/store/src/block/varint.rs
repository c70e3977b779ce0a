//! Numbers of seven bits a byte, lowest first, the highest bit set where more
//! follow (LEB128); signed ones with the sign in the lowest bit (zigzag).

use super::BlockError;

pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, zigzag(value));
}

pub(crate) fn put_size(out: &mut Vec<u8>, value: usize) {
    put(out, value as u64);
}

/// How many bytes [`put`] writes.
pub(crate) fn size(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[inline]
pub(crate) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

#[inline]
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Reads from the front of a piece of a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    rest: &'a [u8],
    /// What the bytes are, for errors.
    what: &'static str,
}

impl<'a> Input<'a> {
    pub(crate) const fn new(rest: &'a [u8], what: &'static str) -> Self {
        Self { rest, what }
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, BlockError> {
        let (&byte, rest) = self.rest.split_first().ok_or(BlockError::Truncated(self.what))?;
        self.rest = rest;
        Ok(byte)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], BlockError> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(BlockError::Truncated(self.what))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], BlockError> {
        let (taken, rest) =
            self.rest.split_first_chunk().ok_or(BlockError::Truncated(self.what))?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    pub(crate) fn number(&mut self) -> Result<u64, BlockError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        for place in 1..10 {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part << (7 * place) >> (7 * place) != part {
                break;
            }
            value |= part << (7 * place);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(BlockError::Malformed("a number is too long"))
    }

    #[inline]
    pub(crate) fn signed(&mut self) -> Result<i64, BlockError> {
        self.number().map(unzigzag)
    }

    /// A size or count of at most `limit`.
    pub(crate) fn size(&mut self, limit: usize) -> Result<usize, BlockError> {
        let number = self.number()?;
        usize::try_from(number)
            .ok()
            .filter(|&size| size <= limit)
            .ok_or(BlockError::Malformed("a size is above its limit"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(plain: u64, signed: i64) {
            let mut bytes = Vec::new();
            put(&mut bytes, plain);
            prop_assert_eq!(bytes.len(), size(plain));
            put_signed(&mut bytes, signed);
            let mut input = Input::new(&bytes, "it");
            prop_assert_eq!(input.number(), Ok(plain));
            prop_assert_eq!(input.signed(), Ok(signed));
            prop_assert!(input.is_empty());
        }
    }

    #[test]
    fn long_and_short_numbers_are_refused() {
        assert_eq!(Input::new(&[0x80], "it").number(), Err(BlockError::Truncated("it")));
        let mut long = [0xff; 10];
        long[9] = 1;
        assert_eq!(Input::new(&long, "it").number(), Ok(u64::MAX));
        long[9] = 2;
        assert!(Input::new(&long, "it").number().is_err());
        assert!(Input::new(&[200, 1], "it").size(199).is_err());
    }
}
