//! How an agent and a hub meet for the first time: `POST /enrol` at the hub,
//! `POST /adopt` at the agent. Both go over TLS that is pinned by the code that
//! was copied, and both have bodies of at most [`MAX_BODY_BYTES`].
//!
//! `Debug` shows no secret.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The largest body of a request or an answer, in bytes.
pub const MAX_BODY_BYTES: usize = 16 << 10;

/// Where an agent sends its [`EnrolRequest`].
pub const ENROL_PATH: &str = "/enrol";

/// Where a hub sends its [`AdoptRequest`]s.
pub const ADOPT_PATH: &str = "/adopt";

/// `POST /enrol`: an agent that was given a token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// The secret of the enrolment token.
    pub secret: String,
    /// What the server is to be called; the token's own name goes before it.
    pub name: String,
    /// The server's labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// A request for a certificate, PKCS#10 in PEM.
    pub csr: String,
    /// The agent's version.
    pub version: String,
}

/// The answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolReply {
    /// The agent's certificate, in PEM.
    pub certificate: String,
    /// The certificate of the hub's authority, in PEM.
    pub ca: String,
    /// The agent's id, 40 hexadecimal digits.
    pub id: String,
    /// What the server is called from now on.
    pub name: String,
}

/// `POST /adopt`: a hub that was given an invitation. It comes twice: first the
/// secret alone, which is answered by an [`AdoptReply`]; then with all that the
/// agent is to keep, which is answered by an empty object.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdoptRequest {
    /// The secret of the invitation code.
    pub secret: String,
    /// The agent's new certificate, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The certificate of the hub's authority, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The fingerprint of the hub's authority, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub_id: Option<String>,
    /// What the hub calls the server, where it is not what the agent said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The answer to the first [`AdoptRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptReply {
    /// A request for a certificate, PKCS#10 in PEM.
    pub csr: String,
    /// What the server calls itself.
    pub name: String,
    /// The server's labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl fmt::Debug for EnrolRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolRequest").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for AdoptRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdoptRequest").field("hub_id", &self.hub_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_of_an_adoption_is_the_secret_alone() {
        let step = AdoptRequest {
            secret: "s".to_owned(),
            certificate: None,
            ca: None,
            hub_id: None,
            name: None,
        };
        assert_eq!(serde_json::to_string(&step).expect("JSON"), r#"{"secret":"s"}"#);
        assert!(!format!("{step:?}").contains("\"s\""));
        let more = r#"{"secret":"s","certificate":"c","ca":"a","hub_id":"h"}"#;
        let read: AdoptRequest = serde_json::from_str(more).expect("is read");
        assert_eq!(read.certificate.as_deref(), Some("c"));
        assert!(serde_json::from_str::<AdoptRequest>(r#"{"secret":"s","x":1}"#).is_err());
    }

    #[test]
    fn a_request_to_enrol_shows_no_secret_and_takes_no_other_field() {
        let text =
            r#"{"secret":"hush","name":"web-1","labels":{"role":"web"},"csr":"c","version":"1"}"#;
        let read: EnrolRequest = serde_json::from_str(text).expect("is read");
        assert_eq!(serde_json::to_string(&read).expect("JSON"), text);
        assert!(!format!("{read:?}").contains("hush"));
        assert!(serde_json::from_str::<EnrolRequest>(&text.replace("csr", "cst")).is_err());
    }
}
