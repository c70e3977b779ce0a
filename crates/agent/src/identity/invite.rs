use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchfire_identity::SystemRandomness;
use watchfire_identity::certificate::Fingerprint;
use watchfire_identity::enrol::InviteCode;
use watchfire_model::Moment;

use super::folder::{Folder, Locked};
use crate::error::AgentError;

/// How long an invitation is open.
pub const INVITE_LIVES: Duration = Duration::from_secs(15 * 60);

/// An invitation that was just made.
#[derive(Debug)]
pub struct Invitation {
    /// What `watchfire adopt` is to be given at the hub.
    pub code: InviteCode,
    /// When it ends, in milliseconds since 1970.
    pub expires_unix_ms: i64,
    /// What the hub that the agent has already calls it; adopting replaces that hub.
    pub enrolled_as: Option<String>,
}

/// `invite.json`: what is needed to know the code again, and no more.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InviteFile {
    /// The digest of the secret, 64 hexadecimal digits.
    digest: Fingerprint64,
    expires_unix_ms: i64,
}

/// 32 bytes as hexadecimal digits.
#[derive(Debug)]
struct Fingerprint64(Fingerprint);

/// Opens the agent of the data folder `data` for one adoption. An invitation
/// that was open before ends. It blocks.
///
/// # Errors
/// [`AgentError`] when the folder cannot be used.
pub fn invite(data: &Path, now: Moment) -> Result<Invitation, AgentError> {
    let folder = Folder::open(data)?;
    let key = folder.key()?;
    let code = InviteCode::new(key.public_key_fingerprint(), &mut SystemRandomness);
    let expires_unix_ms = now.after(INVITE_LIVES).unix_ms;
    let digest = Fingerprint64(Fingerprint::from_bytes(code.digest()));
    let file = InviteFile { digest, expires_unix_ms };
    let json = serde_json::to_string_pretty(&file)
        .expect("digits and a number can be written as JSON whatever they are");
    folder.lock()?.keep_invite(&json)?;
    // A damaged enrolment is no reason against another one.
    let enrolled_as = folder.enrolled(&key).ok().flatten().map(|enrolled| enrolled.name);
    Ok(Invitation { code, expires_unix_ms, enrolled_as })
}

/// True when an invitation is open and this is its secret. One that is over is
/// removed, so that a clock that is set back does not open it again.
pub(super) fn opens(
    folder: &Folder,
    locked: &Locked<'_>,
    secret: &str,
    now: Moment,
) -> Result<bool, AgentError> {
    let Some(text) = folder.invite()? else { return Ok(false) };
    let file = serde_json::from_str::<InviteFile>(text.expose());
    let file = file.map_err(|error| AgentError::identity(folder.invite_path(), error))?;
    let lives = i64::try_from(INVITE_LIVES.as_millis()).unwrap_or(i64::MAX);
    let left = file.expires_unix_ms.saturating_sub(now.unix_ms);
    // More than its whole life is left only after the clock was set back.
    if left <= 0 || left > lives {
        locked.remove_invite()?;
        return Ok(false);
    }
    Ok(InviteCode::matches(file.digest.0.as_bytes(), secret))
}

impl Serialize for Fingerprint64 {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Fingerprint64 {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}
