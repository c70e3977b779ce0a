use crate::seeded::Seeded;

/// How one server differs from the recorded machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Variation {
    /// Where in the recording it begins, in ticks.
    pub(super) phase: u64,
    /// Thousandths of the recorded busy time.
    pub(super) cpu: i64,
    /// Thousandths of the recorded network traffic.
    pub(super) traffic: i64,
    /// Thousandths of what the recorded disks did.
    pub(super) disk: i64,
    /// How much more memory there is.
    pub(super) memory: f64,
    /// How much larger the filesystems are.
    pub(super) filesystem: f64,
    /// Thousandths of the recorded machine's age, which its counters began with.
    pub(super) age: i64,
}

impl Variation {
    /// Of the server with this number.
    pub(super) fn of(seed: u64, number: u64, round: u64) -> Self {
        let mut draw = Seeded::part(seed, "variation", number);
        let mut thousandths = |from, to| i64::try_from(draw.within(from, to)).unwrap_or(1000);
        let cpu = thousandths(150, 1000);
        let traffic = thousandths(100, 20_000);
        let disk = thousandths(50, 3000);
        let age = thousandths(100, 4000);
        Self {
            phase: draw.below(round),
            cpu,
            traffic,
            disk,
            // Powers of two keep the digits that the codec knows.
            memory: (1_u64 << draw.below(4)) as f64,
            filesystem: (1_u64 << draw.below(3)) as f64,
            age,
        }
    }
}
