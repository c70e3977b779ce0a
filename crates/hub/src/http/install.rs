//! `GET /install`: the hub's own executable, and the script that installs it.
//! No download comes from elsewhere, and no address in it from a request.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::OnceCell;
use watchfire_identity::certificate::Fingerprint;
use watchfire_model::Moment;
use watchfire_runtime::http::Peer;
use watchfire_runtime::net::Network;
use watchfire_runtime::{Clock, task};

use super::reply::Refusal;
use super::{App, AppState, client};

/// The script, with its places to fill.
const SCRIPT: &str = include_str!("install.sh");
/// Downloads at a time.
const MAX_DOWNLOADS: usize = 8;
/// How many of them go to one client.
const MAX_OF_CLIENT: usize = 2;
/// The time for a whole download: a slow reader has its place no longer.
const DOWNLOAD_TIME: Duration = Duration::from_secs(600);
/// How much of the file is read at a time, in bytes.
const PIECE: usize = 64 << 10;

/// What is handed out to new servers.
pub(crate) struct Installer {
    /// Held open, so that it stays the running program while a newer one is put
    /// in its place.
    program: Result<Program, String>,
    /// `host:port` of the hub, from its config.
    address: String,
    digest: OnceCell<Fingerprint>,
    downloads: Arc<Mutex<Downloads>>,
}

/// Who downloads, each with how often at this time.
type Downloads = HashMap<Network, usize>;

/// A download's place. It is free again when this is dropped.
struct Place {
    downloads: Arc<Mutex<Downloads>>,
    client: Network,
}

impl Place {
    /// `None` when all places are taken, or those that this client may have.
    fn take(downloads: &Arc<Mutex<Downloads>>, client: Network) -> Option<Self> {
        let mut table = lock(downloads);
        let all: usize = table.values().sum();
        let own = table.get(&client).copied().unwrap_or(0);
        if all >= MAX_DOWNLOADS || own >= MAX_OF_CLIENT {
            return None;
        }
        table.insert(client, own + 1);
        Some(Self { downloads: downloads.clone(), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = lock(&self.downloads);
        if let Some(own) = table.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                table.remove(&self.client);
            }
        }
    }
}

#[derive(Clone)]
struct Program {
    file: Arc<File>,
    bytes: u64,
}

impl Installer {
    /// Hands out the running program, for agents that find the hub at `address`.
    pub(crate) fn new(address: String) -> Self {
        Self::of(File::open("/proc/self/exe"), address)
    }

    pub(super) fn of(opened: io::Result<File>, address: String) -> Self {
        let program = opened.and_then(|file| {
            let bytes = file.metadata()?.len();
            Ok(Program { file: Arc::new(file), bytes })
        });
        let program = program.map_err(|error| error.to_string());
        Self { program, address, digest: OnceCell::new(), downloads: Arc::default() }
    }

    fn program(&self) -> Result<&Program, Refusal> {
        self.program.as_ref().map_err(Refusal::fault)
    }

    /// The program's SHA-256. It is reckoned once, when it is first asked for.
    async fn digest(&self) -> Result<Fingerprint, Refusal> {
        let program = self.program()?.clone();
        let reckon = || async move {
            let read = move || Fingerprint::of_reader(Whole { program, at: 0 });
            task::blocking("digest", read).await.map_err(Refusal::fault)?.map_err(Refusal::fault)
        };
        self.digest.get_or_try_init(reckon).await.copied()
    }
}

/// `GET /install`
pub(super) async fn script(
    State(app): State<AppState>,
    Extension(peer): Extension<Peer>,
) -> Result<Response, Refusal> {
    app.require_private(&peer)?;
    let installer = &app.parts.installer;
    let digest = installer.digest().await?.to_string();
    let script = SCRIPT
        .replace("@HUB@", &installer.address)
        .replace("@SHA256@", &digest)
        .replace("@ARCH@", std::env::consts::ARCH);
    Ok(([(header::CONTENT_TYPE, "text/x-shellscript; charset=utf-8")], script).into_response())
}

/// `GET /install/watchfire`
pub(super) async fn program(
    State(app): State<AppState>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    app.require_private(&peer)?;
    let installer = &app.parts.installer;
    let program = installer.program()?.clone();
    let client = client::address(peer.remote.ip(), &headers, &app.parts.trusted_proxies);
    let place = Place::take(&installer.downloads, Network::of_client(client));
    let place = place.ok_or_else(|| {
        let message = "too many download the program now; try again";
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, message).retry_after(10)
    })?;
    let clock = app.parts.clock.clone();
    let until = clock.now().after(DOWNLOAD_TIME);
    let (bytes, whole) = (program.bytes, Whole { program, at: 0 });
    let download = Download { whole, clock, until, _place: place };
    let body = Body::from_stream(stream::try_unfold(download, Download::next));
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
    ];
    Ok((headers, body).into_response())
}

impl App {
    /// What installs programs is not handed out where anybody on the way could
    /// change it: over TLS, or to this machine and to proxies that are trusted.
    fn require_private(&self, peer: &Peer) -> Result<(), Refusal> {
        let address = peer.remote.ip().to_canonical();
        let trusted = self.parts.trusted_proxies.iter().any(|proxy| proxy.contains(address));
        if peer.tls.is_some() || address.is_loopback() || trusted {
            return Ok(());
        }
        Err(Refusal::tls_only())
    }
}

struct Download {
    whole: Whole,
    clock: Clock,
    until: Moment,
    _place: Place,
}

impl Download {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        if self.clock.now().monotonic >= self.until.monotonic {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the download takes too long"));
        }
        let read = move || -> io::Result<(Vec<u8>, Self)> {
            let mut piece = vec![0; PIECE];
            let read = io::Read::read(&mut self.whole, &mut piece)?;
            piece.truncate(read);
            Ok((piece, self))
        };
        let (piece, this) = task::blocking("read", read).await.map_err(io::Error::other)??;
        Ok((!piece.is_empty()).then(|| (Bytes::from(piece), this)))
    }
}

/// A panic while it was held leaves the table whole.
fn lock(downloads: &Mutex<Downloads>) -> MutexGuard<'_, Downloads> {
    downloads.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the program from its begin, beside other readers of the same file.
struct Whole {
    program: Program,
    at: u64,
}

impl io::Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.program.bytes - self.at).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let read = self.program.file.read_at(&mut buffer[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
