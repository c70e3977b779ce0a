use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::Randomness;
use crate::certificate::Fingerprint;

/// 128 bits, which nobody guesses, whatever the pace.
const SECRET_BYTES: usize = 16;
const CHECK_BYTES: usize = 4;
const BYTES: usize = 32 + SECRET_BYTES + CHECK_BYTES;
/// Six bits a letter, without padding.
const LETTERS: usize = (BYTES * 8).div_ceil(6);

/// The longest text that is looked at for what it might be, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// Why a text is no code. None of them holds a piece of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// It does not begin as it must.
    #[error("{what} begins with {prefix}: make one with `{command}`")]
    Begin {
        /// What it should have been.
        what: &'static str,
        /// How that begins.
        prefix: &'static str,
        /// What makes one.
        command: &'static str,
    },
    /// It is the other one of the two.
    #[error("this is {is}, and {what} is needed: make one with `{command}`")]
    OtherKind {
        /// What it is.
        is: &'static str,
        /// What it should have been.
        what: &'static str,
        /// What makes one.
        command: &'static str,
    },
    /// Its length is wrong.
    #[error(
        "{what} has {letters} letters after its beginning, and this has {found}: copy the whole line"
    )]
    Length {
        /// What it should have been.
        what: &'static str,
        /// How many letters that has.
        letters: usize,
        /// How many there are.
        found: usize,
    },
    /// A letter was changed.
    #[error("a letter of {what} was changed on the way: copy the whole line once more")]
    Changed {
        /// What it should have been.
        what: &'static str,
    },
}

/// One of the two sorts of code.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) what: &'static str,
    pub(super) prefix: &'static str,
    pub(super) command: &'static str,
}

/// An enrolment token.
pub(super) const TOKEN: Kind =
    Kind { what: "an enrolment token", prefix: "wft1_", command: "watchfire hub token" };
/// An invitation code.
pub(super) const INVITE: Kind =
    Kind { what: "an invitation code", prefix: "wfi1_", command: "watchfire invite" };

/// What both sorts hold.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) pin: Fingerprint,
    /// Already as text, in which form it is sent.
    pub(super) secret: Zeroizing<String>,
}

impl Code {
    pub(super) fn new(pin: Fingerprint, randomness: &mut impl Randomness) -> Self {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        randomness.fill(secret.as_mut());
        Self { pin, secret: Zeroizing::new(URL_SAFE_NO_PAD.encode(*secret)) }
    }

    /// The whole line.
    pub(super) fn text(&self, kind: &Kind) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES));
        bytes.extend_from_slice(self.pin.as_bytes());
        let secret = URL_SAFE_NO_PAD.decode(self.secret.as_bytes()).map(Zeroizing::new);
        bytes.extend_from_slice(&secret.expect("this text was made by the same engine"));
        let check = check(kind, &bytes);
        bytes.extend_from_slice(&check);
        Zeroizing::new(format!(
            "{}{}",
            kind.prefix,
            &*Zeroizing::new(URL_SAFE_NO_PAD.encode(&*bytes))
        ))
    }

    /// Reads a line. Space around it is what copying leaves, and no mistake.
    pub(super) fn read(kind: &Kind, text: &str) -> Result<Self, CodeError> {
        let Kind { what, prefix, command } = *kind;
        let text = text.trim();
        let Some(letters) = text.strip_prefix(prefix) else {
            let other = [&TOKEN, &INVITE].into_iter().find(|kind| text.starts_with(kind.prefix));
            return Err(match other {
                Some(other) => CodeError::OtherKind { is: other.what, what, command },
                None => CodeError::Begin { what, prefix, command },
            });
        };
        let found = letters.chars().take(MAX_TEXT_BYTES).count();
        if found != LETTERS {
            return Err(CodeError::Length { what, letters: LETTERS, found });
        }
        let bytes = URL_SAFE_NO_PAD.decode(letters).map_err(|_| CodeError::Changed { what })?;
        Self::of_bytes(kind, &Zeroizing::new(bytes)).ok_or(CodeError::Changed { what })
    }

    fn of_bytes(kind: &Kind, bytes: &[u8]) -> Option<Self> {
        let (content, found) = bytes.split_last_chunk::<CHECK_BYTES>()?;
        if *found != check(kind, content) {
            return None;
        }
        let (pin, secret) = content.split_first_chunk::<32>()?;
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(secret));
        Some(Self { pin: Fingerprint::from_bytes(*pin), secret })
    }
}

/// What stands for a secret where it is only to be known again. The word
/// before it keeps this hash apart from every other that we make.
pub(super) fn digest(kind: &Kind, secret: &str) -> [u8; 32] {
    let hash = Sha256::new().chain_update(kind.prefix).chain_update("secret\0");
    hash.chain_update(secret).finalize().into()
}

fn check(kind: &Kind, content: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = Sha256::new().chain_update(kind.prefix).chain_update("check\0");
    let hash: [u8; 32] = hash.chain_update(content).finalize().into();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&hash[..CHECK_BYTES]);
    check
}
