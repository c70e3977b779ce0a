//! Small messages that want to become large ones (abuse A39).

use watchfire_wire::{MAX_FRAME_BYTES, StreamDecoder, decode};

/// A field of that number and wire type.
fn tag(number: u32, wire_type: u32) -> Vec<u8> {
    let mut value = number << 3 | wire_type;
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).expect("seven bits"));
    bytes
}

/// Messages in messages: each layer is the field `number` of the one around it.
fn layers(number: u32, depth: usize) -> Vec<u8> {
    let mut inner: Vec<u8> = Vec::new();
    for _ in 0..depth {
        let mut length = inner.len();
        let mut bytes = tag(number, 2);
        while length >= 0x80 {
            bytes.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).expect("seven bits"));
        bytes.extend(inner);
        inner = bytes;
    }
    inner
}

#[test]
fn what_is_nested_ten_thousand_times_is_refused_or_passed_over() {
    // Groups of fields that nobody knows must be walked through to their ends.
    let mut groups = tag(99, 3).repeat(10_000);
    groups.extend(tag(99, 4).repeat(10_000));
    assert!(decode(&groups).is_err());
    assert!(StreamDecoder::new().decode(&groups).is_err());
    let open = tag(99, 3).repeat(10_000);
    assert!(decode(&open).is_err());
    // A message in a field that nobody knows is passed over unread.
    assert!(matches!(decode(&layers(99, 10_000)), Ok(None) | Err(_)));
    for number in 1..20 {
        // In those that are known, a message has the depth of its shape, and what is
        // deeper is no such field.
        let _ = decode(&layers(number, 10_000));
    }
}

#[test]
fn a_length_that_is_not_there_takes_no_memory() {
    for number in 1..20 {
        for claimed in [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0x80, 0x80, 0x80, 0x80, 0x08]] {
            let frame = [tag(number, 2), claimed.to_vec(), vec![0; 10]].concat();
            assert!(decode(&frame).is_err(), "{number}");
        }
    }
    assert!(decode(&vec![0; MAX_FRAME_BYTES + 1]).is_err());
}
