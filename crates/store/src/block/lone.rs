//! Columns by themselves, outside a block: the times and values of one pushed series.
//!
//! What is written has a size in front of it, so that one can follow another.

use super::dense::PCO_FORMAT;
use super::group::{self, Group};
use super::numbers::{self, Form, Taste};
use super::seal;
use super::varint::{Input, put_signed, put_size};
use super::{BlockError, MAX_BLOCK_BYTES, Scratch, SealError};

/// The format of pco's own that is written, to be stored with the columns.
pub(crate) const LONE_FORMAT: [u8; 2] = PCO_FORMAT;

/// How hard columns are pressed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Press {
    /// As small as they get: they are kept.
    Small,
    /// Soon replaced, so time counts.
    Quick,
}

impl Press {
    fn taste(self) -> Taste {
        match self {
            Self::Small => Taste { level: 8, spare: 20 },
            Self::Quick => Taste { level: 4, spare: 1000 },
        }
    }
}

/// Writes whole numbers, of which there is at least one.
pub(crate) fn write_numbers(
    numbers: &[i64],
    press: Press,
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    let mut body = Vec::new();
    let form = numbers::write(numbers, press.taste(), &mut body)?;
    if form == Form::Constant {
        put_signed(&mut body, numbers[0]);
    }
    out.push(form as u8);
    put_size(out, body.len());
    out.extend_from_slice(&body);
    Ok(())
}

/// Writes values, of which there is at least one. Every bit of them comes back.
pub(crate) fn write_values(
    values: &[f64],
    press: Press,
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    let mut body = Vec::new();
    group::write(&[seal::alone(values, press.taste())?], &mut body);
    put_size(out, body.len());
    out.extend_from_slice(&body);
    Ok(())
}

/// Reads `count` numbers that [`write_numbers`] wrote.
pub(crate) fn read_numbers(
    input: &mut Input<'_>,
    pco: [u8; 2],
    count: usize,
    scratch: &mut Scratch,
    out: &mut Vec<i64>,
) -> Result<(), BlockError> {
    let form = Form::from_code(input.byte()?).ok_or(BlockError::Malformed("an unknown form"))?;
    let size = input.size(MAX_BLOCK_BYTES)?;
    let mut body = Input::new(input.bytes(size)?, "numbers");
    if form == Form::Constant {
        out.clear();
        out.resize(count, body.signed()?);
        return Ok(());
    }
    numbers::read(form, body, (pco, count), &mut scratch.dense, out)?;
    if out.len() == count { Ok(()) } else { Err(BlockError::Malformed("too few numbers")) }
}

/// Reads `count` values that [`write_values`] wrote.
pub(crate) fn read_values(
    input: &mut Input<'_>,
    pco: [u8; 2],
    count: usize,
    scratch: &mut Scratch,
    out: &mut Vec<f64>,
) -> Result<(), BlockError> {
    let size = input.size(MAX_BLOCK_BYTES)?;
    Group::parse(input.bytes(size)?, count, pco)?.read(0, 0..count, scratch, out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use watchfire_model::ABSENT;

    use super::*;

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            (-1000..1000_i32).prop_map(|n| f64::from(n) / 10.0),
            Just(ABSENT),
            Just(-0.0),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            values in prop::collection::vec(value(), 1..300),
            numbers in prop::collection::vec(prop_oneof![any::<i64>(), 0..50_i64], 1..300),
        ) {
            let scratch = &mut Scratch::new();
            for press in [Press::Small, Press::Quick] {
                let mut bytes = Vec::new();
                write_values(&values, press, &mut bytes).unwrap();
                write_numbers(&numbers, press, &mut bytes).unwrap();
                let mut input = Input::new(&bytes, "it");
                let (mut read, mut whole) = (Vec::new(), Vec::new());
                read_values(&mut input, LONE_FORMAT, values.len(), scratch, &mut read).unwrap();
                read_numbers(&mut input, LONE_FORMAT, numbers.len(), scratch, &mut whole).unwrap();
                let bits = |of: &[f64]| of.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&read), bits(&values));
                prop_assert_eq!(&whole, &numbers);
                prop_assert!(input.is_empty());
            }
        }

        #[test]
        fn any_bytes_are_an_error_or_numbers(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let scratch = &mut Scratch::new();
            let (mut values, mut numbers) = (Vec::new(), Vec::new());
            let input = || Input::new(&bytes, "it");
            let _ = read_values(&mut input(), LONE_FORMAT, 9, scratch, &mut values);
            let _ = read_numbers(&mut input(), LONE_FORMAT, 9, scratch, &mut numbers);
        }
    }
}
