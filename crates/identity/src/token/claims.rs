use serde::{Deserialize, Serialize};

use crate::{Scope, constant_time_eq};

/// Whom a token is for. A token for one opens nothing at the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// An agent.
    Agent,
    /// The hub.
    Hub,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user who logged in.
    pub user: String,
    /// When the token ends, in seconds since 1970.
    pub exp: i64,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// The token's own random number.
    pub jti: String,
    /// What it opens: words of [`Scope`] with a space between.
    pub scope: String,
    /// Whom it is for: a word of [`Audience`].
    pub aud: String,
    /// Which password the user had: [`TokenKey::epoch`](super::TokenKey::epoch)
    /// of its hash.
    pub epoch: String,
    /// When it begins to hold, in seconds since 1970. We never set it, and
    /// honour it where it is set.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub nbf: Option<i64>,
}

impl Audience {
    /// The word used in the claim `aud`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Hub => "hub",
        }
    }
}

impl Claims {
    /// True when the token opens `scope`.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes().any(|held| held == scope)
    }

    /// True when the token was issued under the password that `epoch` stands
    /// for. Whoever takes a token has to ask, or it would outlive the password.
    #[must_use]
    pub fn is_of(&self, epoch: &str) -> bool {
        constant_time_eq(self.epoch.as_bytes(), epoch.as_bytes())
    }

    /// The scopes that the token opens; unknown words open nothing.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.scope.split(' ').filter_map(|word| word.parse().ok())
    }
}

/// Without this, `"nbf": null` would count as not there.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    i64::deserialize(from).map(Some)
}
