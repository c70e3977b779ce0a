mod error;
mod post;

pub(crate) use post::post;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpStream;
use watchfire_api::enrol::{ENROL_PATH, EnrolReply, EnrolRequest};
use watchfire_identity::certificate::{
    AgentId, Fingerprint, HUB_NAME, MachineKey, certificate_der,
};
use watchfire_identity::enrol::EnrolToken;
use watchfire_model::{Labels, ServerName};
use watchfire_runtime::net::{Lost, Resolver, first_of};
use watchfire_runtime::tls::{TlsClient, TlsStream};
use watchfire_runtime::{Clock, task};

use self::error::told;
use super::folder::{Folder, Given, HubFile, holds};

pub use self::error::JoinError;

/// The hub's usual port.
pub const DEFAULT_HUB_PORT: u16 = 5100;

/// How long the hub's name may take.
const NAME_TIME: Duration = Duration::from_secs(5);
/// How long a connection, a handshake and the answer may take, each.
const STEP_TIME: Duration = Duration::from_secs(10);

/// What an agent needs to enrol at a hub.
#[derive(Debug)]
pub struct JoinRequest {
    /// The agent's data folder.
    pub data: PathBuf,
    /// Where the hub is, `host:port`; see [`parse_hub`].
    pub hub: String,
    /// The token that the hub made.
    pub token: EnrolToken,
    /// What the server is to be called.
    pub name: ServerName,
    /// Its labels.
    pub labels: Labels,
}

/// An agent that is enrolled now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Who it is.
    pub id: AgentId,
    /// What the hub calls it.
    pub name: String,
    /// Where the hub is, `host:port`.
    pub hub: String,
}

/// Enrols the agent of a data folder at a hub. The secret is sent to nobody but
/// the hub that made the token. Whoever enrols again gets another certificate
/// for the same key; a running agent takes it by itself.
///
/// # Errors
/// [`JoinError`] says what to do. Nothing was changed then.
pub async fn join(request: JoinRequest, clock: &Clock) -> Result<Joined, JoinError> {
    let JoinRequest { data, hub, token, name, labels } = request;
    // Before the token is used up, the folder has to be fit to keep what it buys.
    let (folder, key) = task::blocking("open the identity", move || {
        let folder = Folder::open(&data)?;
        let key = folder.key()?;
        drop(folder.lock()?);
        Ok::<_, JoinError>((folder, key))
    })
    .await??;
    let stream = connect(&hub, &token, clock).await?;
    let asked = EnrolRequest {
        secret: token.secret().to_owned(),
        name: name.as_str().to_owned(),
        labels: labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        csr: key.signing_request(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let body = serde_json::to_vec(&asked).expect("strings can be written as JSON");
    let answer = clock.within(STEP_TIME, post(stream, &hub, ENROL_PATH, body)).await;
    let (status, body) = answer.ok_or_else(|| JoinError::Silent { hub: hub.clone() })??;
    if status != 200 {
        return Err(told(status, &body, &hub));
    }
    let reply = serde_json::from_slice::<EnrolReply>(&body)
        .map_err(|error| JoinError::Unclear(error.to_string()))?;
    let id = key.id();
    let given = given(&reply, &hub, &token, clock)?;
    let kept = task::blocking("keep the enrolment", move || keep(&folder, &key, &given));
    kept.await??;
    Ok(Joined { id, name: reply.name, hub })
}

/// What was typed as a hub's address, as `host:port`. `https://` before it and
/// slashes behind it are what copying leaves.
///
/// # Errors
/// What is wrong with it and what to write.
pub fn parse_hub(text: &str) -> Result<String, String> {
    let wrong =
        || format!("{text:?} is no address of a hub: write host:port, as in hub.example.org:5100");
    if text.starts_with("http://") {
        return Err(format!("{text:?}: the hub takes agents only over TLS: write host:port"));
    }
    let bare = text.strip_prefix("https://").unwrap_or(text).trim_end_matches('/');
    let usual = format!("{bare}:{DEFAULT_HUB_PORT}");
    let address = if split(bare).is_some() { bare } else { usual.as_str() };
    let (host, port) = split(address).ok_or_else(wrong)?;
    let is_name = watchfire_runtime::http::is_host_name(host);
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    if port == 0 || !(is_name || is_address) {
        return Err(wrong());
    }
    Ok(address.to_owned())
}

/// Host and port; an IPv6 address without its brackets.
fn split(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let port = port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok())??;
    match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']').map(|host| (host, port)),
        None => (!host.contains(':')).then_some((host, port)),
    }
}

/// A connection to the hub that made the token, and to no other.
async fn connect(hub: &str, token: &EnrolToken, clock: &Clock) -> Result<TlsStream, JoinError> {
    let unreachable = |why: String| JoinError::NotReached { hub: hub.to_owned(), why };
    let (host, port) = split(hub).ok_or_else(|| unreachable("it is no address".to_owned()))?;
    let resolver = Resolver::system(Duration::ZERO, clock.clone());
    let addresses = resolver.addresses(host, NAME_TIME).await;
    let addresses = addresses.map_err(|error| unreachable(error.to_string()))?;
    let addresses: Vec<_> = addresses.into_iter().map(|address| (address, port).into()).collect();
    let connected = first_of(&addresses, STEP_TIME, clock, TcpStream::connect).await;
    let (stream, _) = connected.map_err(|Lost { failures, .. }| {
        let why = failures.first().map_or_else(|| "no answer".to_owned(), ToString::to_string);
        unreachable(why)
    })?;
    let client = TlsClient::enrol_pinned_to_ca(*token.ca.as_bytes());
    let connected = client.connect(stream, HUB_NAME, STEP_TIME, clock).await;
    connected.map_err(|error| JoinError::of_tls(hub, error))
}

/// What the hub gave, once it is shown to be worth keeping.
fn given(
    reply: &EnrolReply,
    hub: &str,
    token: &EnrolToken,
    clock: &Clock,
) -> Result<Given, JoinError> {
    let unclear = |why: &str| JoinError::Unclear(why.to_owned());
    let ca = certificate_der(&reply.ca).map_err(|error| JoinError::Unclear(error.to_string()))?;
    if Fingerprint::of(&ca) != token.ca {
        return Err(unclear("its CA is not the one of the token"));
    }
    if ServerName::new(&reply.name).is_err() {
        return Err(unclear("it gave a name that no server can have"));
    }
    if !holds(&reply.certificate, &reply.ca, clock.now()) {
        return Err(JoinError::NotNow);
    }
    let hub_id = token.ca.to_string();
    let hub = HubFile { hub: Some(hub.to_owned()), name: reply.name.clone(), hub_id };
    let (certificate_pem, ca_pem) = (reply.certificate.clone(), reply.ca.clone());
    Ok(Given { certificate_pem, ca_pem, hub })
}

fn keep(folder: &Folder, key: &MachineKey, given: &Given) -> Result<(), JoinError> {
    folder.read(key, given.clone())?;
    folder.lock()?.keep(given)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_is_a_host_and_a_port() {
        for (typed, read) in [
            ("hub.example.org", "hub.example.org:5100"),
            ("hub.example.org:443", "hub.example.org:443"),
            ("https://hub.example.org/", "hub.example.org:5100"),
            ("https://hub:5100/", "hub:5100"),
            ("192.0.2.1", "192.0.2.1:5100"),
            ("[2001:db8::1]:5100", "[2001:db8::1]:5100"),
            ("[2001:db8::1]", "[2001:db8::1]:5100"),
        ] {
            assert_eq!(parse_hub(typed).as_deref(), Ok(read), "{typed}");
        }
        for wrong in ["", ":5100", "hub:0", "hub:x", "hub:99999", "2001:db8::1", "a b", "hub/x"] {
            let told = parse_hub(wrong).expect_err(wrong);
            assert!(told.contains("hub.example.org:5100"), "{told}");
        }
        assert!(parse_hub("http://hub").expect_err("no TLS").contains("only over TLS"));
    }
}
