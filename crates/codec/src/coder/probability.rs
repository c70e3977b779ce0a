/// After this many bits a probability stops getting slower to learn.
const SLOWEST: usize = 60;

/// The least probability that the coder works with, out of 65,536.
const LEAST: u32 = 24;

/// How likely the next bit of some kind is set, out of 65,536; learns quickly at first.
/// Packed, because a chain has 1,600 of them, and a hub thousands of chains.
#[derive(Debug, Clone, Copy)]
#[repr(C, packed)]
pub(crate) struct Probability {
    set: u16,
    seen: u8,
}

impl Default for Probability {
    fn default() -> Self {
        Self { set: 1 << 15, seen: 0 }
    }
}

/// `65536 / (seen + 1.5)`: the part of the way that the next bit moves the probability.
const STEPS: [u32; SLOWEST + 1] = {
    let mut steps = [0; SLOWEST + 1];
    let mut seen = 0;
    while seen <= SLOWEST {
        steps[seen] = 131_072 / (2 * seen as u32 + 3);
        seen += 1;
    }
    steps
};

impl Probability {
    /// Out of 65,536 and never 0 or 65,536.
    #[inline]
    pub(crate) fn of_set(self) -> u32 {
        u32::from(self.set).clamp(LEAST, 65_536 - LEAST)
    }

    /// Takes a bit into account. Without a branch: no bit that is worth its room can be foreseen.
    #[inline]
    pub(crate) fn learn(&mut self, bit: bool) {
        let step = STEPS[usize::from(self.seen)];
        // How far it is to the end that it moves towards, which after a clear bit is 0.
        let turned = if bit { 65_535 } else { 0 };
        let far = u32::from(self.set) ^ turned;
        let left = far - ((far * step) >> 16);
        self.set = (left ^ turned) as u16;
        self.seen += u8::from(usize::from(self.seen) < SLOWEST);
    }
}
