//! Identities and agents for tests.

use std::sync::Arc;
use std::time::Duration;

use watchfire_collect::Root;
use watchfire_identity::certificate::{Authority, MachineKey};
use watchfire_model::{Labels, Moment};
use watchfire_runtime::tls::{Credentials, TlsClient};
use watchfire_runtime::{Clock, ManualClock, Secret, Shutdown, ShutdownHandle};

use super::feed::{Author, Entry, Feed, Place};
use super::goodbye::Goodbye;
use super::{About, Parts, Uplink};
use crate::boot::Boot;
use crate::config::CollectConfig;
use crate::identity::Enrolment;
use crate::recorder::Kind;
use crate::sampler::{Keeper, Samplers};

/// What an agent with this key has after it was enrolled.
pub(crate) fn agent_credentials(
    authority: &Authority,
    key: &MachineKey,
    now: Moment,
) -> Credentials {
    let issued = authority.issue_agent(&key.signing_request(), now).expect("it is issued");
    credentials(authority, key, issued.certificate_pem)
}

/// What the hub has.
pub(crate) fn hub_credentials(authority: &Authority, now: Moment) -> Credentials {
    let key = MachineKey::generate();
    let issued = authority.issue_hub(&key, &[], now).expect("it is issued");
    credentials(authority, &key, issued.certificate_pem)
}

/// An agent that was enrolled at the hub.
pub(crate) fn enrolled(authority: &Authority, hub: &str, now: Moment) -> Enrolment {
    let key = MachineKey::generate();
    let credentials = agent_credentials(authority, &key, now);
    Enrolment {
        id: key.id(),
        hub: Some(hub.to_owned()),
        name: "web-1".to_owned(),
        hub_id: authority.fingerprint().to_string(),
        client: TlsClient::new(&credentials).expect("they fit"),
        credentials,
        not_after_ms: now.unix_ms + 90 * 86_400_000,
    }
}

fn credentials(authority: &Authority, key: &MachineKey, certificate_pem: String) -> Credentials {
    let key_pem = Secret::new(key.pem().as_str());
    Credentials { certificate_pem, key_pem, ca_pem: authority.certificate_pem().to_owned() }
}

/// An agent whose time is held by hand, without samplers and recorder.
pub(crate) struct Agent {
    pub(crate) up: Arc<Uplink>,
    pub(crate) feed: Feed,
    pub(crate) hand: ManualClock,
    pub(crate) end: ShutdownHandle,
    /// Holds the ends that samples would come from.
    _samplers: Samplers,
    _folder: tempfile::TempDir,
}

pub(crate) fn agent() -> Agent {
    agent_at(Moment { monotonic: Duration::from_secs(1000), unix_ms: 1_800_000_000_000 })
}

pub(crate) fn agent_at(now: Moment) -> Agent {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Root::recorded(folder.path());
    let (clock, hand) = Clock::manual(now);
    let (shutdown, end) = Shutdown::new();
    let boot = Boot::read(folder.path(), &root);
    let (feed, keeper) = (Feed::default(), Keeper::default());
    let config = CollectConfig::default();
    let (samplers, samples) =
        Samplers::new(clock.clone(), root.clone(), config, keeper, boot.clone());
    let up = Uplink::new(Parts {
        clock,
        net: watchfire_runtime::net::Net::system(),
        shutdown,
        counters: Arc::default(),
        samples,
        about: About {
            server: "web-1".to_owned(),
            boot_id: "boot".to_owned(),
            agent_id: "id".to_owned(),
            labels: Labels::new(),
        },
        feed: feed.clone(),
        record_folder: folder.path().join("record"),
        boot,
        goodbye: Goodbye::new(folder.path(), &root),
        identity: None,
        fallback: None,
        runner: None,
    });
    Agent { up, feed, hand, end, _samplers: samplers, _folder: folder }
}

impl Agent {
    /// A tick of now that says nothing; whether it began a chain.
    pub(crate) fn tick(&self) -> bool {
        self.put(Kind::Tick, b"tick")
    }

    pub(crate) fn put(&self, kind: Kind, bytes: &[u8]) -> bool {
        let (at, author) = (self.up.clock.now(), Author(0));
        let starts_chain = self.feed.wants_start(Place::Run, author, kind, at);
        self.feed.put_unrecorded(author, Entry { kind, at, starts_chain, bytes });
        starts_chain
    }
}
