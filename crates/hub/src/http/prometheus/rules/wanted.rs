//! Which rules somebody asks for.

use std::collections::BTreeSet;
use std::sync::Arc;

use watchfire_alert::rules::{Group, Rule, RuleKind};
use watchfire_model::{LabelSet, Matcher};

use super::super::error::ApiError;
use super::super::params::Params;
use crate::rules::Watched;

/// What is asked for; nothing of a kind means all.
pub(super) struct Wanted {
    alerting: bool,
    recording: bool,
    names: BTreeSet<String>,
    groups: BTreeSet<String>,
    files: BTreeSet<String>,
    selectors: Vec<Vec<Matcher>>,
    pub(super) with_alerts: bool,
}

/// A part of all groups.
pub(super) struct Page {
    limit: Option<usize>,
    from: Option<String>,
}

impl Wanted {
    pub(super) fn of(params: &Params) -> Result<Self, ApiError> {
        let set = |name: &str| params.all(name).map(str::to_owned).collect();
        let kind = params.get("type").unwrap_or("").to_lowercase();
        if !matches!(kind.as_str(), "" | "alert" | "record") {
            return Err(ApiError::parameter("type", format!("not supported value {kind:?}")));
        }
        Ok(Self {
            alerting: kind != "record",
            recording: kind != "alert",
            names: set("rule_name[]"),
            groups: set("rule_group[]"),
            files: set("file[]"),
            selectors: params.selectors()?,
            with_alerts: !params.flag("exclude_alerts")?,
        })
    }

    pub(super) fn has_group(&self, group: &Group) -> bool {
        let has = |set: &BTreeSet<String>, name: &str| set.is_empty() || set.contains(name);
        has(&self.groups, &group.name) && has(&self.files, &group.file)
    }

    /// Selectors are about labels as they stand in the file, whatever a template makes of them.
    pub(super) fn has_rule(&self, rule: &Rule) -> bool {
        let has_kind = match rule.kind {
            RuleKind::Alerting(_) => self.alerting,
            RuleKind::Recording(_) => self.recording,
        };
        let has_name = self.names.is_empty() || self.names.contains(&*rule.name);
        has_kind && has_name && (self.selectors.is_empty() || self.fits(rule))
    }

    fn fits(&self, rule: &Rule) -> bool {
        let pair = |(name, value): (&str, &str)| (Arc::from(name), Arc::from(value));
        let labels = LabelSet::new(rule.labels().map(pair));
        self.selectors.iter().any(|selector| labels.fits(selector))
    }
}

impl Page {
    pub(super) fn of(params: &Params) -> Result<Self, ApiError> {
        let limit = params.number("group_limit")?;
        let from = params.get("group_next_token").map(str::to_owned);
        match limit {
            None if from.is_some() => {
                let why = "group_limit needs to be present in order to paginate over the groups";
                Err(ApiError::parameter("group_next_token", why))
            }
            Some(..=0) => {
                Err(ApiError::parameter("group_limit", "group_limit needs to be greater than 0"))
            }
            limit => Ok(Self { limit: limit.and_then(|limit| limit.try_into().ok()), from }),
        }
    }

    /// The place of its first group.
    pub(super) fn start(&self, all: &[Arc<Watched>]) -> Result<usize, ApiError> {
        let Some(from) = &self.from else { return Ok(0) };
        let found = all.iter().position(|watched| token(&watched.group()) == *from);
        found.ok_or_else(|| {
            let why = format!("invalid group_next_token '{from}'. were rule groups changed?");
            ApiError::parameter("group_next_token", why)
        })
    }

    pub(super) fn is_full(&self, groups: usize) -> bool {
        self.limit.is_some_and(|limit| groups >= limit)
    }
}

/// What names a group to whoever asks for the next page: not its file, which not everybody may know.
pub(super) fn token(group: &Group) -> String {
    // FNV-1a of 128 bits.
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for byte in group.file.bytes().chain([0xff]).chain(group.name.bytes()) {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
    }
    format!("{hash:032x}")
}
