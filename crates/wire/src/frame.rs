use prost::Message as _;

use crate::convert::{
    asks, bounded_unix_ms, command, fallback, hello, processes, sane_unix_ms, status,
};
use crate::limits::MAX_FRAME_BYTES;
use crate::packed::{Base, pack, unpack};
use crate::proto::{AnyFrame, Body, Frame};
use crate::shape::{check_frame, malformed};
use crate::{Ack, Alive, GoodbyeReason, Message, PROTOCOL, Version, WireError, proto};

/// The bytes of one frame that holds `message`, at most [`MAX_FRAME_BYTES`].
///
/// What is above a limit is cut: lists and texts at their end. A process table
/// that was cut says in its `total` how many there were. A number that is not
/// finite is left out, and one out of its bounds is moved to the nearest bound.
///
/// # Errors
/// [`WireError`] where cutting would lose data or change what is meant: for
/// records above a limit ([`RecordsBuilder`](crate::RecordsBuilder) keeps
/// within them), addresses, keys, certificates, and requests that ask for
/// nothing. A hello, a status, a process table, a sign of life and a goodbye
/// are never refused.
pub fn encode(message: &Message) -> Result<Vec<u8>, WireError> {
    encode_after(message, None)
}

/// As `encode`; live records say only what has changed since `live`.
pub(crate) fn encode_after(message: &Message, live: Option<Base>) -> Result<Vec<u8>, WireError> {
    let bytes = Frame { body: Some(to_wire(message, live)?) }.encode_to_vec();
    if bytes.len() > MAX_FRAME_BYTES {
        return Err(WireError::TooLarge { bytes: bytes.len() });
    }
    Ok(bytes)
}

fn to_wire(message: &Message, live: Option<Base>) -> Result<Body, WireError> {
    Ok(match message {
        Message::Hello(hello) => Body::Hello(hello::to_wire(hello)),
        Message::Status(status) => Body::Status(status::to_wire(status)),
        Message::Processes(table) => Body::Processes(processes::to_wire(table)),
        Message::Alive(alive) => Body::Alive(proto::Alive {
            sequence: alive.sequence,
            unix_ms: bounded_unix_ms(alive.unix_ms),
        }),
        Message::Goodbye(reason) => Body::Goodbye(proto::Goodbye { reason: reason_code(*reason) }),
        Message::Records(records) => {
            let packed = pack(records, live)?.into();
            Body::Records(proto::Records { request: records.request, packed })
        }
        Message::Ack(ack) => Body::Ack(proto::Ack { up_to: ack.up_to }),
        Message::Backfill(ask) => Body::Backfill(asks::backfill_to_wire(*ask)?),
        Message::BackfillEnd(end) => Body::BackfillEnd(asks::backfill_end_to_wire(*end)?),
        Message::Probe(probe) => Body::Probe(asks::probe_to_wire(probe)?),
        Message::ProbeResult(result) => Body::ProbeResult(asks::probe_result_to_wire(*result)),
        Message::Renew(renew) => Body::Renew(asks::renew_to_wire(renew)?),
        Message::Renewed(renewed) => Body::Renewed(asks::renewed_to_wire(renewed)?),
        Message::Fallback(one) => Body::Fallback(fallback::to_wire(one)?),
        Message::FallbackOver => Body::FallbackOver(proto::Nothing {}),
        Message::FallbackTold(told) => Body::FallbackTold(fallback::told_to_wire(told)?),
        Message::FallbackHeard(heard) => Body::FallbackHeard(fallback::heard_to_wire(*heard)),
        Message::HubLeaves => Body::HubLeaves(proto::Nothing {}),
        Message::Command(one) => Body::Command(command::to_wire(one)?),
        Message::CancelCommand(cancel) => Body::CancelCommand(command::cancel_to_wire(*cancel)?),
        Message::CommandRefused(one) => Body::CommandRefused(command::refused_to_wire(one)?),
        Message::CommandStarted(one) => Body::CommandStarted(command::started_to_wire(*one)?),
        Message::Output(output) => Body::Output(command::output_to_wire(output)?),
        Message::OutputAck(ack) => Body::OutputAck(command::ack_to_wire(*ack)?),
        Message::Exit(exit) => Body::Exit(command::exit_to_wire(exit)?),
        Message::Runbooks(list) => Body::Runbooks(command::runbooks_to_wire(list)?),
    })
}

/// The message in a frame; `None` for a message of a newer minor version,
/// which is to be skipped.
///
/// # Errors
/// [`WireError`] says what is wrong with the frame. A hello of another major
/// version is refused with [`WireError::OtherMajor`], whatever else it holds.
/// Live records of a [`StreamEncoder`](crate::StreamEncoder) are refused with
/// [`WireError::OutOfStep`]: they are for a
/// [`StreamDecoder`](crate::StreamDecoder).
pub fn decode(bytes: &[u8]) -> Result<Option<Message>, WireError> {
    decode_after(bytes, None)
}

/// As `decode`; live records may go on from `live`.
pub(crate) fn decode_after(bytes: &[u8], live: Option<Base>) -> Result<Option<Message>, WireError> {
    if bytes.is_empty() {
        return Err(WireError::Empty);
    }
    if bytes.len() > MAX_FRAME_BYTES {
        return Err(WireError::TooLarge { bytes: bytes.len() });
    }
    check_version(bytes)?;
    check_frame(bytes)?;
    let frame = Frame::decode(bytes).map_err(malformed)?;
    frame.body.map(|body| from_wire(body, live)).transpose()
}

fn from_wire(body: Body, live: Option<Base>) -> Result<Message, WireError> {
    Ok(match body {
        Body::Hello(hello) => Message::Hello(hello::from_wire(hello)?),
        Body::Status(status) => Message::Status(status::from_wire(status)?),
        Body::Processes(table) => Message::Processes(processes::from_wire(table)?),
        Body::Alive(alive) => {
            let unix_ms = sane_unix_ms(alive.unix_ms, "wall clock")?;
            Message::Alive(Alive { sequence: alive.sequence, unix_ms })
        }
        Body::Goodbye(goodbye) => Message::Goodbye(reason_of(goodbye.reason)),
        Body::Records(records) => Message::Records(unpack(records.request, &records.packed, live)?),
        Body::Ack(ack) => Message::Ack(Ack { up_to: ack.up_to }),
        Body::Backfill(ask) => Message::Backfill(asks::backfill_from_wire(&ask)?),
        Body::BackfillEnd(end) => Message::BackfillEnd(asks::backfill_end_from_wire(&end)?),
        Body::Probe(probe) => Message::Probe(asks::probe_from_wire(probe)?),
        Body::ProbeResult(result) => Message::ProbeResult(asks::probe_result_from_wire(&result)?),
        Body::Renew(renew) => Message::Renew(asks::renew_from_wire(renew)?),
        Body::Renewed(renewed) => Message::Renewed(asks::renewed_from_wire(renewed)?),
        Body::Fallback(one) => Message::Fallback(Box::new(fallback::from_wire(one)?)),
        Body::FallbackOver(_) => Message::FallbackOver,
        Body::FallbackTold(told) => Message::FallbackTold(fallback::told_from_wire(told)?),
        Body::FallbackHeard(heard) => Message::FallbackHeard(fallback::heard_from_wire(&heard)?),
        Body::HubLeaves(_) => Message::HubLeaves,
        Body::Command(one) => Message::Command(Box::new(command::from_wire(one)?)),
        Body::CancelCommand(cancel) => Message::CancelCommand(command::cancel_from_wire(&cancel)?),
        Body::CommandRefused(one) => Message::CommandRefused(command::refused_from_wire(one)?),
        Body::CommandStarted(one) => Message::CommandStarted(command::started_from_wire(&one)?),
        Body::Output(output) => Message::Output(command::output_from_wire(output)?),
        Body::OutputAck(ack) => Message::OutputAck(command::ack_from_wire(&ack)?),
        Body::Exit(exit) => Message::Exit(command::exit_from_wire(&exit)?),
        Body::Runbooks(list) => Message::Runbooks(command::runbooks_from_wire(list)?),
    })
}

/// A hello of another major version may look like anything but for its two
/// version fields, so these are read first and alone.
fn check_version(bytes: &[u8]) -> Result<(), WireError> {
    let any = AnyFrame::decode(bytes).map_err(malformed)?;
    match any.hello {
        Some(hello) => PROTOCOL.talks_with(Version { major: hello.major, minor: hello.minor }),
        None => Ok(()),
    }
}

fn reason_code(reason: GoodbyeReason) -> u32 {
    match reason {
        GoodbyeReason::Unknown => 0,
        GoodbyeReason::Stop => 1,
        GoodbyeReason::Reboot => 2,
        GoodbyeReason::Upgrade => 3,
    }
}

fn reason_of(code: u32) -> GoodbyeReason {
    match code {
        1 => GoodbyeReason::Stop,
        2 => GoodbyeReason::Reboot,
        3 => GoodbyeReason::Upgrade,
        _ => GoodbyeReason::Unknown,
    }
}
