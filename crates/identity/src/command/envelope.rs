use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::wire::hex_bytes;
use super::{CommandId, TargetRoot};

/// The longest envelope, in bytes.
pub const MAX_ENVELOPE_BYTES: usize = 256 * 1024;
/// The most that program and arguments may have in all, each with the NUL that ends it.
pub const MAX_ARGV_BYTES: usize = 128 * 1024;
/// The longest text that says why.
pub const MAX_PURPOSE_BYTES: usize = 1024;
/// The most arguments, the program among them.
const MAX_ARGV: usize = 4096;
const MAX_PARAMS: usize = 64;
const MAX_NAME_BYTES: usize = 64;
const MAX_FOLDER_BYTES: usize = 4095;
/// The longest that a command may ask to run: a week. The policy of the server says less.
const MAX_TIMEOUT_S: u32 = 7 * 86_400;
/// The most output that a command may ask for. The policy of the server says less.
const MAX_OUTPUT_BYTES: u64 = 1 << 30;

/// What an operator signs: one command, for whom, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Its name, which no server runs twice.
    pub id: CommandId,
    /// What is to be run.
    pub what: What,
    /// The user to run it as; the one of the policy when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The folder to run it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The SHA-256 of what it reads. Without one it reads nothing.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "hex_bytes::option")]
    pub stdin_sha256: Option<[u8; 32]>,
    /// After how many seconds it is ended.
    pub timeout_s: u32,
    /// After how many bytes of output it is ended.
    pub output_bytes: u64,
    /// When it was signed, in seconds since 1970.
    pub signed_unix_s: i64,
    /// From when on no server begins it, in seconds since 1970.
    pub not_after_unix_s: i64,
    /// Why, in the operator's words. It stands in the audit.
    pub purpose: String,
    /// On which servers.
    pub targets: TargetRoot,
}

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum What {
    /// A program and its arguments. No shell reads them.
    Argv(Vec<String>),
    /// A command of the server's policy, by its name.
    Runbook {
        /// The name.
        name: String,
        /// The values of its parameters.
        params: BTreeMap<String, String>,
    },
}

/// Why bytes are no envelope, or an envelope has no bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// It is longer than one may be.
    #[error("the command is longer than {MAX_ENVELOPE_BYTES} bytes")]
    TooLong,
    /// It is not the JSON of one.
    #[error("this is no command: {0}")]
    Json(String),
    /// It says what an envelope says, in another form than the one that is signed.
    #[error("this is no command: it is not written in the one form that is signed")]
    OtherForm,
    /// A field says what it may not say.
    #[error("{0}")]
    Field(&'static str),
}

impl Envelope {
    /// The text that is signed.
    ///
    /// # Errors
    /// [`EnvelopeError`] when no server would read it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EnvelopeError> {
        self.check()?;
        self.text()
    }

    /// Reads what [`Envelope::to_bytes`] wrote, and nothing else: two texts never mean one
    /// command.
    ///
    /// # Errors
    /// [`EnvelopeError`] says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > MAX_ENVELOPE_BYTES {
            return Err(EnvelopeError::TooLong);
        }
        let read: Self = serde_json::from_slice(bytes)
            .map_err(|error| EnvelopeError::Json(error.to_string()))?;
        read.check()?;
        if read.text()? != bytes {
            return Err(EnvelopeError::OtherForm);
        }
        Ok(read)
    }

    fn text(&self) -> Result<Vec<u8>, EnvelopeError> {
        let text =
            serde_json::to_vec(self).map_err(|error| EnvelopeError::Json(error.to_string()))?;
        if text.len() > MAX_ENVELOPE_BYTES { Err(EnvelopeError::TooLong) } else { Ok(text) }
    }

    fn check(&self) -> Result<(), EnvelopeError> {
        self.what.check()?;
        let user = self.user.as_deref().is_none_or(is_user);
        let folder = self.folder.as_deref().is_none_or(is_folder);
        let life = self.not_after_unix_s.checked_sub(self.signed_unix_s);
        for (holds, word) in [
            (user, "the user of a command is a name of letters, digits, '.', '-' and '_'"),
            (folder, "the folder of a command is an absolute path of at most 4095 bytes"),
            (
                (1..=MAX_TIMEOUT_S).contains(&self.timeout_s),
                "the timeout of a command is 1 s to a week",
            ),
            (
                (1..=MAX_OUTPUT_BYTES).contains(&self.output_bytes),
                "the output of a command is 1 byte to 1 GiB",
            ),
            (self.signed_unix_s >= 0, "a command was not signed before 1970"),
            (life.is_some_and(|life| life > 0), "a command expires after it was signed"),
            (is_purpose(&self.purpose), "the purpose of a command is one line of at most 1 KiB"),
            (self.targets.holds(), "a command is for 1 to 10,000 servers"),
        ] {
            if !holds {
                return Err(EnvelopeError::Field(word));
            }
        }
        Ok(())
    }
}

impl What {
    fn check(&self) -> Result<(), EnvelopeError> {
        let (holds, word) = match self {
            Self::Argv(argv) => (
                is_argv(argv),
                "a command is a program and its arguments, at most 4096 and 128 KiB, without NUL",
            ),
            Self::Runbook { name, params } => (
                is_name(name) && is_params(params),
                "a runbook has a name of at most 64 letters, digits, '.', '-' and '_', and at most \
                 64 parameters with such names and 128 KiB, without NUL",
            ),
        };
        if holds { Ok(()) } else { Err(EnvelopeError::Field(word)) }
    }
}

fn is_argv(argv: &[String]) -> bool {
    let bytes: usize = argv.iter().map(|word| word.len() + 1).sum();
    argv.first().is_some_and(|program| !program.is_empty())
        && argv.len() <= MAX_ARGV
        && bytes <= MAX_ARGV_BYTES
        && !argv.iter().any(|word| word.contains('\0'))
}

fn is_params(params: &BTreeMap<String, String>) -> bool {
    let bytes: usize = params.values().map(|value| value.len() + 1).sum();
    params.len() <= MAX_PARAMS
        && bytes <= MAX_ARGV_BYTES
        && params.iter().all(|(name, value)| is_name(name) && !value.contains('\0'))
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(fits)
}

fn is_user(user: &str) -> bool {
    is_name(user) && !user.starts_with('-')
}

fn is_folder(folder: &str) -> bool {
    folder.starts_with('/') && folder.len() <= MAX_FOLDER_BYTES && !folder.contains('\0')
}

/// It is shown in lists and stands in lines of logs.
fn is_purpose(purpose: &str) -> bool {
    purpose.len() <= MAX_PURPOSE_BYTES && !purpose.contains(char::is_control)
}
