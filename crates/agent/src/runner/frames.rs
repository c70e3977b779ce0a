//! Messages over a local socket: the length in four bytes, then the frame of `wire`.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use watchfire_wire::{MAX_FRAME_BYTES, Message, decode, encode};

/// The bytes of a message, its length before it.
pub(super) fn framed(message: &Message) -> io::Result<Vec<u8>> {
    let frame = encode(message).map_err(io::Error::other)?;
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    Ok([&length.to_le_bytes()[..], &frame].concat())
}

pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), message: &Message) -> io::Result<()> {
    to.write_all(&framed(message)?).await
}

/// The next message; `None` at the end. It must not be cancelled.
pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Message>> {
    loop {
        let mut length = [0; 4];
        match from.read_exact(&mut length).await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            read => read?,
        };
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_FRAME_BYTES {
            return Err(io::Error::other("a message is too long"));
        }
        let mut frame = vec![0; length];
        from.read_exact(&mut frame).await?;
        // One of a newer version is skipped.
        if let Some(message) = decode(&frame).map_err(io::Error::other)? {
            return Ok(Some(message));
        }
    }
}
