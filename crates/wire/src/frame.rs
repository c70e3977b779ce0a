use prost::Message as _;

use crate::convert::{bounded_unix_ms, hello, processes, sane_unix_ms, status};
use crate::limits::MAX_FRAME_BYTES;
use crate::proto::{AnyFrame, Body, Frame};
use crate::shape::{check_frame, malformed};
use crate::{Alive, GoodbyeReason, Message, PROTOCOL, Version, WireError, proto};

/// The bytes of one frame that holds `message`, at most [`MAX_FRAME_BYTES`].
///
/// What is above a limit is cut: lists and texts at their end. A process table
/// that was cut says in its `total` how many there were. A number that is not
/// finite is left out, and one out of its bounds is moved to the nearest bound.
#[must_use]
pub fn encode(message: &Message) -> Vec<u8> {
    let body = match message {
        Message::Hello(hello) => Body::Hello(hello::to_wire(hello)),
        Message::Status(status) => Body::Status(status::to_wire(status)),
        Message::Processes(table) => Body::Processes(processes::to_wire(table)),
        Message::Alive(alive) => Body::Alive(proto::Alive {
            sequence: alive.sequence,
            unix_ms: bounded_unix_ms(alive.unix_ms),
        }),
        Message::Goodbye(reason) => Body::Goodbye(proto::Goodbye { reason: reason_code(*reason) }),
    };
    Frame { body: Some(body) }.encode_to_vec()
}

/// The message in a frame; `None` for a message of a newer minor version,
/// which is to be skipped.
///
/// # Errors
/// [`WireError`] says what is wrong with the frame. A hello of another major
/// version is refused with [`WireError::OtherMajor`], whatever else it holds.
pub fn decode(bytes: &[u8]) -> Result<Option<Message>, WireError> {
    if bytes.is_empty() {
        return Err(WireError::Empty);
    }
    if bytes.len() > MAX_FRAME_BYTES {
        return Err(WireError::TooLarge { bytes: bytes.len() });
    }
    check_version(bytes)?;
    check_frame(bytes)?;
    let frame = Frame::decode(bytes).map_err(malformed)?;
    let Some(body) = frame.body else { return Ok(None) };
    let message = match body {
        Body::Hello(hello) => Message::Hello(hello::from_wire(hello)?),
        Body::Status(status) => Message::Status(status::from_wire(status)?),
        Body::Processes(table) => Message::Processes(processes::from_wire(table)?),
        Body::Alive(alive) => {
            let unix_ms = sane_unix_ms(alive.unix_ms, "wall clock")?;
            Message::Alive(Alive { sequence: alive.sequence, unix_ms })
        }
        Body::Goodbye(goodbye) => Message::Goodbye(reason_of(goodbye.reason)),
    };
    Ok(Some(message))
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
