use std::time::Duration;

use watchfire_model::ServerName;

use super::{
    AllowedSigners, CommandRefusal, Envelope, MAX_ENVELOPE_BYTES, MAX_SIGNATURES, PublicKey,
    Signature, SignatureError, SignedCommand,
};

/// How far the clock of who signs may be ahead of the server's.
pub const CLOCK_SLACK: Duration = Duration::from_secs(30);

/// A command that this server was told by people it knows.
///
/// Its id must still be looked up among those that were run, and kept until
/// `not_after_unix_s`: that is for the caller, who has a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The command.
    pub envelope: Envelope,
    /// Who signed it: one name for each key.
    pub principals: Vec<String>,
}

/// Verifies that a command was signed by enough people this server knows, is for this server,
/// and may be begun now.
///
/// A signature that is wrong refuses the whole. One of a key that is not known here does not:
/// another of the targets may know it.
///
/// # Errors
/// [`CommandRefusal`] says why not, for a person.
pub fn verify_command(
    signed: &SignedCommand,
    allowed: &AllowedSigners,
    me: &ServerName,
    needed_signatures: u8,
    longest_life: Duration,
    now_unix_s: i64,
) -> Result<Verified, CommandRefusal> {
    if signed.envelope.len() > MAX_ENVELOPE_BYTES {
        return Err(super::EnvelopeError::TooLong.into());
    }
    // Nothing of it is read before it is known to come from somebody known.
    let principals = signers(signed, allowed, needed_signatures, now_unix_s)?;
    let envelope = Envelope::from_bytes(&signed.envelope)?;
    if !envelope.targets.has(me, &signed.proof) {
        return Err(CommandRefusal::NotForThisServer);
    }
    check_times(&envelope, longest_life, now_unix_s)?;
    Ok(Verified { envelope, principals })
}

/// Someone who signed: the key, and every name that it has here.
struct Signer<'a> {
    key: PublicKey,
    names: Vec<&'a str>,
}

fn signers(
    signed: &SignedCommand,
    allowed: &AllowedSigners,
    needed: u8,
    now_unix_s: i64,
) -> Result<Vec<String>, CommandRefusal> {
    if signed.signatures.is_empty() {
        return Err(CommandRefusal::NotSigned);
    }
    if signed.signatures.len() > MAX_SIGNATURES {
        return Err(CommandRefusal::TooManySignatures);
    }
    let (mut people, mut first_refusal) = (Vec::<Signer<'_>>::new(), None);
    for (place, text) in signed.signatures.iter().enumerate() {
        let wrong = |why| CommandRefusal::Signature { number: place + 1, why };
        let signature = Signature::from_armor(text).map_err(wrong)?;
        match whose(&signature, &signed.envelope, allowed, now_unix_s) {
            Ok(names) => {
                let key = signature.key().clone();
                if !people.iter().any(|known| known.is_same_person(&key, &names)) {
                    people.push(Signer { key, names });
                }
            }
            Err(Whose::Wrong(why)) => return Err(wrong(why)),
            Err(Whose::NotHere(refusal)) => first_refusal = first_refusal.or(Some(refusal)),
        }
    }
    // A server that wants no signature does not ask here.
    let got = people.len();
    if got >= usize::from(needed.max(1)) {
        return Ok(people.iter().map(|signer| signer.names[0].to_owned()).collect());
    }
    Err(first_refusal.unwrap_or(CommandRefusal::TooFewSigners { needed, got }))
}

enum Whose {
    Wrong(SignatureError),
    NotHere(CommandRefusal),
}

fn whose<'a>(
    signature: &Signature,
    envelope: &[u8],
    allowed: &'a AllowedSigners,
    now_unix_s: i64,
) -> Result<Vec<&'a str>, Whose> {
    signature.verify(envelope).map_err(Whose::Wrong)?;
    allowed.whose(signature.key(), now_unix_s).map_err(|held| {
        Whose::NotHere(match held {
            None => CommandRefusal::UnknownKey { key: signature.key().to_string() },
            Some((name, why)) => CommandRefusal::KeyNotAllowed { principal: name.to_owned(), why },
        })
    })
}

impl Signer<'_> {
    /// One key with two names is one person, and so is one name with two keys.
    fn is_same_person(&self, key: &PublicKey, names: &[&str]) -> bool {
        self.key == *key || self.names.iter().any(|name| names.contains(name))
    }
}

fn check_times(
    envelope: &Envelope,
    longest_life: Duration,
    now_unix_s: i64,
) -> Result<(), CommandRefusal> {
    let slack_s = CLOCK_SLACK.as_secs().cast_signed();
    if envelope.not_after_unix_s <= now_unix_s {
        return Err(CommandRefusal::Expired);
    }
    if envelope.signed_unix_s > now_unix_s.saturating_add(slack_s) {
        return Err(CommandRefusal::NotYetValid);
    }
    let life_s = envelope.not_after_unix_s.saturating_sub(envelope.signed_unix_s);
    let longest_s = longest_life.as_secs();
    if u64::try_from(life_s).is_ok_and(|life| life <= longest_s) {
        Ok(())
    } else {
        Err(CommandRefusal::LivesTooLong { life_s, longest_s })
    }
}
