use std::collections::HashMap;
use std::time::Duration;

use watchfire_identity::totp::TotpSecret;
use watchfire_model::Moment;

/// How long somebody may take to put a secret into an app.
const LIFE: Duration = Duration::from_secs(600);

/// Secrets that were shown and not confirmed: one a user, and so there are few.
#[derive(Default)]
pub(super) struct Begun(HashMap<String, One>);

struct One {
    secret: TotpSecret,
    /// By which session: another one does not know the secret.
    session: String,
    at: Moment,
}

impl Begun {
    pub(super) fn put(&mut self, user: &str, session: &str, secret: TotpSecret, now: Moment) {
        self.0.retain(|_, one| now.since(one.at) < LIFE);
        self.0.insert(user.to_owned(), One { secret, session: session.to_owned(), at: now });
    }

    pub(super) fn of(&self, user: &str, session: &str, now: Moment) -> Option<TotpSecret> {
        let one = self.0.get(user)?;
        let holds = one.session == session && now.since(one.at) < LIFE;
        holds.then(|| one.secret.clone())
    }

    pub(super) fn forget(&mut self, user: &str) {
        self.0.remove(user);
    }
}
