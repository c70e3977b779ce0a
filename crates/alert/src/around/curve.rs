//! One value of a server over a minute.

use watchfire_model::Status;

use crate::human;

/// The most values of a curve: a second one each.
pub(super) const MAX_VALUES: usize = 120;

/// What a curve shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CurveKind {
    /// How busy all processors are.
    Cpu,
    /// How much memory is in use.
    Memory,
    /// How busy the busiest disk is.
    Disk,
    /// What the busiest network device carries.
    Network,
}

impl CurveKind {
    const ALL: [Self; 4] = [Self::Cpu, Self::Memory, Self::Disk, Self::Network];
    pub(super) const LONGEST_LABEL: usize = 7;

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "Memory",
            Self::Disk => "Disk",
            Self::Network => "Network",
        }
    }

    /// What fills the picture; `None` where that is the curve's own highest value.
    fn whole(self) -> Option<f64> {
        (self != Self::Network).then_some(100.0)
    }

    fn of(self, status: &Status) -> Option<f64> {
        let most = |values: &mut dyn Iterator<Item = f64>| values.max_by(f64::total_cmp);
        match self {
            Self::Cpu => status.cpu_percent(),
            Self::Memory => (status.memory.total_bytes > 0).then(|| status.memory.used_percent()),
            Self::Disk => most(&mut status.disks.iter().filter_map(|disk| disk.busy_percent)),
            Self::Network => most(&mut status.networks.iter().filter_map(|device| {
                Some(device.received_bytes_per_s? + device.sent_bytes_per_s?)
            })),
        }
        .filter(|value| value.is_finite())
    }

    fn said(self, value: f64) -> String {
        match self {
            Self::Network => format!("{}/s", human::bytes(whole_bytes(value))),
            _ => human::percent(value),
        }
    }
}

/// The values of a server over a minute, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What they are.
    pub kind: CurveKind,
    /// The values; `None` where it is not known.
    pub values: Vec<Option<f64>>,
}

/// The curves of what a server told, oldest first; one that has no value is left out.
#[must_use]
pub fn curves(statuses: &[Status]) -> Vec<Curve> {
    let latest = &statuses[statuses.len().saturating_sub(MAX_VALUES)..];
    let curve = |kind: CurveKind| {
        let values: Vec<Option<f64>> = latest.iter().map(|status| kind.of(status)).collect();
        values.iter().any(Option::is_some).then_some(Curve { kind, values })
    };
    CurveKind::ALL.into_iter().filter_map(curve).collect()
}

impl Curve {
    /// Each value as a share of what fills the picture, 0 to 1.
    pub(super) fn shares(&self) -> Vec<Option<f64>> {
        let values = &self.values[self.values.len().saturating_sub(MAX_VALUES)..];
        let highest = values.iter().flatten().copied().fold(0.0, f64::max);
        let whole = self.kind.whole().unwrap_or(highest);
        let share = |value: f64| if whole > 0.0 { (value / whole).clamp(0.0, 1.0) } else { 0.0 };
        values.iter().map(|value| value.filter(|value| value.is_finite()).map(share)).collect()
    }

    /// `97.3 %, at most 99.1 %`; `None` for a curve without values.
    pub(super) fn words(&self) -> Option<String> {
        let known = || self.values.iter().flatten().copied().filter(|value| value.is_finite());
        let (last, most) = (known().next_back()?, known().max_by(f64::total_cmp)?);
        let (last, most) = (self.kind.said(last), self.kind.said(most));
        Some(if last == most { last } else { format!("{last}, at most {most}") })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn whole_bytes(value: f64) -> u64 {
    value.max(0.0).round() as u64
}
