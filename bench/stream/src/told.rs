//! What the simulated fleet tells on its stdout, one JSON object a line.

use serde::Deserialize;

/// One line.
pub(crate) enum Told {
    Happening(Happening),
    Counts(Counts),
}

/// Something began to happen.
#[derive(Deserialize)]
pub(crate) struct Happening {
    pub(crate) begun_monotonic_ns: u64,
    pub(crate) what: String,
    pub(crate) servers: Vec<String>,
}

/// What the fleet did so far.
#[derive(Deserialize, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) connected: u64,
    pub(crate) ticks: u64,
    pub(crate) missed_ticks: u64,
    pub(crate) late_us: u64,
    pub(crate) lost_streams: u64,
    pub(crate) stream_bytes: u64,
    pub(crate) alives: u64,
    pub(crate) pulses: u64,
    pub(crate) echoes: u64,
}

/// What a line tells; `None` for any other line.
pub(crate) fn told(line: &str) -> Option<Told> {
    serde_json::from_str(line)
        .map(Told::Happening)
        .or_else(|_| serde_json::from_str(line).map(Told::Counts))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let line = r#"{"at_s":1.0,"begun_monotonic_ns":7,"lasts_s":20.0,"servers":["web-1"],"what":"killed"}"#;
        assert!(matches!(told(line), Some(Told::Happening(one)) if one.begun_monotonic_ns == 7));
        let line = r#"{"connected":1,"ticks":2,"missed_ticks":3,"late_us":4,"lost_streams":5,"stream_bytes":6,"alives":7,"pulses":8,"echoes":9}"#;
        assert!(matches!(told(line), Some(Told::Counts(counts)) if counts.echoes == 9));
        assert!(told("Enrolling 3 servers").is_none());
    }
}
