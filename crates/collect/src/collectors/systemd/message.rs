//! Messages of the D-Bus specification: method calls written, and what comes
//! back read with a bound on every length.

/// The longest message that is taken. The list of some ten thousand units fits.
pub(super) const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// The part of a message that tells how long it is.
const FIXED_BYTES: usize = 16;

const METHOD_CALL: u8 = 1;
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;
/// Nobody is to be started to answer us.
const NO_AUTO_START: u8 = 2;

const FIELD_PATH: u8 = 1;
const FIELD_INTERFACE: u8 = 2;
const FIELD_MEMBER: u8 = 3;
const FIELD_ERROR_NAME: u8 = 4;
const FIELD_REPLY_SERIAL: u8 = 5;
const FIELD_DESTINATION: u8 = 6;
const FIELD_SIGNATURE: u8 = 8;

/// Why bytes are no message that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

impl From<Malformed> for std::io::Error {
    fn from(malformed: Malformed) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, malformed.0)
    }
}

/// A call of a method whose arguments are strings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// Who is called; absent for the one that the connection is about.
    pub(super) destination: Option<&'a str>,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
    pub(super) member: &'a str,
    pub(super) arguments: &'a [&'a str],
}

impl Call<'_> {
    /// The message, little-endian.
    pub(super) fn message(&self, serial: u32) -> Vec<u8> {
        let mut body = Vec::new();
        for argument in self.arguments {
            put_string(&mut body, argument);
        }
        let mut out = vec![b'l', METHOD_CALL, NO_AUTO_START, 1];
        put_u32(&mut out, length(&body));
        put_u32(&mut out, serial);
        // The length of the fields, which is known in the end.
        put_u32(&mut out, 0);
        put_field(&mut out, FIELD_PATH, 'o', self.path);
        put_field(&mut out, FIELD_INTERFACE, 's', self.interface);
        put_field(&mut out, FIELD_MEMBER, 's', self.member);
        if let Some(destination) = self.destination {
            put_field(&mut out, FIELD_DESTINATION, 's', destination);
        }
        if !self.arguments.is_empty() {
            pad(&mut out, 8);
            out.extend_from_slice(&[FIELD_SIGNATURE, 1, b'g', 0]);
            put_signature(&mut out, &"s".repeat(self.arguments.len()));
        }
        let fields = length(&out[FIXED_BYTES..]);
        out[12..FIXED_BYTES].copy_from_slice(&fields.to_le_bytes());
        pad(&mut out, 8);
        out.extend_from_slice(&body);
        out
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("our messages are some hundred bytes")
}

fn pad(out: &mut Vec<u8>, to: usize) {
    out.resize(out.len().next_multiple_of(to), 0);
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    pad(out, 4);
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    put_u32(out, length(text.as_bytes()));
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

fn put_signature(out: &mut Vec<u8>, signature: &str) {
    out.push(u8::try_from(signature.len()).expect("our calls have few arguments"));
    out.extend_from_slice(signature.as_bytes());
    out.push(0);
}

fn put_field(out: &mut Vec<u8>, code: u8, kind: char, text: &str) {
    pad(out, 8);
    out.push(code);
    put_signature(out, kind.encode_utf8(&mut [0; 4]));
    put_string(out, text);
}

/// A message from the other side.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// The serial of the call that this answers; `None` for signals and calls.
    pub(super) reply_to: Option<u32>,
    /// The name of the error, when it is one.
    pub(super) error: Option<&'a str>,
    /// What the body is made of.
    pub(super) signature: &'a str,
    pub(super) body: Cursor<'a>,
}

/// How long the message is that `bytes` begin with: `None` when too little of
/// it is there to tell.
pub(super) fn message_bytes(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some(fixed) = bytes.get(..FIXED_BYTES) else { return Ok(None) };
    let mut cursor = Cursor::new(fixed)?;
    let body = cursor.size()?;
    cursor.u32()?;
    let fields = cursor.size()?;
    let all = (FIXED_BYTES + fields).next_multiple_of(8) + body;
    if all > MAX_MESSAGE_BYTES {
        return Err(Malformed("a message is too long"));
    }
    Ok(Some(all))
}

impl<'a> Message<'a> {
    /// Reads a whole message.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes)?;
        let kind = bytes[1];
        let body = cursor.size()?;
        cursor.u32()?;
        let end = cursor.size()?.checked_add(cursor.at).filter(|&end| end <= bytes.len());
        let end = end.ok_or(Malformed("the header is cut"))?;
        let mut message = Self { reply_to: None, error: None, signature: "", body: cursor };
        while cursor.at < end {
            message.field(&mut cursor)?;
        }
        if cursor.at != end {
            return Err(Malformed("a header field is too long"));
        }
        cursor.align(8)?;
        if bytes.len() - cursor.at != body {
            return Err(Malformed("the body has another length than told"));
        }
        message.body = cursor;
        match (kind, message.reply_to) {
            (METHOD_RETURN, Some(_)) => message.error = None,
            (ERROR, Some(_)) => message.error = message.error.or(Some("unnamed error")),
            (METHOD_RETURN | ERROR, None) => return Err(Malformed("a reply to nothing")),
            _ => message.reply_to = None,
        }
        Ok(message)
    }

    fn field(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        cursor.align(8)?;
        let code = cursor.byte()?;
        match (code, cursor.signature()?) {
            (FIELD_REPLY_SERIAL, "u") => self.reply_to = Some(cursor.u32()?),
            (FIELD_ERROR_NAME, "s") => self.error = Some(cursor.string()?),
            (FIELD_SIGNATURE, "g") => self.signature = cursor.signature()?,
            (_, "s" | "o") => drop(cursor.string()?),
            (_, "g") => drop(cursor.signature()?),
            (_, "u") => drop(cursor.u32()?),
            _ => return Err(Malformed("a header field of an unknown kind")),
        }
        Ok(())
    }
}

/// Reads values one after the other. Every read is bounded by the message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    big_endian: bool,
}

impl<'a> Cursor<'a> {
    /// At the body's length, behind the first four bytes.
    fn new(message: &'a [u8]) -> Result<Self, Malformed> {
        let big_endian = match message {
            [b'l', _, _, 1, ..] => false,
            [b'B', _, _, 1, ..] => true,
            _ => return Err(Malformed("not a message of version 1")),
        };
        Ok(Self { bytes: message, at: 4, big_endian })
    }

    /// True when nothing is left.
    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(length).ok_or(Malformed("a length is absurd"))?;
        let taken = self.bytes.get(self.at..end).ok_or(Malformed("a value is cut"))?;
        self.at = end;
        Ok(taken)
    }

    pub(super) fn align(&mut self, to: usize) -> Result<(), Malformed> {
        let gap = self.at.next_multiple_of(to) - self.at;
        self.take(gap).map(drop)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.take(1).map(|byte| byte[0])
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.align(4)?;
        let mut value = [0; 4];
        value.copy_from_slice(self.take(4)?);
        Ok(if self.big_endian { u32::from_be_bytes(value) } else { u32::from_le_bytes(value) })
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.align(8)?;
        let mut value = [0; 8];
        value.copy_from_slice(self.take(8)?);
        Ok(if self.big_endian { u64::from_be_bytes(value) } else { u64::from_le_bytes(value) })
    }

    /// A length, which no message can have above its own.
    fn size(&mut self) -> Result<usize, Malformed> {
        let size = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        (size <= MAX_MESSAGE_BYTES).then_some(size).ok_or(Malformed("a length is absurd"))
    }

    pub(super) fn string(&mut self) -> Result<&'a str, Malformed> {
        let length = self.size()?;
        self.text(length)
    }

    pub(super) fn signature(&mut self) -> Result<&'a str, Malformed> {
        let length = usize::from(self.byte()?);
        self.text(length)
    }

    fn text(&mut self, length: usize) -> Result<&'a str, Malformed> {
        let text = self.take(length)?;
        if self.byte()? != 0 {
            return Err(Malformed("a string without its end"));
        }
        std::str::from_utf8(text).map_err(|_| Malformed("a string is not UTF-8"))
    }

    /// The rest of an array: where its elements, aligned to `align`, end.
    pub(super) fn array(&mut self, align: usize) -> Result<Self, Malformed> {
        let length = self.size()?;
        self.align(align)?;
        let end = self.at + length;
        let bytes = self.bytes.get(..end).ok_or(Malformed("an array is cut"))?;
        let elements = Self { bytes, ..*self };
        self.at = end;
        Ok(elements)
    }
}

/// A path that may stand in a call.
pub(super) fn is_object_path(path: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let parts = path.strip_prefix('/');
    path.len() <= 1024
        && parts.is_some_and(|parts| {
            parts.split('/').all(|part| !part.is_empty() && part.bytes().all(fits))
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GET: Call<'static> = Call {
        destination: Some("org.freedesktop.systemd1"),
        path: "/org/freedesktop/systemd1",
        interface: "org.freedesktop.DBus.Properties",
        member: "Get",
        arguments: &["org.freedesktop.systemd1.Manager", "Version"],
    };

    /// A reply to call 7 with the body `v` of a string, in both byte orders.
    fn reply(big: bool) -> Vec<u8> {
        let order = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let mut out = vec![if big { b'B' } else { b'l' }, METHOD_RETURN, 1, 1];
        let body = [&[1, b's', 0, 0][..], &order(3), b"252\0"].concat();
        out.extend(order(u32::try_from(body.len()).unwrap()));
        out.extend(order(1));
        out.extend(order(15));
        out.extend([FIELD_REPLY_SERIAL, 1, b'u', 0]);
        out.extend(order(7));
        out.extend([FIELD_SIGNATURE, 1, b'g', 0, 1, b'v', 0, 0]);
        out.extend(body);
        out
    }

    #[test]
    fn a_call_is_laid_out_as_the_specification_says() {
        let bytes = GET.message(0x0102_0304);
        assert_eq!(message_bytes(&bytes), Ok(Some(bytes.len())));
        assert_eq!(&bytes[..4], &[b'l', 1, 2, 1]);
        assert_eq!(&bytes[8..12], &[4, 3, 2, 1]);
        assert_eq!(&bytes[16..24], &[1, 1, b'o', 0, 25, 0, 0, 0]);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.reply_to, message.signature), (None, "ss"));
        let mut body = message.body;
        assert_eq!(body.string(), Ok("org.freedesktop.systemd1.Manager"));
        assert_eq!((body.string(), body.is_at_end()), (Ok("Version"), true));
    }

    #[test]
    fn a_reply_is_read_in_both_byte_orders() {
        for big in [false, true] {
            let bytes = reply(big);
            assert_eq!(message_bytes(&bytes), Ok(Some(bytes.len())));
            let message = Message::parse(&bytes).unwrap();
            assert_eq!((message.reply_to, message.error, message.signature), (Some(7), None, "v"));
            let mut body = message.body;
            assert_eq!((body.signature(), body.string()), (Ok("s"), Ok("252")));
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let mut long = reply(false);
        long[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(message_bytes(&long).is_err());
        // Each length is fine, and both together are not.
        let most = u32::try_from(MAX_MESSAGE_BYTES).unwrap().to_le_bytes();
        long[4..8].copy_from_slice(&most);
        long[12..16].copy_from_slice(&most);
        assert_eq!(message_bytes(&long), Err(Malformed("a message is too long")));
        let mut fields = reply(false);
        fields[12..16].copy_from_slice(&200_u32.to_le_bytes());
        assert!(Message::parse(&fields).is_err());
        assert!(message_bytes(b"x\x01\x00\x01000000000000").is_err());
        assert_eq!(message_bytes(b"l\x01"), Ok(None));
    }

    #[test]
    fn only_paths_are_paths() {
        assert!(is_object_path("/org/freedesktop/systemd1/unit/ssh_2eservice"));
        for bad in ["", "/", "a", "/a/", "//a", "/a b", "/ä"] {
            assert!(!is_object_path(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(
            big in any::<bool>(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = reply(big);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(cut.index(bytes.len() + 1));
            let _ = message_bytes(&bytes);
            if let Ok(message) = Message::parse(&bytes) {
                let mut body = message.body;
                while !body.is_at_end() && body.string().is_ok() {}
            }
        }

        #[test]
        fn random_bytes_never_panic(rest in proptest::collection::vec(any::<u8>(), 0..200)) {
            let bytes = [&[b'l', 2, 0, 1][..], &rest].concat();
            let _ = message_bytes(&bytes);
            let _ = Message::parse(&bytes).map(|message| {
                let mut body = message.body;
                body.array(8).map(|mut units| units.u64())
            });
        }
    }
}
