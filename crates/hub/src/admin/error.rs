use std::path::PathBuf;

use watchfire_identity::certificate::CertificateError;
use watchfire_model::ServerNameError;
use watchfire_store::StoreError;

use crate::adopt::AdoptError;
use crate::enrolment::LabelsError;
use crate::identity::IdentityError;

/// Why an operator's command on the hub's data failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// No hub was started there.
    #[error(
        "there is no hub's data in {}\n  hint: start the hub once, or name its folder with --data \
         or its config with --config", data.display()
    )]
    NoHub {
        /// The folder.
        data: PathBuf,
    },
    /// The database cannot be used, or refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The hub's keys cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The name is none.
    #[error(transparent)]
    Name(#[from] ServerNameError),
    /// The labels cannot be taken.
    #[error("{0}")]
    Labels(String),
    /// A token cannot be good for that long.
    #[error("a token is good for at most 7 days\n  hint: 15m is the default")]
    Valid,
    /// No agent of that name enrolled.
    #[error(
        "no server {name:?} has enrolled\n  hint: `watchfire server list` shows them; a server \
         of hub.toml is changed there"
    )]
    NoServer {
        /// What was looked for.
        name: String,
    },
    /// The agent could not be taken in.
    #[error(transparent)]
    Adopt(#[from] AdoptError),
    /// The agent's request for a certificate is wrong.
    #[error("the agent's request is refused")]
    Request(#[from] CertificateError),
    /// The agent asked for a certificate of another key than it invited with.
    #[error(
        "the agent asks for a certificate of another key than the code is of; nothing was done"
    )]
    OtherKey,
    /// The agent was given its certificate, and could not be stored.
    #[error(
        "the agent took its certificate, but the hub cannot store it: {0}\n  hint: mend that, and \
         run `watchfire invite` and `watchfire adopt` once more"
    )]
    AfterAdoption(StoreError),
}

impl From<LabelsError> for AdminError {
    fn from(error: LabelsError) -> Self {
        Self::Labels(error.to_string())
    }
}
