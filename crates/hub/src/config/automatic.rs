use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use watchfire_alert::told::Hours;
use watchfire_model::Scope;

/// A runbook that is run on servers: on whose behalf, where, and with what.
#[derive(Debug, Clone)]
pub struct Task {
    /// What it is called.
    pub name: String,
    /// The runbook, as the servers' policies call it.
    pub runbook: String,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
    /// On which servers, besides that its user must see them.
    pub servers: Scope,
    /// The user on whose behalf it is run.
    pub user: String,
    /// What that user sees.
    pub scope: Scope,
}

/// `[[schedule]]`: a runbook that is run again and again.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// What is run.
    pub task: Task,
    /// It begins once in each of these times.
    pub each: Hours,
    /// The time zone of these.
    pub time_zone: TimeZone,
    /// On so many servers at a time.
    pub at_most: Option<usize>,
    /// In batches of so many percent of the servers.
    pub batch_percent: Option<u32>,
    /// After so many failures no other server begins.
    pub stop_after: Option<usize>,
}

/// `[[remedy]]`: a runbook that may mend what an alert is about.
#[derive(Debug, Clone)]
pub struct Remedy {
    /// What is run; `{label}` in a parameter stands for that label of the alert.
    pub task: Task,
    /// The name of the alerts.
    pub alert: String,
    /// It is run when one fires, and not only offered.
    pub is_run: bool,
    /// It is run so many times in an hour at the most.
    pub per_hour: u64,
}
