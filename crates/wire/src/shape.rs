//! Measures a frame before anything is allocated for it.
//!
//! An empty list element takes two bytes on the wire and over a hundred in
//! memory, so a frame within its size limit could still ask for half a million
//! of them. This walk over the bytes counts the elements first.

use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::WireError;
use crate::limits::{
    MAX_ARGS, MAX_CORES, MAX_DISKS, MAX_FALLBACK_BOXES, MAX_FALLBACK_MEMBERS, MAX_FILESYSTEMS,
    MAX_LABELS, MAX_NETWORKS, MAX_PARAMS, MAX_PROCESSES, MAX_RUNBOOKS, MAX_SIGNATURES,
};

/// The fields of one message that need a look, by number. The others are skipped.
type Shape = &'static [(u32, Rule)];

enum Rule {
    /// A message that may come once. Protobuf would merge a second one into the
    /// first, and lists would grow past their limit.
    Once(&'static str, Shape),
    /// A list of so many messages at the most.
    List(&'static str, usize),
    /// The same, of messages that hold lists themselves.
    Each(&'static str, usize, Shape),
}

static FRAME: Shape = &[
    (1, Rule::Once("hello", HELLO)),
    (2, Rule::Once("status", STATUS)),
    (3, Rule::Once("processes", PROCESSES)),
    (4, Rule::Once("alive", &[])),
    (5, Rule::Once("goodbye", &[])),
    (6, Rule::Once("records", &[])),
    (7, Rule::Once("backfill", &[])),
    (8, Rule::Once("ack", &[])),
    (9, Rule::Once("probe", &[])),
    (10, Rule::Once("probe result", &[])),
    (11, Rule::Once("command", COMMAND)),
    (12, Rule::Once("output", &[])),
    (13, Rule::Once("exit", &[])),
    (14, Rule::Once("end of a backfill", &[])),
    (15, Rule::Once("renewal", &[])),
    (16, Rule::Once("renewed certificate", &[])),
    (17, Rule::Once("fallback", FALLBACK)),
    (18, Rule::Once("end of a fallback", &[])),
    (19, Rule::Once("told fallback", &[])),
    (20, Rule::Once("heard fallback", &[])),
    (21, Rule::Once("leaving hub", &[])),
    (22, Rule::Once("cancelled command", &[])),
    (23, Rule::Once("refused command", &[])),
    (24, Rule::Once("started command", &[])),
    (25, Rule::Once("acknowledged output", &[])),
    (26, Rule::Once("list of runbooks", RUNBOOKS)),
];
const COMMAND: Shape = &[
    (3, Rule::Once("signed work", &[(2, Rule::List("signatures", MAX_SIGNATURES))])),
    (4, Rule::Once("runbook", &[(2, Rule::List("parameters of a runbook", MAX_PARAMS))])),
    (5, Rule::Once("open work", &[(1, Rule::List("arguments of a command", MAX_ARGS))])),
];
const RUNBOOKS: Shape = &[(2, Rule::Each("runbooks", MAX_RUNBOOKS, RUNBOOK))];
const RUNBOOK: Shape = &[(3, Rule::List("parameters of a runbook", MAX_PARAMS))];
const HELLO: Shape = &[
    (7, Rule::List("labels", MAX_LABELS)),
    (9, Rule::Once("ring", &[])),
    (14, Rule::Once("seat of a fallback", &[])),
];
const FALLBACK: Shape = &[
    (7, Rule::List("boxes of a fallback", MAX_FALLBACK_BOXES)),
    (9, Rule::List("members of a fallback", MAX_FALLBACK_MEMBERS)),
];
const STATUS: Shape = &[
    (2, Rule::Once("cpu", CPU)),
    (6, Rule::List("filesystems", MAX_FILESYSTEMS)),
    (7, Rule::List("disks", MAX_DISKS)),
    (8, Rule::List("networks", MAX_NETWORKS)),
];
const CPU: Shape = &[(2, Rule::List("cores", MAX_CORES))];
const PROCESSES: Shape = &[(2, Rule::List("processes", MAX_PROCESSES))];

/// The most fields of one message that need a look.
const MAX_RULES: usize = 26;

/// Checks that a frame's lists are within their limits.
///
/// # Errors
/// [`WireError`] when they are not, or when the bytes are not protobuf.
pub(crate) fn check_frame(bytes: &[u8]) -> Result<(), WireError> {
    check(FRAME, bytes)
}

fn check(shape: Shape, mut bytes: &[u8]) -> Result<(), WireError> {
    let mut seen = [0_usize; MAX_RULES];
    while bytes.has_remaining() {
        let (number, wire_type) = decode_key(&mut bytes).map_err(malformed)?;
        let rule = shape.iter().zip(&mut seen).find(|((ruled, _), _)| *ruled == number);
        let (Some(((_, rule), count)), WireType::LengthDelimited) = (rule, wire_type) else {
            skip_field(wire_type, number, &mut bytes, DecodeContext::default())
                .map_err(malformed)?;
            continue;
        };
        let inner = take_inner(&mut bytes)?;
        *count += 1;
        match rule {
            Rule::Once(what, _) if *count > 1 => return Err(WireError::Twice { what }),
            Rule::Once(_, shape) => check(shape, inner)?,
            Rule::List(what, most) | Rule::Each(what, most, _) if *count > *most => {
                return Err(WireError::TooMany { what, most: *most });
            }
            Rule::Each(_, _, shape) => check(shape, inner)?,
            Rule::List(..) => {}
        }
    }
    Ok(())
}

fn take_inner<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], WireError> {
    let length = decode_varint(bytes).map_err(malformed)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let (inner, rest) = bytes
        .split_at_checked(length)
        .ok_or_else(|| WireError::Malformed { why: "it ends too early".to_owned() })?;
    *bytes = rest;
    Ok(inner)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
pub(crate) fn malformed(error: prost::DecodeError) -> WireError {
    WireError::Malformed { why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, inner: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        prost::encoding::encode_varint(u64::from(number) << 3 | 2, &mut bytes);
        prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
        bytes.extend_from_slice(inner);
        bytes
    }

    #[test]
    fn every_list_has_its_limit() {
        for (path, what, most) in [
            (&[1, 7][..], "labels", MAX_LABELS),
            (&[2, 6], "filesystems", MAX_FILESYSTEMS),
            (&[2, 7], "disks", MAX_DISKS),
            (&[2, 8], "networks", MAX_NETWORKS),
            (&[2, 2, 2], "cores", MAX_CORES),
            (&[3, 2], "processes", MAX_PROCESSES),
            (&[11, 3, 2], "signatures", MAX_SIGNATURES),
            (&[11, 4, 2], "parameters of a runbook", MAX_PARAMS),
            (&[11, 5, 1], "arguments of a command", MAX_ARGS),
            (&[26, 2], "runbooks", MAX_RUNBOOKS),
            (&[26, 2, 3], "parameters of a runbook", MAX_PARAMS),
        ] {
            let (element, outer) = path.split_last().expect("a path");
            let frame = |count: usize| {
                let list = field(*element, &[]).repeat(count);
                outer.iter().rev().fold(list, |inner, number| field(*number, &inner))
            };
            assert_eq!(check_frame(&frame(most)), Ok(()), "{what}");
            assert_eq!(check_frame(&frame(most + 1)), Err(WireError::TooMany { what, most }));
        }
    }

    #[test]
    fn a_second_message_cannot_be_merged_into_the_first() {
        let twice = field(2, &[]).repeat(2);
        assert_eq!(check_frame(&twice), Err(WireError::Twice { what: "status" }));
        let cpus = field(2, &field(2, &field(2, &[])).repeat(2));
        assert_eq!(check_frame(&cpus), Err(WireError::Twice { what: "cpu" }));
    }

    #[test]
    fn there_is_a_counter_for_every_rule() {
        for shape in [FRAME, HELLO, FALLBACK, STATUS, CPU, PROCESSES, COMMAND, RUNBOOKS] {
            assert!(shape.len() <= MAX_RULES);
        }
    }

    #[test]
    fn a_length_past_the_end_is_refused() {
        let claims_4_gib = [1 << 3 | 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        assert!(matches!(check_frame(&claims_4_gib), Err(WireError::Malformed { .. })));
    }
}
