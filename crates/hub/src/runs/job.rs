//! What is to be run, as the hub hands it on.

use watchfire_api::runs::RunWhat;
use watchfire_identity::command::{Envelope, Targets, What};
use watchfire_model::ServerName;
use watchfire_wire::{OpenWork, RunbookWork, SignedWork, Work};

use super::NoRun;

/// How long a command runs at the most that does not say so itself, in seconds: a day. The
/// server's policy says less.
const LONGEST_S: u64 = 86_400;

/// What is to be run.
#[derive(Debug, Clone)]
pub(crate) enum Job {
    /// What an operator signed: the hub can make or change none of it.
    Signed {
        bytes: Vec<u8>,
        envelope: Box<Envelope>,
        signatures: Vec<String>,
    },
    Runbook(RunbookWork),
    Open(OpenWork),
}

impl Job {
    /// One that was signed.
    pub(crate) fn signed(bytes: Vec<u8>, signatures: Vec<String>) -> Result<Self, NoRun> {
        let wrong = |why: &dyn ToString| NoRun::Wrong(why.to_string());
        let envelope = Envelope::from_bytes(&bytes).map_err(|error| wrong(&error))?;
        let most = watchfire_wire::limits::MAX_SIGNATURES;
        if signatures.is_empty() || signatures.len() > most {
            return Err(wrong(&format!("a signed command has 1 to {most} signatures")));
        }
        Ok(Self::Signed { bytes, envelope: Box::new(envelope), signatures })
    }

    /// Refuses what every agent would refuse: it is kinder to say so at once. What an agent
    /// believes is not decided here.
    pub(super) fn check(&self, stdin: &[u8], now_unix_ms: i64) -> Result<(), NoRun> {
        let Self::Signed { envelope, .. } = self else { return Ok(()) };
        if envelope.not_after_unix_s < now_unix_ms.div_euclid(1000) {
            return Err(NoRun::Wrong("the command has expired: sign it anew".to_owned()));
        }
        // The agent compares what it reads with what was signed.
        let why = "the command was signed to read nothing";
        let fits = envelope.stdin_sha256.is_some() || stdin.is_empty();
        if fits { Ok(()) } else { Err(NoRun::Wrong(why.to_owned())) }
    }

    /// Until when a server may begin it, where it says so itself.
    pub(super) fn not_after_unix_ms(&self) -> Option<i64> {
        match self {
            Self::Signed { envelope, .. } => Some(envelope.not_after_unix_s.saturating_mul(1000)),
            _ => None,
        }
    }

    /// How long it may take, in seconds.
    pub(super) fn longest_s(&self) -> u64 {
        match self {
            Self::Signed { envelope, .. } => u64::from(envelope.timeout_s),
            Self::Open(open) if open.timeout_s > 0 => u64::from(open.timeout_s),
            _ => LONGEST_S,
        }
    }

    /// The id of the command, where it has one.
    pub(super) fn command_id(&self) -> Option<[u8; 16]> {
        match self {
            Self::Signed { envelope, .. } => Some(*envelope.id.as_bytes()),
            _ => None,
        }
    }

    /// The tree over the servers, which must be the ones that were signed.
    pub(super) fn targets(&self, servers: &[ServerName]) -> Result<Option<Targets>, NoRun> {
        let Self::Signed { envelope, .. } = self else { return Ok(None) };
        let targets = Targets::new(servers).map_err(|error| NoRun::Wrong(error.to_string()))?;
        if targets.root() != envelope.targets {
            let why = "the command was signed for other servers than these";
            return Err(NoRun::Wrong(why.to_owned()));
        }
        Ok(Some(targets))
    }

    /// What goes to one of the servers.
    pub(super) fn work(&self, targets: Option<&Targets>, server: &ServerName) -> Option<Work> {
        Some(match self {
            Self::Signed { bytes, signatures, .. } => {
                let proof = targets?.proof_of(server)?;
                Work::Signed(SignedWork {
                    envelope: bytes.clone(),
                    signatures: signatures.clone(),
                    index: proof.index,
                    hashes: proof.hashes,
                })
            }
            Self::Runbook(asked) => Work::Runbook(asked.clone()),
            Self::Open(open) => Work::Open(open.clone()),
        })
    }

    /// It, for a person.
    pub(super) fn what(&self) -> RunWhat {
        match self {
            Self::Signed { envelope, .. } => {
                let (argv, runbook, params) = match &envelope.what {
                    What::Argv(argv) => (argv.clone(), None, Default::default()),
                    What::Runbook { name, params } => {
                        (Vec::new(), Some(name.clone()), params.clone())
                    }
                };
                RunWhat {
                    kind: "signed".to_owned(),
                    argv,
                    runbook,
                    params,
                    run_as: envelope.user.clone(),
                    purpose: envelope.purpose.clone(),
                }
            }
            Self::Runbook(asked) => RunWhat {
                kind: "runbook".to_owned(),
                runbook: Some(asked.name.clone()),
                params: asked.params.clone(),
                ..RunWhat::default()
            },
            Self::Open(open) => RunWhat {
                kind: "open".to_owned(),
                argv: open.argv.clone(),
                run_as: (!open.user.is_empty()).then(|| open.user.clone()),
                ..RunWhat::default()
            },
        }
    }
}
