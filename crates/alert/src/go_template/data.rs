//! What a template is about.

use std::sync::Arc;

use watchfire_model::LabelSet;

use super::value::{Map, Value};

/// The variables of a template of a rule file.
pub(super) const ALERT_VARIABLES: [&str; 4] =
    ["$labels", "$externalLabels", "$externalURL", "$value"];

/// What a template is about: its dot, its variables, and where the hub's page is.
#[derive(Debug, Clone)]
pub struct Data {
    pub(super) dot: Value,
    /// Those of [`ALERT_VARIABLES`], in their order, or none.
    pub(super) variables: Vec<Value>,
    pub(super) external_url: Arc<str>,
    pub(super) now_ms: Option<i64>,
}

impl Data {
    /// One alert: its labels and value, the labels of the whole installation, and the address of the page.
    #[must_use]
    pub fn of_alert(
        labels: &LabelSet,
        value: f64,
        external_labels: &LabelSet,
        external_url: &str,
    ) -> Self {
        let external_url: Arc<str> = external_url.into();
        let labels = Value::Map(Map::of_labels(labels));
        let external_labels = Value::Map(Map::of_labels(external_labels));
        let (url, value) = (Value::Text(external_url.clone()), Value::Float(value));
        let dot = Map::record([
            ("Labels".into(), labels.clone()),
            ("ExternalLabels".into(), external_labels.clone()),
            ("ExternalURL".into(), url.clone()),
            ("Value".into(), value.clone()),
        ]);
        let variables = vec![labels, external_labels, url, value];
        Self { dot: Value::Map(dot), variables, external_url, now_ms: None }
    }

    /// Any tree of values as the dot.
    #[must_use]
    pub fn of_tree(dot: Value, external_url: &str) -> Self {
        Self { dot, variables: Vec::new(), external_url: external_url.into(), now_ms: None }
    }

    /// The same, evaluated at a moment in Unix milliseconds: what the function `now` gives.
    #[must_use]
    pub fn at(self, now_ms: i64) -> Self {
        Self { now_ms: Some(now_ms), ..self }
    }
}
