//! The order in which a table gives its rows.

use watchfire_model::ProcessRow;

use crate::error::CodecError;
use crate::varint::{Input, put_size};

/// The usual order of rows that are sorted by process: by per cent of cpu
/// falling, not known last, then as they are. It is in the format.
pub(crate) fn usual<'a>(count: usize, cpu: impl Fn(usize) -> Option<f64> + 'a) -> Vec<u32> {
    let known = |at: &u32| cpu(*at as usize).unwrap_or(-1.0);
    let mut order: Vec<u32> = (0..count as u32).collect();
    order.sort_by(|a, b| known(b).total_cmp(&known(a)));
    order
}

/// Writes `order` when it is not the usual one of these rows.
pub(crate) fn put_order(out: &mut Vec<u8>, order: &[u32], sorted: &[&ProcessRow]) {
    if order != usual(sorted.len(), |at| sorted[at].cpu_percent) {
        order.iter().for_each(|&at| put_size(out, at as usize));
    }
}

/// Reads an order of `count` rows; `None` for the usual one.
pub(crate) fn read_order(
    input: &mut Input<'_>,
    count: usize,
) -> Result<Option<Vec<u32>>, CodecError> {
    if input.is_empty() {
        return Ok(None);
    }
    let mut seen = vec![false; count];
    let mut order = Vec::with_capacity(count);
    while !input.is_empty() {
        let at: u32 = input.number("the order of rows")?;
        match seen.get_mut(at as usize) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(CodecError::Malformed("an order of rows that is none")),
        }
        order.push(at);
    }
    if order.len() != count {
        return Err(CodecError::Malformed("an order of rows that is none"));
    }
    Ok(Some(order))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_order_is_by_cpu_falling() {
        let cpu = [Some(0.0), None, Some(7.5), Some(0.0)];
        assert_eq!(usual(4, |at| cpu[at]), [2, 0, 3, 1]);
    }

    #[test]
    fn an_order_has_every_row_once() {
        assert_eq!(read_order(&mut Input::new(&[2, 0, 1]), 3), Ok(Some(vec![2, 0, 1])));
        for bad in [&[0, 0, 1][..], &[0, 1], &[0, 1, 3], &[0, 1, 2, 2]] {
            assert!(read_order(&mut Input::new(bad), 3).is_err());
        }
    }
}
