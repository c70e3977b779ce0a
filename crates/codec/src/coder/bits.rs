/// Collects plain bits, lowest first.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    pending: u128,
    count: u32,
}

impl BitWriter {
    pub(crate) fn put(&mut self, value: u64, count: u32) {
        self.pending |= u128::from(value & mask(count)) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.bytes.capacity()
    }

    /// The bytes so far, the last one filled up with zeros; begins anew.
    pub(crate) fn drain(&mut self) -> std::vec::Drain<'_, u8> {
        if self.count > 0 {
            self.bytes.push(self.pending as u8);
        }
        (self.pending, self.count) = (0, 0);
        self.bytes.drain(..)
    }
}

/// Reads what [`BitWriter`] collected, from the last byte of `input` backwards.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    input: &'a [u8],
    pending: u128,
    count: u32,
    overrun: bool,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { input, pending: 0, count: 0, overrun: false }
    }

    #[inline]
    pub(crate) fn take(&mut self, count: u32) -> u64 {
        if self.count < count {
            self.refill(count);
        }
        let value = self.pending as u64 & mask(count);
        self.pending >>= count;
        self.count -= count;
        value
    }

    /// Has `count` bits pending, and as many more as come along.
    fn refill(&mut self, count: u32) {
        if let Some((rest, word)) = self.input.split_last_chunk() {
            self.input = rest;
            self.pending |= u128::from(u64::from_be_bytes(*word)) << self.count;
            self.count += u64::BITS;
        }
        while self.count < count {
            let byte = match self.input.split_last() {
                Some((&last, rest)) => {
                    self.input = rest;
                    last
                }
                None => {
                    self.overrun = true;
                    0
                }
            };
            self.pending |= u128::from(byte) << self.count;
            self.count += 8;
        }
    }

    /// True when more bits were taken than there are.
    pub(crate) fn overrun(&self) -> bool {
        self.overrun
    }
}

fn mask(count: u32) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}
