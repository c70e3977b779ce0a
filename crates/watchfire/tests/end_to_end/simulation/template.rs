//! Folders of a hub and of agents that belong to it, made once by the real enrolment
//! over real sockets, and copied for every world.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;
use watchfire_agent::{JoinRequest, join};
use watchfire_hub::{Admin, Hub, HubConfig, TokenWish};
use watchfire_model::{Labels, ServerName};
use watchfire_runtime::config::{Outside, Overrides, Source};
use watchfire_runtime::task::Process;
use watchfire_runtime::{Clock, Shutdown};
use watchfire_store::Store;
use watchfire_testkit::scratch::Scratch;

use crate::fixture::password_hash;

/// How many agents are enrolled.
pub(crate) const MOST: usize = 40;

/// The folders, and the time at which they were made.
pub(crate) struct Template {
    folder: TempDir,
    pub(crate) made_unix_ms: i64,
    /// The agents' ids, by the servers' numbers.
    pub(crate) ids: Vec<String>,
}

/// The name of the server with this number: every third is a database, the others
/// are web servers.
pub(crate) fn name(number: usize) -> String {
    let role = if number % 3 == 2 { "db" } else { "web" };
    format!("{role}-{number}")
}

/// A folder in memory where the machine has room: a simulation commits thousands of
/// times, and what a disk does to that is tested elsewhere. It holds keys, so it goes
/// even when this process is killed.
pub(crate) fn folder() -> TempDir {
    static ALL: OnceLock<Scratch> = OnceLock::new();
    tempfile::tempdir_in(ALL.get_or_init(Scratch::new).path()).expect("a folder")
}

/// The hub's config. Mail goes to this machine's own port.
pub(crate) fn hub_config(data: &Path, listen: &str, mail_port: u16) -> HubConfig {
    let text = format!(
        "listen = \"{listen}\"\ndata = \"{}\"\n\n\
         [mail]\nfrom = \"Watchfire <hub@example.org>\"\nsmtp = \"smtp://127.0.0.1:{mail_port}\"\n\n\
         [[user]]\nname = \"ada\"\nrole = \"admin\"\nservers = [\"*\"]\n\
         password_hash = \"{}\"\nchannels = [\"mailto:ada@example.org\"]\ntime_zone = \"UTC\"\n\n\
         [[user]]\nname = \"bob\"\nservers = ['role=\"web\"']\n\
         channels = [\"mailto:bob@example.org\"]\ntime_zone = \"UTC\"\n",
        data.display(),
        password_hash()
    );
    let path = data.join("hub.toml");
    let source = Source::from_text(&path, text);
    let outside = <dyn Outside>::machine(data);
    HubConfig::from_source(&source, &Overrides::none(), &outside).expect("a good config")
}

impl Template {
    pub(crate) fn get() -> &'static Self {
        static MADE: OnceLock<Template> = OnceLock::new();
        MADE.get_or_init(Self::make)
    }

    /// Copies the hub's folder to `to`, with only the first `servers` in it.
    pub(crate) fn copy_hub(&self, servers: usize, to: &Path) {
        copy(&self.folder.path().join("hub"), to);
        let store = Store::open(to).expect("it is whole");
        let left_out = &self.ids[servers..];
        let removed = store.write(|batch| {
            left_out.iter().try_for_each(|id| batch.remove_agent(id, self.made_unix_ms))
        });
        removed.expect("they are there");
    }

    /// Copies the folder of an agent to `to`.
    pub(crate) fn copy_agent(&self, number: usize, to: &Path) {
        copy(&self.agent(number), to);
    }

    fn agent(&self, number: usize) -> PathBuf {
        self.folder.path().join(name(number))
    }

    fn make() -> Self {
        let folder = folder();
        let hub = folder.path().join("hub");
        DirBuilder::new().mode(0o700).create(hub).expect("ours");
        let clock = Clock::system();
        let made_unix_ms = clock.now().unix_ms;
        let mut template = Self { folder, made_unix_ms, ids: Vec::new() };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let ids = runtime.expect("a runtime").block_on(template.enrol_all(&clock));
        template.ids = ids;
        template
    }

    async fn enrol_all(&self, clock: &Clock) -> Vec<String> {
        let data = self.folder.path().join("hub");
        let hub = Hub::bind(hub_config(&data, "127.0.0.1:0", 25), clock.clone()).await;
        let hub = hub.expect("it binds");
        let address = hub.local_addr().to_string();
        let (shutdown, end) = Shutdown::new();
        let running = Process::new(0).spawn("hub", hub.run(shutdown, end.clone()));
        let mut ids = Vec::new();
        for number in 0..MOST {
            ids.push(self.enrol(number, &data, &address, clock).await);
        }
        end.request();
        running.join().await.expect("it ends");
        ids
    }

    async fn enrol(&self, number: usize, hub: &Path, address: &str, clock: &Clock) -> String {
        let name = name(number);
        let role = name.split('-').next().expect("a first part").to_owned();
        let labels = BTreeMap::from([("role".to_owned(), role)]);
        let wish = TokenWish { name: Some(name.clone()), labels, valid: Duration::from_secs(600) };
        let made = Admin::open(hub, clock.clone()).and_then(|admin| admin.token(&wish));
        let request = JoinRequest {
            data: self.agent(number),
            hub: address.to_owned(),
            token: made.expect("a token").token,
            name: ServerName::new(&name).expect("a name"),
            labels: Labels::new(),
        };
        join(request, clock).await.expect("it enrols").id.to_string()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("ours");
    let mode = std::fs::metadata(from).expect("is there").permissions();
    std::fs::set_permissions(to, mode).expect("ours");
    for entry in std::fs::read_dir(from).expect("is there") {
        let entry = entry.expect("is readable");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).expect("there is room");
        }
    }
}
