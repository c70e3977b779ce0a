use super::{EnvelopeError, SignatureError};

/// Why a server does not take a command. Each is said to a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandRefusal {
    /// What was signed is no command.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Nobody signed it.
    #[error("the command is not signed")]
    NotSigned,
    /// It carries more signatures than a server looks at.
    #[error("the command carries too many signatures")]
    TooManySignatures,
    /// One of the signatures is not one of this command.
    #[error("signature {number}: {why}")]
    Signature {
        /// Which one, from 1 on.
        number: usize,
        /// What is wrong with it.
        why: SignatureError,
    },
    /// The key is in no line of the file of allowed signers.
    #[error("signature of nobody known here: {key} is not among the allowed signers")]
    UnknownKey {
        /// Its kind and fingerprint.
        key: String,
    },
    /// The key is there, but not for commands, or not now.
    #[error("{principal} may not sign commands here: {why}")]
    KeyNotAllowed {
        /// Whose key it is.
        principal: String,
        /// What keeps it.
        why: KeyHeld,
    },
    /// Fewer people signed than the server wants.
    #[error("this server wants the signatures of {needed} different people, and has {got}")]
    TooFewSigners {
        /// How many it wants.
        needed: u8,
        /// How many it has.
        got: usize,
    },
    /// It is for other servers.
    #[error("the command is not for this server")]
    NotForThisServer,
    /// Its time is over.
    #[error("the command has expired")]
    Expired,
    /// It was signed later than it is here.
    #[error("the command was signed in the future: see whether the clocks are right")]
    NotYetValid,
    /// It could be begun for longer than the server lets.
    #[error("the command may be begun for {life_s} s, and this server lets at most {longest_s} s")]
    LivesTooLong {
        /// For how long.
        life_s: i64,
        /// For how long at most.
        longest_s: u64,
    },
}

/// What keeps a key that is known from signing commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyHeld {
    /// Its line names other namespaces.
    #[error("the key is for other namespaces than commands")]
    Namespace,
    /// It is not valid yet.
    #[error("the key is not valid yet")]
    NotYet,
    /// It is not valid any more.
    #[error("the key is not valid any more")]
    Expired,
}
