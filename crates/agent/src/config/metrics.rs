use serde::Deserialize;

/// Who gets the metrics without a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MetricsConfig {
    /// True when every program on this machine does: whoever asks over
    /// loopback, and for nobody else as a proxy would.
    pub open_on_loopback: bool,
}

/// `[metrics]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileMetrics {
    open_on_loopback: Option<bool>,
}

impl FileMetrics {
    pub(super) fn read(self) -> MetricsConfig {
        let usual = MetricsConfig::default();
        let open_on_loopback = self.open_on_loopback.unwrap_or(usual.open_on_loopback);
        MetricsConfig { open_on_loopback }
    }
}
