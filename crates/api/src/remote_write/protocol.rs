use std::fmt;

/// The media type of a request.
const MEDIA_TYPE: &str = "application/x-protobuf";
/// The parameter of the media type that names the message.
const PROTO: &str = "proto";
const MESSAGE_V1: &str = "prometheus.WriteRequest";
const MESSAGE_V2: &str = "io.prometheus.write.v2.Request";

/// Which message a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `prometheus.WriteRequest`
    V1,
    /// `io.prometheus.write.v2.Request`
    V2,
}

/// A media type or an encoding that is not taken; the sender may try another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsupported;

impl Protocol {
    /// The message that the headers `Content-Type` and `Content-Encoding` name. A sender of
    /// version 1.0 may leave both out.
    ///
    /// # Errors
    /// [`Unsupported`] for anything but protobuf of one of the two, packed by snappy.
    pub fn of(content_type: Option<&str>, encoding: Option<&str>) -> Result<Self, Unsupported> {
        let is_snappy =
            encoding.is_none_or(|encoding| encoding.trim().eq_ignore_ascii_case("snappy"));
        if !is_snappy {
            return Err(Unsupported);
        }
        let mut parts = content_type.unwrap_or(MEDIA_TYPE).split(';').map(str::trim);
        if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(MEDIA_TYPE)) {
            return Err(Unsupported);
        }
        let named = parts
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case(PROTO))
            .map(|(_, message)| message.trim().trim_matches('"'));
        match named {
            None | Some(MESSAGE_V1) => Ok(Self::V1),
            Some(MESSAGE_V2) => Ok(Self::V2),
            Some(_) => Err(Unsupported),
        }
    }

    /// The media type that names it.
    #[must_use]
    pub fn content_type(self) -> String {
        let message = match self {
            Self::V1 => MESSAGE_V1,
            Self::V2 => MESSAGE_V2,
        };
        format!("{MEDIA_TYPE};{PROTO}={message}")
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "send Content-Encoding: snappy and Content-Type: {} or {}",
            Protocol::V1.content_type(),
            Protocol::V2.content_type()
        )
    }
}

impl std::error::Error for Unsupported {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_the_one_that_is_named() {
        for (kind, protocol) in [
            ("application/x-protobuf", Protocol::V1),
            ("Application/X-Protobuf ; charset=x", Protocol::V1),
            ("application/x-protobuf;proto=prometheus.WriteRequest", Protocol::V1),
            ("application/x-protobuf; proto=io.prometheus.write.v2.Request", Protocol::V2),
            ("application/x-protobuf;PROTO=\"io.prometheus.write.v2.Request\"", Protocol::V2),
        ] {
            assert_eq!(Protocol::of(Some(kind), Some("snappy")), Ok(protocol), "{kind}");
        }
        assert_eq!(Protocol::of(None, None), Ok(Protocol::V1));
        for protocol in [Protocol::V1, Protocol::V2] {
            assert_eq!(Protocol::of(Some(&protocol.content_type()), Some("Snappy")), Ok(protocol));
        }
    }

    #[test]
    fn others_are_not_supported() {
        for kind in [
            "",
            "application/json",
            "application/x-protobuf2",
            "application/x-protobuf;proto=",
            "application/x-protobuf;proto=io.prometheus.write.v3.Request",
        ] {
            assert_eq!(Protocol::of(Some(kind), Some("snappy")), Err(Unsupported), "{kind}");
        }
        for encoding in ["", "gzip", "zstd", "snappy, gzip"] {
            assert_eq!(Protocol::of(None, Some(encoding)), Err(Unsupported), "{encoding}");
        }
    }
}
