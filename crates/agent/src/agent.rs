use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use watchfire_collect::{Root, TickSampler};
use watchfire_identity::certificate::{AgentId, agent_name};
use watchfire_model::{HostFacts, Moment, StatusView};
use watchfire_runtime::http::HttpLimits;
use watchfire_runtime::net::{Listener, Net};
use watchfire_runtime::{Clock, Secret, Shutdown, memory, task};

use crate::boot::Boot;
use crate::config::AgentConfig;
use crate::counters::Counters;
use crate::data::Data;
use crate::error::AgentError;
use crate::fallback::{Desk, Messenger};
use crate::http::{App, HostNames, Parts};
use crate::identity::Identity;
use crate::recorder::RecorderError;
use crate::runner::Runner;
use crate::sampler::{Keeper, Recording, Samplers};
use crate::server::serve;
use crate::uplink::goodbye::Goodbye;
use crate::uplink::{self, About, Uplink};

/// The recorder's folder in the data folder.
pub(crate) const RECORD_FOLDER: &str = "record";

/// How often, and after which pauses, the folder of an agent that is ending is
/// tried again.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// An agent that has its address and its data, and does not answer yet.
#[derive(Debug)]
pub struct Agent {
    config: AgentConfig,
    clock: Clock,
    net: Net,
    listener: Listener,
    address: SocketAddr,
    data: Data,
    host: HostFacts,
    keeper: Keeper,
    recording: Recording,
    boot: Boot,
    identity: Arc<Identity>,
    counters: Arc<Counters>,
    messenger: Option<Arc<dyn Messenger>>,
    runner: Option<Runner>,
}

impl Agent {
    /// Opens the data folder, makes a first user where there is none, reads
    /// what the host is, and takes the address.
    ///
    /// # Errors
    /// [`AgentError`] says what to do.
    pub async fn bind(config: AgentConfig, clock: Clock) -> Result<Self, AgentError> {
        Self::bind_on(config, clock, Net::system()).await
    }

    /// The same on a network of its own: a simulation's.
    ///
    /// # Errors
    /// As [`Agent::bind`].
    pub async fn bind_on(config: AgentConfig, clock: Clock, net: Net) -> Result<Self, AgentError> {
        let (for_data, root, its_clock) = (config.clone(), config.root.clone(), clock.clone());
        let (data, identity, boot, host) = task::blocking("open the data folder", move || {
            let data = Data::open(&for_data)?;
            let identity = Identity::open(&for_data.data, for_data.hub, its_clock.clone())?;
            let boot = Boot::read(&for_data.data, &root);
            Ok::<_, AgentError>((data, identity, boot, host_facts(root, its_clock.now())))
        })
        .await??;
        let bind = |source| AgentError::Bind { address: config.listen, source };
        let listener = net.listen(config.listen).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let (keeper, recording) = keeper(&config, &host.boot_id, &clock).await?;
        Ok(Self {
            config,
            clock,
            net,
            listener,
            address,
            data,
            host,
            keeper,
            recording,
            boot,
            identity,
            counters: Arc::default(),
            messenger: None,
            runner: None,
        })
    }

    /// Where it listens; with the real port where the config says 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Who it is to a hub: the id of its key.
    #[must_use]
    pub fn id(&self) -> AgentId {
        self.identity.id()
    }

    /// The fingerprint of the authority of the hub that it belongs to, 64 hexadecimal
    /// digits; `None` while there is none.
    #[must_use]
    pub fn hub_id(&self) -> Option<String> {
        self.identity.enrolled().borrow().as_ref().map(|enrolled| enrolled.hub_id.clone())
    }

    /// Name and password of the user that was just made, because there was
    /// none. Only their hash is stored, so this is the one time to show them.
    #[must_use]
    pub fn first_password(&self) -> Option<(&str, &str)> {
        self.data.first.as_ref().map(|(user, password)| (user.as_str(), password.expose()))
    }

    /// How often it had to say no, to be read while it runs.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Calls `witness` with the sequence of each record that the hub acknowledged as
    /// durable, as it was sent live. Only the first witness is called, and it must not
    /// wait: for whoever checks that promise from outside.
    pub fn on_durable(&self, witness: impl Fn(u64) + Send + Sync + 'static) {
        self.keeper.feed().counters().durable.call(witness);
    }

    /// Lets this agent help to tell somebody when its hub is gone, by `messenger`.
    #[must_use]
    pub fn with_messenger(mut self, messenger: Arc<dyn Messenger>) -> Self {
        self.messenger = Some(messenger);
        self
    }

    /// Lets commands be run, by `runner` and as the policy of this server lets.
    #[must_use]
    pub fn with_runner(mut self, runner: Runner) -> Self {
        self.runner = Some(runner);
        self
    }

    /// Answers until the shutdown is asked for. Streams get a goodbye.
    ///
    /// # Errors
    /// [`AgentError`] when it cannot go on.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), AgentError> {
        let Self {
            config,
            clock,
            net,
            listener,
            address,
            data,
            host,
            keeper,
            recording,
            boot,
            identity,
            counters,
            messenger,
            runner,
        } = self;
        let fallback = open_fallback(messenger, &config.data, &identity).await?;
        let feed = keeper.feed().clone();
        let goodbye = Goodbye::new(&config.data, &config.root);
        goodbye.begin();
        let (samplers, samples) =
            Samplers::new(clock.clone(), config.root, config.collect, keeper, boot.clone());
        let listen = config.listen.ip().to_string();
        let own_name = agent_name(identity.id());
        let names = [host.hostname.as_str(), listen.as_str(), own_name.as_str()];
        let configured = config.name.as_ref().map(|name| name.as_str());
        let hosts = config.hosts.iter().map(String::as_str).chain(names).chain(configured);
        let about = About {
            server: configured.unwrap_or(&host.hostname).to_owned(),
            boot_id: host.boot_id.clone(),
            agent_id: data.agent_id,
            labels: config.labels,
        };
        let up = Uplink::new(uplink::Parts {
            clock: clock.clone(),
            net,
            shutdown: shutdown.clone(),
            counters: Arc::clone(&counters),
            samples: samples.clone(),
            about: about.clone(),
            feed,
            record_folder: config.data.join(RECORD_FOLDER),
            boot: boot.clone(),
            goodbye,
            identity: Some(Arc::clone(&identity)),
            fallback,
            runner: runner.clone(),
        });
        let app = App::new(Parts {
            clock: clock.clone(),
            counters: Arc::clone(&counters),
            samples,
            hosts: HostNames::new(hosts),
            about,
            identity: Arc::clone(&identity),
            uplink: Arc::clone(&up),
            key: data.key,
            users: data.users,
            token_lives: config.token_lives,
            metrics: config.metrics,
            runner,
        });
        // The shown password is wiped from memory now.
        drop(data.first as Option<(String, Secret)>);
        tell_reboot(&boot);
        let recording = recording.start(&clock);
        let samplers = samplers.start();
        let settle = task::spawn("settle memory", memory::settle(clock.clone()));
        tracing::info!(%address, "the agent listens");
        let follow = task::spawn("identity", identity.follow());
        let uplink = up.start(address);
        serve(listener, app, config.plain, shutdown, HttpLimits::default()).await;
        uplink.end(&clock).await;
        drop((samplers, settle, follow));
        recording.close(&boot, &clock).await;
        counters.log();
        Ok(())
    }
}

/// What was kept for the day without a hub, where somebody could be told.
async fn open_fallback(
    messenger: Option<Arc<dyn Messenger>>,
    data: &Path,
    identity: &Arc<Identity>,
) -> Result<Option<Arc<Desk>>, AgentError> {
    let Some(messenger) = messenger else { return Ok(None) };
    let (data, identity) = (data.to_owned(), Arc::clone(identity));
    let open = move || Desk::open(&data, identity.key_pem().expose(), identity.id(), messenger);
    Ok(Some(task::blocking("open the fallback", open).await?))
}

fn tell_reboot(boot: &Boot) {
    let (reason, panic) = (boot.reason.name(), boot.panic.as_deref());
    tracing::info!(reason, panic, "why the machine was started anew");
}

fn host_facts(root: Root, now: Moment) -> HostFacts {
    let mut sampler = TickSampler::new(root, &[], Box::new(Duration::default));
    sampler.sample(now);
    StatusView::new().read(sampler.schema(), sampler.tick()).host
}

/// The recorder's folder belongs to one agent at a time. One that is just
/// ending, as at a restart, is waited for.
async fn keeper(
    config: &AgentConfig,
    boot_id: &str,
    clock: &Clock,
) -> Result<(Keeper, Recording), AgentError> {
    let cap = config.record.enabled.then_some(config.record.cap_bytes);
    let mut tries = LOCK_TRIES;
    loop {
        let (data, boot_id) = (config.data.clone(), boot_id.to_owned());
        let now = clock.now();
        let open = move || Keeper::open(&data, cap, &boot_id, now);
        match task::blocking("open the recorder", open).await? {
            Err(RecorderError::Locked { .. }) if tries > 0 => tries -= 1,
            opened => return Ok(opened?),
        }
        clock.sleep(LOCK_PAUSE).await;
    }
}
