//! Second factors: `/api/totp` and `/api/step-up`.

use serde::{Deserialize, Serialize};

/// `GET /api/totp`: how it stands with the asker's own authenticator app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotpStanding {
    /// Whether a login wants a code of it.
    pub on: bool,
    /// Since when.
    pub since_unix_ms: Option<i64>,
    /// How many recovery codes are left.
    pub recovery_codes_left: usize,
}

/// `POST /api/totp`: the password of who turns it on, and so of who asks.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordWish {
    /// The password.
    pub password: String,
}

/// The answer: what is to be put into the app. It holds when a code of it is confirmed.
#[derive(Clone, Serialize, Deserialize)]
pub struct TotpSecretReply {
    /// The secret, as one types it.
    pub secret: String,
    /// The same as a URL, for a picture.
    pub url: String,
}

/// `POST /api/totp/confirm` and `POST /api/totp/off`: a code that the app shows, or to turn it off
/// a recovery code.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeWish {
    /// The code.
    pub code: String,
}

/// The answer to `POST /api/totp/confirm`: codes that open once each, for who has lost the app.
#[derive(Clone, Serialize, Deserialize)]
pub struct RecoveryCodes {
    /// They are shown this once.
    pub recovery_codes: Vec<String>,
}

/// `POST /api/step-up`: proves anew who asks, for what is more than usual. Who has an authenticator
/// app shows a code of it, and who has none the password.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepUp {
    /// The code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}
