use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use watchfire_api::agent::LoginRequest;
use watchfire_identity::password::PasswordHash;
use watchfire_identity::token::TokenKey;
use watchfire_model::Moment;

/// How long a password that was right counts as right without being worked through again.
const KEPT: Duration = Duration::from_secs(300);
/// Logins that are remembered; the oldest one makes room.
const MAX_KEPT: usize = 256;
/// Logins that are worked through beside each other. It only keeps the same one from being
/// worked through twice at a time; that others share its place by chance does no harm.
const PLACES: usize = 16;

/// Passwords that were right a moment ago, each with its user and address: working one through
/// takes 19 MiB and some ten milliseconds, and programs send theirs with each question.
///
/// Neither name nor password is kept, only a fingerprint under a key that lives as long as the
/// process. It is asked only for a try that the limit on wrong logins lets in, so
/// it helps nobody to guess faster.
pub(in crate::http) struct Recall {
    key: TokenKey,
    right: Mutex<HashMap<[u8; 32], Moment>>,
    places: [tokio::sync::Mutex<()>; PLACES],
}

/// A login that is looked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Known([u8; 32]);

impl Default for Recall {
    fn default() -> Self {
        let places = std::array::from_fn(|_| tokio::sync::Mutex::default());
        Self { key: TokenKey::generate(), right: Mutex::default(), places }
    }
}

impl Recall {
    /// What stands for a login from `address` of a user whose password is `hash` now.
    pub(in crate::http) fn known(
        &self,
        address: IpAddr,
        asked: &LoginRequest,
        hash: &PasswordHash,
    ) -> Known {
        let LoginRequest { username, password } = asked;
        // The length tells where the name ends, whatever is in it.
        let whole = format!("{address} {hash} {} {username}{password}", username.len());
        Known(self.key.fingerprint(&whole))
    }

    /// Waits until no equal login is being worked through.
    pub(in crate::http) async fn place(&self, known: Known) -> tokio::sync::MutexGuard<'_, ()> {
        self.places[usize::from(known.0[0]) % PLACES].lock().await
    }

    /// True when it was right a moment ago.
    pub(in crate::http) fn holds(&self, known: Known, now: Moment) -> bool {
        self.lock().get(&known.0).is_some_and(|at| now.since(*at) < KEPT)
    }

    /// Remembers one that is right.
    pub(in crate::http) fn keep(&self, known: Known, now: Moment) {
        let mut right = self.lock();
        right.retain(|_, at| now.since(*at) < KEPT);
        if right.len() >= MAX_KEPT {
            let oldest = right.iter().min_by_key(|(_, at)| at.monotonic).map(|(known, _)| *known);
            oldest.and_then(|oldest| right.remove(&oldest));
        }
        right.insert(known.0, now);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Moment>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchfire_identity::password;

    fn login(user: &str, password: &str) -> LoginRequest {
        LoginRequest { username: user.to_owned(), password: password.to_owned() }
    }

    #[test]
    fn only_the_very_same_login_is_known_and_not_for_long() {
        let recall = Recall::default();
        let here: IpAddr = "192.0.2.1".parse().expect("an address");
        let there: IpAddr = "192.0.2.2".parse().expect("an address");
        let now = Moment::default();
        let ann = recall.known(here, &login("ann", "secret"), password::decoy());
        assert!(!recall.holds(ann, now));
        recall.keep(ann, now);
        assert!(recall.holds(ann, now.after(KEPT - Duration::from_millis(1))));
        assert!(!recall.holds(ann, now.after(KEPT)));
        for (address, other) in [
            (there, login("ann", "secret")),
            (here, login("ann", "secre")),
            (here, login("anns", "ecret")),
            (here, login("an", "nsecret")),
        ] {
            assert!(!recall.holds(recall.known(address, &other, password::decoy()), now));
        }
        assert!(!Recall::default().holds(ann, now));
        let changed = password::hash("another").expect("hashes");
        let known = recall.known(here, &login("ann", "secret"), &changed);
        assert!(!recall.holds(known, now), "the password was changed");
    }

    #[test]
    fn the_oldest_makes_room() {
        let recall = Recall::default();
        let here: IpAddr = "192.0.2.1".parse().expect("an address");
        let known =
            |number: usize| recall.known(here, &login(&number.to_string(), ""), password::decoy());
        let at = |number: usize| Moment::default().after(Duration::from_millis(number as u64));
        (0..=MAX_KEPT).for_each(|number| recall.keep(known(number), at(number)));
        let now = at(MAX_KEPT);
        assert!(!recall.holds(known(0), now) && recall.holds(known(1), now));
    }
}
