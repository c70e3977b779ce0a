//! A text message as the bytes that a modem takes: SMS-SUBMIT of 3GPP TS 23.040, section 9.2.2.2.

use crate::channel::gsm7;
use crate::channel::sms::{Alphabet, Sms};

/// "The service centre that the SIM names."
const STORED_CENTRE: u8 = 0x00;
/// SMS-SUBMIT with a relative validity.
const SUBMIT: u8 = 0x11;
/// The text begins with a header.
const HAS_HEADER: u8 = 0x40;
/// 24 hours: by then it is told otherwise, or over.
const VALID_A_DAY: u8 = 0xa7;
/// The header of a part: six bytes with its own length.
const HEADER_BYTES: usize = 6;
/// Into how many septets those six bytes and the fill bits go.
const HEADER_SEPTETS: usize = 7;

/// One message to the modem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pdu {
    /// What `AT+CMGS=` wants to know: the bytes without those of the service centre.
    pub(super) length: usize,
    /// The bytes in hexadecimal.
    pub(super) hex: String,
}

/// Which part of a whole one is.
struct Part {
    reference: u8,
    of: u8,
    number: u8,
}

/// The parts of a message. `reference` ties them together, and must be the same on every try.
pub(super) fn parts(number: &str, sms: &Sms, reference: u8) -> Vec<Pdu> {
    let segments = sms.segments();
    let of = u8::try_from(segments.len()).unwrap_or(u8::MAX);
    (1..=of)
        .zip(segments)
        .map(|(at, text)| {
            let part = (of > 1).then_some(Part { reference, of, number: at });
            submit(number, text, sms.alphabet, part.as_ref())
        })
        .collect()
}

fn submit(number: &str, text: &str, alphabet: Alphabet, part: Option<&Part>) -> Pdu {
    let first = if part.is_some() { SUBMIT | HAS_HEADER } else { SUBMIT };
    // The modem counts messages itself: that reference stays 0.
    let mut bytes = vec![STORED_CENTRE, first, 0];
    bytes.extend(address(number));
    let coding = match alphabet {
        Alphabet::Gsm7 => 0x00,
        Alphabet::Ucs2 => 0x08,
    };
    bytes.extend([0, coding, VALID_A_DAY]);
    let (length, data) = match alphabet {
        Alphabet::Gsm7 => septet_data(text, part),
        Alphabet::Ucs2 => octet_data(text, part),
    };
    bytes.push(u8::try_from(length).expect("a segment is at most 160 units long"));
    bytes.extend(data);
    let hex = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    Pdu { length: bytes.len() - 1, hex }
}

/// The number: how many digits, of which kind, and two of them a byte, the second one first.
fn address(number: &str) -> Vec<u8> {
    let (kind, digits) = match number.strip_prefix('+') {
        Some(digits) => (0x91, digits),
        None => (0x81, number),
    };
    let digits: Vec<u8> = digits.bytes().map(|byte| byte.wrapping_sub(b'0') & 0x0f).collect();
    let mut out = vec![u8::try_from(digits.len()).expect("a number has at most 15 digits"), kind];
    out.extend(digits.chunks(2).map(|two| two[0] | two.get(1).unwrap_or(&0x0f) << 4));
    out
}

fn header(part: &Part) -> [u8; HEADER_BYTES] {
    // Five bytes follow; element 0 has three: which whole, of how many, which one.
    [5, 0, 3, part.reference, part.of, part.number]
}

fn octet_data(text: &str, part: Option<&Part>) -> (usize, Vec<u8>) {
    let mut data = part.map(header).map_or_else(Vec::new, |header| header.to_vec());
    data.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
    (data.len(), data)
}

fn septet_data(text: &str, part: Option<&Part>) -> (usize, Vec<u8>) {
    let codes = text.chars().filter_map(gsm7::septets);
    let septets: Vec<u8> = codes.flat_map(|(codes, count)| codes.into_iter().take(count)).collect();
    match part {
        None => (septets.len(), packed(&septets, Vec::new(), 0)),
        Some(part) => {
            let data = packed(&septets, header(part).to_vec(), HEADER_SEPTETS * 7);
            (HEADER_SEPTETS + septets.len(), data)
        }
    }
}

/// Seven bits each, the lowest first, from bit `from` of `bytes` on.
fn packed(septets: &[u8], mut bytes: Vec<u8>, from: usize) -> Vec<u8> {
    bytes.resize((from + septets.len() * 7).div_ceil(8), 0);
    for (number, septet) in septets.iter().enumerate() {
        let bit = from + number * 7;
        let wide = u16::from(*septet) << (bit % 8);
        let [low, high] = wide.to_le_bytes();
        bytes[bit / 8] |= low;
        if high > 0 {
            bytes[bit / 8 + 1] |= high;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sms(text: &str, alphabet: Alphabet) -> Sms {
        Sms { text: text.to_owned(), alphabet }
    }

    #[test]
    fn a_short_text_is_packed_as_the_standard_says() {
        // The well-known vector of the standard's packing.
        let pdus = parts("+46708251358", &sms("hellohello", Alphabet::Gsm7), 7);
        assert_eq!(pdus.len(), 1);
        assert_eq!(pdus[0].hex, "0011000B916407281553F80000A70AE8329BFD4697D9EC37");
        assert_eq!(pdus[0].length, 23);
    }

    #[test]
    fn a_national_number_of_even_length_has_no_filler() {
        assert_eq!(address("0170123456"), [10, 0x81, 0x10, 0x07, 0x21, 0x43, 0x65]);
    }

    #[test]
    fn other_scripts_are_two_bytes_a_unit() {
        let pdus = parts("+491", &sms("я😀", Alphabet::Ucs2), 7);
        assert_eq!(pdus[0].hex, "001100039194F10008A706044FD83DDE00");
    }

    #[test]
    fn two_parts_say_that_they_belong_together() {
        let long = "a".repeat(160) + "€";
        let pdus = parts("+491", &sms(&long, Alphabet::Gsm7), 0x2a);
        assert_eq!(pdus.len(), 2);
        // 160 septets with the header, which is all that a segment holds: 140 bytes.
        assert!(pdus[0].hex.starts_with("005100039194F10000A7A00500032A0201C2"), "{}", pdus[0].hex);
        assert_eq!(pdus[0].length, 10 + 140);
        // Seven letters are left, and the escape with its code.
        assert!(pdus[1].hex.starts_with("005100039194F10000A7100500032A0202"), "{}", pdus[1].hex);
        let long = "я".repeat(71);
        let pdus = parts("+491", &sms(&long, Alphabet::Ucs2), 0x2a);
        assert!(pdus[0].hex.starts_with("005100039194F10008A78C0500032A0201044F"));
        assert!(pdus[1].hex.ends_with("A70E0500032A0202044F044F044F044F"));
    }
}
