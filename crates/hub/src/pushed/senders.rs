//! Who may push, and whose series a user sees.

use std::sync::Arc;

use tokio::sync::Semaphore;
use watchfire_identity::constant_time_eq;
use watchfire_identity::token::TokenKey;
use watchfire_model::{Labels, Scope, Server, ServerName};

use crate::config::Sender;

/// The sender that whoever comes by the door on loopback is.
const LOCAL: &str = "local";
/// The sender that the hub's own rules are.
pub(crate) const RULES: &str = "rules";
/// What the bodies of all requests may take of the hub's memory at a time, in KiB.
pub(crate) const ROOM_KIB: usize = 64 << 10;
/// What those of one sender may.
const ROOM_OF_ONE_KIB: usize = ROOM_KIB / 2;

/// All senders. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Senders(Arc<Inner>);

impl Default for Senders {
    /// None but the hub's own rules.
    fn default() -> Self {
        Self::new(&[], false)
    }
}

#[derive(Debug)]
struct Inner {
    all: Vec<Arc<KnownSender>>,
    rules: Arc<KnownSender>,
    /// Made anew at each start: what is kept of a token says nothing of it.
    key: TokenKeyOf,
    local: Option<Arc<KnownSender>>,
}

#[derive(Debug)]
struct TokenKeyOf(TokenKey);

impl Default for TokenKeyOf {
    fn default() -> Self {
        Self(TokenKey::generate())
    }
}

/// A sender.
#[derive(Debug)]
pub(crate) struct KnownSender {
    pub(crate) name: ServerName,
    labels: Labels,
    /// What is kept of its token; of the sender that needs none, nothing.
    token: Option<[u8; 32]>,
    /// Its series may have the names of servers.
    pub(crate) speaks_for_servers: bool,
    /// What is left of the memory that its requests may hold, in KiB.
    pub(crate) room: Arc<Semaphore>,
}

impl Senders {
    /// Those of the config, and where the hub is open on loopback, one for this machine.
    pub(crate) fn new(config: &[Sender], open_on_loopback: bool) -> Self {
        let key = TokenKeyOf::default();
        let known = |server: &Server, token| {
            let room = Arc::new(Semaphore::new(ROOM_OF_ONE_KIB));
            let (name, labels) = (server.name.clone(), server.labels.clone());
            Arc::new(KnownSender { name, labels, token, speaks_for_servers: false, room })
        };
        let mut all: Vec<_> = config
            .iter()
            .map(|one| known(&one.server, Some(key.0.fingerprint(one.token.expose()))))
            .collect();
        let local = open_on_loopback.then(|| {
            let configured = all.iter().find(|one| one.name.as_str() == LOCAL).cloned();
            configured.unwrap_or_else(|| {
                let name = ServerName::new(LOCAL).expect("it is a good name");
                let local = known(&Server::new(name, Labels::new()), None);
                all.push(local.clone());
                local
            })
        });
        let rules = Arc::new(KnownSender {
            name: ServerName::new(RULES).expect("it is a good name"),
            labels: Labels::new(),
            token: None,
            speaks_for_servers: true,
            room: Arc::new(Semaphore::new(0)),
        });
        Self(Arc::new(Inner { all, rules, key, local }))
    }

    /// The sender whose token this is, and its name where one is told. Every token is compared,
    /// and as a whole, so that the time tells nothing.
    pub(crate) fn by_token(&self, token: &str, name: Option<&str>) -> Option<Arc<KnownSender>> {
        let shown = self.0.key.0.fingerprint(token);
        let mut found = None;
        for sender in &self.0.all {
            let is_it = sender.token.is_some_and(|token| constant_time_eq(&token, &shown));
            let is_named = name.is_none_or(|name| name == sender.name.as_str());
            if is_it && is_named {
                found = Some(sender.clone());
            }
        }
        found
    }

    /// The sender that needs no token, which is for this machine alone.
    pub(crate) fn local(&self) -> Option<Arc<KnownSender>> {
        self.0.local.clone()
    }

    /// The senders whose series a user with this scope sees (invariant I7).
    pub(crate) fn of(&self, scope: &Scope) -> Vec<Arc<KnownSender>> {
        let of_config = self.0.all.iter().filter(|sender| scope.holds(&sender.labels));
        let rules = Some(&self.0.rules).filter(|_| scope.is_everything());
        of_config.chain(rules).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use watchfire_model::Selector;
    use watchfire_runtime::Secret;

    use super::*;
    use crate::testing::{name, team};

    fn config() -> Vec<Sender> {
        let one = |text: &str, token: &str| {
            let mut labels = Labels::new();
            labels.insert("team", &text[..1]).expect("a good label");
            Sender { server: Server::new(name(text), labels), token: Secret::new(token) }
        };
        vec![one("a-prom", "token-of-a-prom"), one("b-prom", "token-of-b-prom")]
    }

    fn names(all: Vec<Arc<KnownSender>>) -> Vec<String> {
        all.iter().map(|one| one.name.to_string()).collect()
    }

    #[test]
    fn a_token_is_one_senders() {
        let senders = Senders::new(&config(), true);
        let found = |token: &str, name: Option<&str>| {
            senders.by_token(token, name).map(|one| one.name.to_string())
        };
        assert_eq!(found("token-of-b-prom", None).as_deref(), Some("b-prom"));
        assert_eq!(found("token-of-b-prom", Some("b-prom")).as_deref(), Some("b-prom"));
        assert_eq!(found("token-of-b-prom", Some("a-prom")), None);
        for wrong in ["", "token-of-b-pro", "token-of-b-prom ", "local", "rules"] {
            assert_eq!(found(wrong, None), None, "{wrong:?}");
            assert_eq!(found(wrong, Some("local")), None, "{wrong:?}");
            assert_eq!(found(wrong, Some(RULES)), None, "{wrong:?}");
        }
        assert!(!format!("{senders:?}").contains("token-of"));
    }

    #[test]
    fn a_scope_holds_for_senders_as_for_servers() {
        let senders = Senders::new(&config(), true);
        assert_eq!(names(senders.of(&team("a"))), ["a-prom"]);
        let all = ["a-prom", "b-prom", "local", "rules"];
        assert_eq!(names(senders.of(&Scope::everything())), all);
        let by_name = Selector::parse("name=\"rules\"").expect("good");
        assert_eq!(names(senders.of(&Scope::new(vec![by_name]))), [""; 0]);
        assert_eq!(names(senders.of(&Scope::default())), [""; 0]);
        assert_eq!(senders.local().map(|one| one.name.to_string()).as_deref(), Some("local"));
        assert!(Senders::new(&config(), false).local().is_none());
    }

    #[test]
    fn this_machine_may_be_a_sender_of_the_config() {
        let mut config = config();
        config[0].server = Server::new(name(LOCAL), Labels::new());
        let senders = Senders::new(&config, true);
        assert_eq!(names(senders.of(&Scope::everything())), ["local", "b-prom", "rules"]);
        assert!(senders.local().is_some_and(|one| one.token.is_some()));
    }
}
