use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::number;

static ENABLED: Family =
    Family::gauge("node_selinux_enabled", "SELinux is enabled, 1 is true, 0 is false", &[]);
static MODE: Family =
    Family::gauge("node_selinux_current_mode", "Current SELinux enforcement mode", &[]);

/// Whether SELinux is on, and whether it forbids (mode 1) or only warns
/// (mode 0), from the filesystem that the kernel offers where it is on.
#[derive(Debug)]
pub(super) struct SelinuxCollector {
    enforce: Source,
}

impl SelinuxCollector {
    pub(super) fn new() -> Self {
        Self { enforce: Source::new("sys/fs/selinux/enforce") }
    }
}

impl Collector for SelinuxCollector {
    fn name(&self) -> &'static str {
        "selinux"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("sys/fs/selinux/enforce")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        match self.enforce.read_if_there(reading.root)?.map(<[u8]>::trim_ascii) {
            None => reading.put(&ENABLED, &[], 0.0),
            Some(text) => {
                let Some(mode @ 0..=1) = number(text) else {
                    return Err(self.enforce.malformed("neither 0 nor 1"));
                };
                reading.put(&ENABLED, &[], 1.0);
                reading.put(&MODE, &[], if mode == 1 { 1.0 } else { 0.0 });
            }
        }
        Ok(Outcome::Read)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn it_is_off_warns_or_forbids() {
        let (mut bench, mut collector) = (Bench::new(&[]), SelinuxCollector::new());
        assert_eq!(bench.read(&mut collector, 0), ["node_selinux_enabled 0"]);
        for mode in ["0", "1"] {
            bench.write("sys/fs/selinux/enforce", mode);
            let expected =
                [format!("node_selinux_current_mode {mode}"), "node_selinux_enabled 1".to_owned()];
            assert_eq!(bench.read(&mut collector, 0), expected);
        }
        bench.write("sys/fs/selinux/enforce", "");
        assert!(bench.read(&mut collector, 0).is_empty());
        assert!(bench.faults[0].error.ends_with("neither 0 nor 1"), "{:?}", bench.faults);
    }
}
