//! Asking a hub: where it is, who asks, and one question after the other.

mod address;
mod ask;
mod logins;

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use serde_json::json;
use watchfire_api::agent::Message;
use watchfire_runtime::Clock;

pub(crate) use address::Address;
pub(crate) use ask::{Answer, Question, ask, shown_authority};
pub(crate) use logins::{Login, Logins};

use crate::{prompt, screen};

/// A hub at which somebody has logged in.
pub(crate) struct Hub {
    login: Login,
    clock: Clock,
}

impl Hub {
    /// The hub that is named, or the one of the last login.
    pub(crate) fn known(named: Option<&str>, clock: &Clock) -> anyhow::Result<Self> {
        let logins = Logins::read()?;
        let login = match named {
            Some(text) => {
                let address: Address = text.parse()?;
                logins.of(&address).with_context(|| {
                    format!("nobody has logged in at {address}\n  hint: watchfire login {address}")
                })?
            }
            None => logins.last().context(
                "no hub is known: this asks a hub, and nobody has logged in at one\n  \
                 hint: watchfire login https://hub.example.org:5100",
            )?,
        };
        Ok(Self { login, clock: clock.clone() })
    }

    /// Where it is.
    pub(crate) fn address(&self) -> &Address {
        &self.login.hub
    }

    /// Asks for `target`, a path with its query, and reads the answer.
    pub(crate) async fn get<T: DeserializeOwned>(&self, target: &str) -> anyhow::Result<T> {
        let answer = self.send(&Question::get(target)).await?;
        if answer.status != 200 {
            bail!("{}", self.words(&answer));
        }
        self.read(&answer)
    }

    /// The answer to `question`, whatever its status; a login that has ended is an error.
    pub(crate) async fn send(&self, question: &Question<'_>) -> anyhow::Result<Answer> {
        let now = self.clock.now().unix_ms;
        if self.login.has_ended(now) {
            return Err(self.log_in_again("has ended"));
        }
        let mut answer = self.ask(question).await?;
        if answer.status == 403 && self.step_up(&answer).await? {
            answer = self.ask(question).await?;
        }
        if answer.status == 401 {
            return Err(self.log_in_again("has ended, or the hub was started anew"));
        }
        Ok(answer)
    }

    async fn ask(&self, question: &Question<'_>) -> anyhow::Result<Answer> {
        let Login { hub, ca, .. } = &self.login;
        ask(hub, *ca, question, Some(&self.login), &self.clock).await
    }

    /// Proves anew who asks, where the hub wants that and somebody sits there to do it.
    async fn step_up(&self, answer: &Answer) -> anyhow::Result<bool> {
        if !prompt::by_hand() {
            return Ok(false);
        }
        let body = match answer.needs().as_deref() {
            Some("code") => {
                json!({ "code": prompt::line("Code of your authenticator app: ")? })
            }
            Some("password") => {
                let password = prompt::secret("Password once more: ")?;
                json!({ "password": password.expose() })
            }
            _ => return Ok(false),
        };
        let answer = self.ask(&Question::post("/api/step-up", &body)).await?;
        if answer.status != 200 {
            bail!("{}", self.words(&answer));
        }
        Ok(true)
    }

    /// What a body holds.
    pub(crate) fn read<T: DeserializeOwned>(&self, answer: &Answer) -> anyhow::Result<T> {
        serde_json::from_slice(&answer.body)
            .with_context(|| format!("{} gave an answer that is not a hub's", self.login.hub))
    }

    /// A hub's no, in its own words.
    pub(crate) fn words(&self, answer: &Answer) -> String {
        words(&self.login.hub, answer)
    }

    fn log_in_again(&self, why: &str) -> anyhow::Error {
        let Login { hub, user, .. } = &self.login;
        anyhow::anyhow!("the login of {user} at {hub} {why}\n  hint: watchfire login {hub}")
    }
}

/// A no, in the words of whoever is at `hub`.
pub(crate) fn words(hub: &Address, answer: &Answer) -> String {
    match serde_json::from_slice::<Message>(&answer.body) {
        // They are shown on a terminal, and their author may be anybody.
        Ok(told) => screen::line(&screen::fit(&told.message, 1000)),
        Err(_) => format!("{hub} answered with the status {}, and is no hub", answer.status),
    }
}

/// A text as a value in an address's query (RFC 3986 section 2.1).
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Milliseconds since 1970 as seconds, as questions take them.
pub(crate) fn seconds(unix_ms: i64) -> String {
    format!("{}.{:03}", unix_ms.div_euclid(1000), unix_ms.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded() {
        let text = r#"rate(x{a="b c"}[1m]) + ü&%"#;
        let expected = "rate%28x%7Ba%3D%22b%20c%22%7D%5B1m%5D%29%20%2B%20%C3%BC%26%25";
        assert_eq!(encoded(text), expected);
        assert_eq!(encoded("web-1.example_~"), "web-1.example_~");
        assert_eq!(seconds(1_700_000_000_007), "1700000000.007");
    }
}
