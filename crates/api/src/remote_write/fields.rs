//! The fields of a protobuf message, one after the other and without building anything of them.
//!
//! Source: "Encoding", in the documentation of Protocol Buffers.

use super::RequestError;

/// The fields of one message in the order in which they stand.
pub(super) struct Fields<'a>(&'a [u8]);

/// What stands behind a field's number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = varint(&mut self.0)?;
        let number = key >> 3;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut self.0)?),
            1 => Value::Fixed64(u64::from_le_bytes(*self.0.split_off(..8)?.first_chunk()?)),
            2 => {
                let length = usize::try_from(varint(&mut self.0)?).ok()?;
                Value::Bytes(self.0.split_off(..length)?)
            }
            5 => {
                self.0.split_off(..4)?;
                Value::Fixed32
            }
            _ => return None,
        };
        (number != 0).then_some((number, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), RequestError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(not_protobuf))
    }
}

impl<'a> Value<'a> {
    pub(super) fn bytes(self) -> Result<&'a [u8], RequestError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(not_protobuf()),
        }
    }

    pub(super) fn varint(self) -> Result<u64, RequestError> {
        match self {
            Self::Varint(number) => Ok(number),
            _ => Err(not_protobuf()),
        }
    }

    /// A `double`, with the bits that it came with.
    pub(super) fn double(self) -> Result<f64, RequestError> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(not_protobuf()),
        }
    }

    /// The numbers of a repeated field: packed together, or one.
    pub(super) fn each_varint(self, mut each: impl FnMut(u64)) -> Result<(), RequestError> {
        let mut rest = match self {
            Self::Varint(number) => {
                each(number);
                return Ok(());
            }
            other => other.bytes()?,
        };
        while !rest.is_empty() {
            each(varint(&mut rest).ok_or_else(not_protobuf)?);
        }
        Ok(())
    }
}

/// Seven bits a byte, the lowest first, the last byte without the highest bit. Ten bytes are the
/// most; what is above 64 bits is dropped, as other readers do.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let byte = *rest.split_off_first()?;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn not_protobuf() -> RequestError {
    RequestError::malformed("it is not protobuf of the message that Content-Type names")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(message: &[u8]) -> Result<Vec<(u64, Value<'_>)>, RequestError> {
        Fields::of(message).collect()
    }

    #[test]
    fn fields_of_every_kind_are_read() {
        let message = [
            &[0x08, 0x96, 0x01][..],
            &[0x11, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
            &[0x1a, 2, b'h', b'i'],
            &[0x25, 1, 2, 3, 4],
            &[0xa8, 0x01, 1],
        ];
        let expected = vec![
            (1, Value::Varint(150)),
            (2, Value::Fixed64(1.0_f64.to_bits())),
            (3, Value::Bytes(b"hi")),
            (4, Value::Fixed32),
            (21, Value::Varint(1)),
        ];
        assert_eq!(all(&message.concat()), Ok(expected));
        let mut least = [0xff; 10];
        least[9] = 1;
        assert_eq!(varint(&mut &least[..]), Some(u64::MAX));
    }

    #[test]
    fn what_is_cut_or_no_field_is_an_error_and_the_end() {
        for message in [
            &[0x08][..],
            &[0x08, 0x80],
            &[0x11, 0, 0],
            &[0x1a, 5, b'h'],
            &[0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x25, 1],
            &[0x0b, 0x0c],
            &[0x00, 0x00],
            &[0xff; 11],
        ] {
            assert_eq!(Fields::of(message).count(), 1, "{message:?}");
            assert!(all(message).is_err(), "{message:?}");
        }
    }

    #[test]
    fn numbers_come_packed_and_alone() {
        let read = |value: Value<'_>| {
            let mut all = Vec::new();
            value.each_varint(|number| all.push(number)).map(|()| all)
        };
        assert_eq!(read(Value::Bytes(&[1, 0x80, 1, 3])), Ok(vec![1, 128, 3]));
        assert_eq!(read(Value::Varint(7)), Ok(vec![7]));
        assert!(read(Value::Bytes(&[1, 0x80])).is_err());
        assert!(read(Value::Fixed64(1)).is_err());
    }
}
