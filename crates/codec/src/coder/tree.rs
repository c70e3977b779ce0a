use super::{Coder, Probability};

/// The bits that `magnitude` needs: 0 for 0, 64 at most.
pub(crate) fn length_bits(magnitude: u64) -> u32 {
    64 - magnitude.leading_zeros()
}

/// A number below `2^BITS`, highest bit first, each bit guessed from those before it.
/// `nodes` has `2^BITS` places.
pub(crate) fn number<C: Coder, const BITS: u32>(
    coder: &mut C,
    nodes: &mut [Probability],
    value: u32,
) -> u32 {
    let mut node = 1;
    for bit in (0..BITS).rev() {
        let set = coder.bit(value >> bit & 1 == 1, &mut nodes[node]);
        node = node << 1 | usize::from(set);
    }
    node as u32 & ((1 << BITS) - 1)
}
