use anyhow::bail;
use serde_json::json;
use watchfire_api::hub::LoginReply;
use watchfire_identity::certificate::Fingerprint;
use watchfire_runtime::{Clock, Secret};

use super::past::local;
use super::{block_on, prompt};
use crate::hub_client::{Address, Login as Known, Logins, Question, ask, shown_authority, words};
use crate::screen;

#[derive(clap::Args)]
#[command(
    after_help = "On a terminal it asks for user and password. From a pipe it reads one line, the \
    password, and a second one, a code, of who has a second factor:\n  watchfire login hub.example.org --user ada --ca FINGERPRINT < password-file\n\n\
    The login is kept in the user's config folder until it ends, after twelve hours or when the \
    hub is started anew."
)]
pub(super) struct Login {
    /// Where the hub is, as in https://hub.example.org:5100; http:// on this machine alone
    #[arg(value_name = "HUB")]
    hub: Address,
    /// The user [default: it is asked for]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The fingerprint of the hub's authority, as `watchfire doctor` prints it at the hub
    /// [default: the one that is known, else it is shown to be compared]
    #[arg(long, value_name = "FINGERPRINT")]
    ca: Option<Fingerprint>,
}

impl Login {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let by_hand = prompt::by_hand();
        let ca = self.authority(by_hand, &clock)?;
        let user = match self.user {
            Some(user) => user,
            None if by_hand => prompt::line("User: ")?,
            None => bail!("nobody is named\n  hint: add --user NAME"),
        };
        let password = prompt::secret("Password: ")?;
        let login = block_on(log_in(self.hub, ca, &user, &password, &clock))?;
        let (hub, ends) = (login.hub.clone(), local(login.ends_unix_ms));
        let role = screen::line(&login.role);
        let path = Logins::keep(login)?;
        eprintln!("{user} is logged in at {hub} as {role}, until {ends} ({}).", path.display());
        Ok(())
    }

    /// The authority that the hub must have; `None` without TLS.
    fn authority(&self, by_hand: bool, clock: &Clock) -> anyhow::Result<Option<Fingerprint>> {
        if !self.hub.is_tls() {
            return Ok(None);
        }
        if let Some(named) = self.ca {
            return Ok(Some(named));
        }
        if let Some(known) = Logins::read()?.of(&self.hub).and_then(|login| login.ca) {
            return Ok(Some(known));
        }
        let shown = block_on(shown_authority(&self.hub, clock))?;
        let hub = &self.hub;
        if !by_hand {
            bail!(
                "{hub} is not known here yet\n  hint: compare its fingerprint with what `watchfire \
                 doctor` prints at the hub, and name it: --ca {shown}"
            );
        }
        eprintln!(
            "{hub} is not known here yet. It shows the authority\n  {shown}\nAt the hub, `watchfire \
             doctor` prints its own."
        );
        if prompt::line("Are they the same? [yes/no] ")? != "yes" {
            bail!("the password was not sent");
        }
        Ok(Some(shown))
    }
}

async fn log_in(
    hub: Address,
    ca: Option<Fingerprint>,
    user: &str,
    password: &Secret,
    clock: &Clock,
) -> anyhow::Result<Known> {
    let mut body = json!({ "username": user, "password": password.expose() });
    let mut answer = ask(&hub, ca, &Question::post("/api/login", &body), None, clock).await?;
    if answer.needs().as_deref() == Some("code") {
        body["code"] = prompt::line("Code of your authenticator app: ")?.into();
        answer = ask(&hub, ca, &Question::post("/api/login", &body), None, clock).await?;
    }
    if answer.status != 200 {
        bail!("{}", words(&hub, &answer));
    }
    let session = answer.cookie.as_deref().and_then(Known::session_of);
    let reply = serde_json::from_slice::<LoginReply>(&answer.body).ok();
    let Some(((session, life_s), reply)) = session.zip(reply) else {
        bail!("what answers at {hub} is no hub of this release");
    };
    let ends_unix_ms = clock.now().unix_ms.saturating_add(life_s.saturating_mul(1000));
    let LoginReply { user, role, csrf } = reply;
    Ok(Known { hub, user, role, ca, session, csrf, ends_unix_ms })
}
