use serde_json::json;
use watchfire_runtime::Clock;

use super::block_on;
use crate::hub_client::{Hub, Logins, Question};

#[derive(clap::Args)]
pub(super) struct Logout {
    /// The hub [default: that of the last login]
    #[arg(value_name = "HUB")]
    hub: Option<String>,
}

impl Logout {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let hub = Hub::known(self.hub.as_deref(), &clock)?;
        // The login goes from here whatever the hub says: it may not be there any more.
        let said = block_on(hub.send(&Question::post("/api/logout", &json!({}))));
        Logins::forget(hub.address())?;
        match said {
            Ok(answer) if answer.status == 200 => eprintln!("Logged out at {}.", hub.address()),
            Ok(answer) => eprintln!("The login is forgotten here; {}.", hub.words(&answer)),
            Err(error) => eprintln!("The login is forgotten here; {error:#}"),
        }
        Ok(())
    }
}
