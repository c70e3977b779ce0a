use serde::Deserialize;
use watchfire_collect::TickSampler;
use watchfire_runtime::config::{Problems, Source, Spanned, closest};

/// What the agent reads of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectConfig {
    /// The names of the collectors that are left out.
    pub without: Vec<String>,
    /// False when the arguments of processes are not read at all. When they
    /// are, those that look like secrets are masked.
    pub arguments: bool,
}

impl Default for CollectConfig {
    fn default() -> Self {
        Self { without: Vec::new(), arguments: true }
    }
}

/// `[collect]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileCollect {
    #[serde(default)]
    without: Vec<Spanned<String>>,
    arguments: Option<bool>,
}

impl FileCollect {
    pub(super) fn read(self, source: &Source, problems: &mut Problems) -> CollectConfig {
        let known = TickSampler::collector_names();
        let mut config = CollectConfig::default();
        for name in self.without {
            let name = source.locate(name);
            if known.contains(&name.value.as_str()) {
                config.without.push(name.value);
                continue;
            }
            let problem = name.problem(format!("{:?} is no collector", name.value));
            problems.push(match closest(&name.value, &known) {
                Some(close) => problem.hint(format!("did you mean {close:?}?")),
                None => problem.hint(format!("choose from {}", known.join(", "))),
            });
        }
        config.arguments = self.arguments.unwrap_or(config.arguments);
        config
    }
}
