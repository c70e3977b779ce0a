use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::retry_on_intr;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

use super::tcpstat::Sockets;

/// The kernel gives at most this much at a time.
const BUFFER_BYTES: usize = 32 * 1024;
/// The kernel answers while it is asked, so this long means never.
const MOST_WAIT: Duration = Duration::from_millis(200);
/// The most answers to one request: a million sockets and more.
const MOST_ANSWERS: usize = 16 * 1024;

// From the kernel's `include/uapi/linux/netlink.h` and `sock_diag.h`.
const HEADER_BYTES: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP: u16 = 0x300;
const SOCK_DIAG_BY_FAMILY: u16 = 20;

// From `include/uapi/linux/inet_diag.h`, `socket.h` and `in.h`.
const REQUEST_BYTES: usize = HEADER_BYTES + 56;
const IPPROTO_TCP: u8 = 6;
/// A bit for each state that is asked for, by the numbers of `tcp_states.h`.
const EVERY_STATE: u32 = u32::MAX;
const TIME_WAIT: u32 = 1 << 6;
const FAMILIES: [u8; 2] = [2, 10];
const STATE_AT: usize = 1;
const RECEIVED_AT: usize = 56;
const SENT_AT: usize = 60;

/// Asks the kernel for all TCP sockets of this network namespace: the way of
/// `ss`, in a buffer that is used again.
pub(super) struct SocketDump {
    buffer: Box<[u8]>,
}

/// How one answer ended.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    More,
    Done,
    Refused,
}

impl SocketDump {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; BUFFER_BYTES].into() }
    }

    /// The sum over the sockets of both versions, without those that only wait
    /// for late packets: a busy proxy has a hundred thousand of them.
    ///
    /// # Errors
    ///
    /// When the kernel cannot be asked so.
    pub(super) fn tcp(&mut self) -> io::Result<Sockets> {
        let kernel = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        )?;
        set_socket_timeout(&kernel, Timeout::Recv, Some(MOST_WAIT))?;
        let mut sockets = Sockets::default();
        for family in FAMILIES {
            send(&kernel, &request(family), SendFlags::empty())?;
            self.take(&kernel, &mut sockets)?;
        }
        Ok(sockets)
    }

    fn take(&mut self, kernel: &OwnedFd, sockets: &mut Sockets) -> io::Result<()> {
        for _ in 0..MOST_ANSWERS {
            let (_, length) =
                retry_on_intr(|| recv(kernel, &mut self.buffer[..], RecvFlags::TRUNC))?;
            // A longer answer than there is room for would be a wrong sum.
            let answer = self.buffer.get(..length).ok_or(io::ErrorKind::InvalidData)?;
            match read_answer(answer, |state, received, sent| sockets.add(state, received, sent)) {
                Answer::More => {}
                Answer::Done => return Ok(()),
                Answer::Refused => return Err(io::ErrorKind::Unsupported.into()),
            }
        }
        Err(io::ErrorKind::QuotaExceeded.into())
    }
}

impl std::fmt::Debug for SocketDump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SocketDump").finish_non_exhaustive()
    }
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2`: the TCP sockets of a family.
fn request(family: u8) -> [u8; REQUEST_BYTES] {
    let mut request = [0; REQUEST_BYTES];
    let length = u32::try_from(REQUEST_BYTES).unwrap_or(0);
    request[..4].copy_from_slice(&length.to_ne_bytes());
    request[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    request[HEADER_BYTES] = family;
    request[HEADER_BYTES + 1] = IPPROTO_TCP;
    let states = EVERY_STATE & !TIME_WAIT;
    request[HEADER_BYTES + 4..HEADER_BYTES + 8].copy_from_slice(&states.to_ne_bytes());
    request
}

/// Messages one after the other, each a header, a `struct inet_diag_msg` and
/// attributes, filled up to four bytes.
fn read_answer(mut answer: &[u8], mut socket: impl FnMut(u64, u64, u64)) -> Answer {
    while !answer.is_empty() {
        let Some((kind, content, rest)) = message(answer) else { return Answer::Refused };
        match kind {
            NLMSG_DONE => return Answer::Done,
            NLMSG_ERROR => return Answer::Refused,
            SOCK_DIAG_BY_FAMILY => {
                let (Some(&state), Some(received), Some(sent)) =
                    (content.get(STATE_AT), word(content, RECEIVED_AT), word(content, SENT_AT))
                else {
                    return Answer::Refused;
                };
                socket(u64::from(state), u64::from(received), u64::from(sent));
            }
            _ => {}
        }
        answer = rest;
    }
    Answer::More
}

/// The kind and content of the first message, and the bytes behind it.
fn message(answer: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::try_from(word(answer, 0)?).ok()?;
    let kind = u16::from_ne_bytes(*answer.get(4..)?.first_chunk()?);
    let content = answer.get(HEADER_BYTES..length)?;
    let rest = answer.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, content, rest))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(kind: u16, content: &[u8]) -> Vec<u8> {
        let mut message = vec![0; HEADER_BYTES];
        message[..4]
            .copy_from_slice(&u32::try_from(HEADER_BYTES + content.len()).unwrap().to_ne_bytes());
        message[4..6].copy_from_slice(&kind.to_ne_bytes());
        message.extend_from_slice(content);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    fn socket(state: u8, received: u32, sent: u32, attributes: usize) -> Vec<u8> {
        let mut content = vec![0; 72 + attributes];
        content[STATE_AT] = state;
        content[RECEIVED_AT..RECEIVED_AT + 4].copy_from_slice(&received.to_ne_bytes());
        content[SENT_AT..SENT_AT + 4].copy_from_slice(&sent.to_ne_bytes());
        packed(SOCK_DIAG_BY_FAMILY, &content)
    }

    fn read(answer: &[u8]) -> (Vec<(u64, u64, u64)>, Answer) {
        let mut sockets = Vec::new();
        let end = read_answer(answer, |state, received, sent| {
            sockets.push((state, received, sent));
        });
        (sockets, end)
    }

    #[test]
    fn messages_are_read_to_the_end() {
        let two = [socket(1, 5, 6, 0), socket(10, 7, 128, 5)].concat();
        let expected = vec![(1, 5, 6), (10, 7, 128)];
        assert_eq!(read(&two), (expected.clone(), Answer::More));
        let done = [two, packed(NLMSG_DONE, &[0; 4]), socket(1, 1, 1, 0)].concat();
        assert_eq!(read(&done), (expected, Answer::Done));
    }

    #[test]
    fn a_refusal_or_a_cut_answer_is_no_sum() {
        let minus_enoent = (-2_i32).to_ne_bytes();
        assert_eq!(read(&packed(NLMSG_ERROR, &minus_enoent)).1, Answer::Refused);
        let whole = socket(1, 5, 6, 0);
        for end in 1..whole.len() {
            assert_eq!(read(&whole[..end]), (vec![], Answer::Refused), "{end}");
        }
        assert_eq!(read(&packed(SOCK_DIAG_BY_FAMILY, &[0; 60])).1, Answer::Refused);
        // A message without a length would be read for ever.
        assert_eq!(read(&[0; 64]).1, Answer::Refused);
    }

    #[test]
    fn the_request_has_the_size_that_the_kernel_wants() {
        let request = request(10);
        assert_eq!(request[..4], 72_u32.to_ne_bytes());
        assert_eq!(request[16..18], [10, IPPROTO_TCP]);
        assert_eq!(request[20..24], 0xffff_ffbf_u32.to_ne_bytes(), "no TIME_WAIT");
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            read(&bytes);
        }
    }
}
