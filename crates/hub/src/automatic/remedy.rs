//! Runbooks for what alerts are about.

use std::sync::Arc;
use std::time::Duration;

use watchfire_model::{Moment, ServerName};
use watchfire_store::{StoreError, StoredAutomatic};

use super::offer::{command, filled, is_ours};
use super::{Automatic, Occasion, REMEDY, only};
use crate::alerts::ActiveAlert;
use crate::config::Remedy;
use crate::runs::Pace;

/// How long counts against the limit.
const HOUR: Duration = Duration::from_secs(3600);

/// How long its server may be away: its agent may be on its way to a hub that was just started.
const WAIT: Duration = Duration::from_secs(60);

impl Automatic {
    /// Looks whether an alert fires for which there is a remedy.
    pub(super) async fn remedies(&self, now: Moment) -> Result<(), StoreError> {
        if self.remedies.is_empty() {
            return Ok(());
        }
        let alerts = self.tools.alerts.active().all();
        for remedy in &self.remedies {
            for (alert, server) in alerts.iter().filter_map(|alert| self.fits(remedy, alert)) {
                self.remedy(remedy, alert, server, now).await?;
            }
        }
        Ok(())
    }

    /// The server to mend. Of what is muted somebody knows, and may be at work there.
    fn fits<'a>(
        &self,
        remedy: &Remedy,
        alert: &'a Arc<ActiveAlert>,
    ) -> Option<(&'a ActiveAlert, &'a ServerName)> {
        let server = alert.server.as_ref()?;
        let is_it = is_ours(alert) && alert.muted.is_none() && alert.name() == remedy.alert;
        let sees = |scope| self.tools.runs.sees(scope, server);
        (is_it && sees(&remedy.task.servers) && sees(&remedy.task.scope)).then_some((alert, server))
    }

    async fn remedy(
        &self,
        remedy: &Remedy,
        alert: &ActiveAlert,
        server: &ServerName,
        now: Moment,
    ) -> Result<(), StoreError> {
        let task = &remedy.task;
        if self.has_begun(REMEDY, &task.name, alert.id).await? {
            return Ok(());
        }
        let mark = || StoredAutomatic {
            kind: REMEDY.to_owned(),
            name: task.name.clone(),
            of: alert.id,
            at_unix_ms: now.unix_ms,
            run: String::new(),
            incident: Some(alert.incident),
            is_over: true,
        };
        let params = match filled(&task.params, &alert.labels) {
            Ok(params) => params,
            Err(missing) => {
                let why = format!("the alert has no label {missing:?}");
                return self.give_up(mark(), &why, now).await;
            }
        };
        if !remedy.is_run {
            let words = format!("may help: {}", command(&task.runbook, &params, server));
            return self.note(mark(), words, now).await;
        }
        let name = task.name.clone();
        let since = now.before(HOUR).unix_ms;
        let begun = self.blocking(move |store| store.begun_since(REMEDY, &name, since)).await?;
        if begun >= remedy.per_hour {
            // It may still fire when there is room again.
            return Ok(());
        }
        let why = format!("remedy {:?} for {}", task.name, alert.name());
        let incident = Some(alert.incident);
        let occasion = Occasion { kind: REMEDY, of: alert.id, incident, why: &why, wait: WAIT };
        self.begin(task, only(server), params, Pace::default(), occasion, now).await
    }
}
