use super::{Collector, Outcome, Pace, Reading};
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::text::{lines, number, split_once};
use crate::{CollectError, Root};

/// Where the kernel's answer about its clock is, below a recorded root.
///
/// Lines of `key=value`, the fields of `struct timex` as `adjtimex(2)` gives
/// them, and `state`, its return value.
pub const TIMEX_PATH: &str = "recorded/timex";

/// The fields in the order of [`Answer`].
const KEYS: [&str; 17] = [
    "state", "status", "offset", "freq", "maxerror", "esterror", "constant", "tick", "ppsfreq",
    "jitter", "shift", "stabil", "jitcnt", "calcnt", "errcnt", "stbcnt", "tai",
];
const STATE: usize = 0;
const STATUS: usize = 1;

/// The state of a clock that nothing sets, of `adjtimex(2)`.
const TIME_ERROR: i64 = 5;
/// The bit of the status that makes offsets nanoseconds.
const STA_NANO: i64 = 0x2000;

/// What a field counts.
#[derive(Debug, Clone, Copy)]
enum Unit {
    One,
    Microseconds,
    /// Nanoseconds or microseconds, as the status says.
    Fine,
    /// Millionths, with 16 bits behind the point.
    Millionths,
    /// The same, as what is added to 1.
    Ratio,
}

/// The metrics, the fields they come from and the fields' units.
static METRICS: [(Family, &str, Unit); 17] = [
    (
        gauge(
            "node_timex_offset_seconds",
            "Time offset in between local system and reference clock.",
        ),
        "offset",
        Unit::Fine,
    ),
    (
        gauge("node_timex_frequency_adjustment_ratio", "Local clock frequency adjustment."),
        "freq",
        Unit::Ratio,
    ),
    (
        gauge("node_timex_maxerror_seconds", "Maximum error in seconds."),
        "maxerror",
        Unit::Microseconds,
    ),
    (
        gauge("node_timex_estimated_error_seconds", "Estimated error in seconds."),
        "esterror",
        Unit::Microseconds,
    ),
    (gauge("node_timex_status", "Value of the status array bits."), "status", Unit::One),
    (
        gauge("node_timex_loop_time_constant", "Phase-locked loop time constant."),
        "constant",
        Unit::One,
    ),
    (gauge("node_timex_tick_seconds", "Seconds between clock ticks."), "tick", Unit::Microseconds),
    (
        gauge("node_timex_pps_frequency_hertz", "Pulse per second frequency."),
        "ppsfreq",
        Unit::Millionths,
    ),
    (gauge("node_timex_pps_jitter_seconds", "Pulse per second jitter."), "jitter", Unit::Fine),
    (
        gauge("node_timex_pps_shift_seconds", "Pulse per second interval duration."),
        "shift",
        Unit::One,
    ),
    (
        gauge(
            "node_timex_pps_stability_hertz",
            "Pulse per second stability, average of recent frequency changes.",
        ),
        "stabil",
        Unit::Millionths,
    ),
    (
        counter(
            "node_timex_pps_jitter_total",
            "Pulse per second count of jitter limit exceeded events.",
        ),
        "jitcnt",
        Unit::One,
    ),
    (
        counter(
            "node_timex_pps_calibration_total",
            "Pulse per second count of calibration intervals.",
        ),
        "calcnt",
        Unit::One,
    ),
    (
        counter("node_timex_pps_error_total", "Pulse per second count of calibration errors."),
        "errcnt",
        Unit::One,
    ),
    (
        counter(
            "node_timex_pps_stability_exceeded_total",
            "Pulse per second count of stability limit exceeded events.",
        ),
        "stbcnt",
        Unit::One,
    ),
    (
        gauge("node_timex_tai_offset_seconds", "International Atomic Time (TAI) offset."),
        "tai",
        Unit::One,
    ),
    (
        gauge(
            "node_timex_sync_status",
            "Is clock synchronized to a reliable server (1 = yes, 0 = no).",
        ),
        "state",
        Unit::One,
    ),
];

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, &[])
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, &[])
}

/// Whether something keeps the clock right, and how far it may be off, as the
/// kernel knows from the program that sets it.
#[derive(Debug)]
pub(super) struct TimexCollector;

impl Collector for TimexCollector {
    fn name(&self) -> &'static str {
        "timex"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        &[]
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let Some(answer) = Answer::of(reading.root)? else { return Ok(Outcome::NotHere) };
        for (family, key, unit) in &METRICS {
            let value = if *key == KEYS[STATE] {
                f64::from(u8::from(answer.0[STATE] != TIME_ERROR))
            } else {
                answer.value(key, *unit)
            };
            reading.put(family, &[], value);
        }
        Ok(Outcome::Read)
    }
}

/// What `adjtimex(2)` says, in the order of [`KEYS`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer([i64; KEYS.len()]);

impl Answer {
    /// `None` where a sandbox forbids the question or nothing was recorded.
    fn of(root: &Root) -> Result<Option<Self>, CollectError> {
        if root.is_live() {
            return Ok(asked());
        }
        let path = root.join(TIMEX_PATH);
        match root.read(TIMEX_PATH) {
            Ok(text) => match Self::parse(&text) {
                Some(answer) => Ok(Some(answer)),
                None => Err(CollectError::malformed(&path, "not an answer of adjtimex")),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CollectError::unreadable(&path, error)),
        }
    }

    /// Every key must be there.
    fn parse(text: &[u8]) -> Option<Self> {
        let mut values = [None; KEYS.len()];
        for (key, value) in lines(text).filter_map(|line| split_once(line, b'=')) {
            if let Some(at) = KEYS.iter().position(|known| known.as_bytes() == key) {
                values[at] = signed(value);
            }
        }
        let mut answer = Self([0; KEYS.len()]);
        for (known, value) in answer.0.iter_mut().zip(values) {
            *known = value?;
        }
        Some(answer)
    }

    fn text(&self) -> String {
        KEYS.iter().zip(self.0).map(|(key, value)| format!("{key}={value}\n")).collect()
    }

    fn value(&self, key: &str, unit: Unit) -> f64 {
        let at = KEYS.iter().position(|known| *known == key).unwrap_or(STATUS);
        let value = self.0[at];
        let number = as_f64(value.unsigned_abs()) * if value < 0 { -1.0 } else { 1.0 };
        let millionths = number / (1e6 * 65536.0);
        match unit {
            Unit::One => number,
            Unit::Microseconds => number / 1e6,
            Unit::Fine if self.0[STATUS] & STA_NANO != 0 => number / 1e9,
            Unit::Fine => number / 1e6,
            Unit::Millionths => millionths,
            Unit::Ratio => 1.0 + millionths,
        }
    }
}

/// The content of [`TIMEX_PATH`] for this machine. `None` where a sandbox
/// forbids the question.
pub(crate) fn live_text() -> Option<String> {
    asked().map(|answer| answer.text())
}

fn signed(word: &[u8]) -> Option<i64> {
    match word.strip_prefix(b"-") {
        Some(digits) => 0_i64.checked_sub_unsigned(number(digits)?),
        None => i64::try_from(number(word)?).ok(),
    }
}

#[expect(unsafe_code, reason = "no safe wrapper that is here has this call")]
#[allow(clippy::useless_conversion, reason = "a long has 32 bits elsewhere")]
fn asked() -> Option<Answer> {
    let mut timex = std::mem::MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: the struct is plain numbers, for which zero is a value, so it is
    // initialised. The pointer is to it, and the call keeps none. `modes` is
    // zero, so the call reads the clock's state and changes nothing.
    let (state, timex) = unsafe { (libc::adjtimex(timex.as_mut_ptr()), timex.assume_init()) };
    if state < 0 {
        return None;
    }
    Some(Answer([
        state.into(),
        timex.status.into(),
        timex.offset.into(),
        timex.freq.into(),
        timex.maxerror.into(),
        timex.esterror.into(),
        timex.constant.into(),
        timex.tick.into(),
        timex.ppsfreq.into(),
        timex.jitter.into(),
        timex.shift.into(),
        timex.stabil.into(),
        timex.jitcnt.into(),
        timex.calcnt.into(),
        timex.errcnt.into(),
        timex.stbcnt.into(),
        timex.tai.into(),
    ]))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    fn text(changes: &[(&str, i64)]) -> String {
        let mut answer = Answer([0; KEYS.len()]);
        for (key, value) in changes {
            answer.0[KEYS.iter().position(|known| known == key).unwrap()] = *value;
        }
        answer.text()
    }

    fn read(text: &str) -> (Vec<String>, Bench) {
        let mut bench = Bench::new(&[(TIMEX_PATH, text)]);
        let lines = bench.read(&mut TimexCollector, 0);
        (below(&lines, "node_timex_").into_iter().map(str::to_owned).collect(), bench)
    }

    #[test]
    fn a_clock_that_is_kept_right() {
        let (lines, _) = read(&text(&[
            ("status", 0x2001),
            ("offset", -1_500_000),
            ("freq", -65_536 * 20),
            ("maxerror", 250_000),
            ("esterror", 7),
            ("constant", 10),
            ("tick", 10_000),
            ("jitter", 1),
            ("stabil", 65_536),
            ("tai", 37),
        ]));
        let expected = [
            "estimated_error_seconds 0.000007",
            "frequency_adjustment_ratio 0.99998",
            "loop_time_constant 10",
            "maxerror_seconds 0.25",
            "offset_seconds -0.0015",
            "pps_calibration_total 0",
            "pps_error_total 0",
            "pps_frequency_hertz 0",
            "pps_jitter_seconds 0.000000001",
            "pps_jitter_total 0",
            "pps_shift_seconds 0",
            "pps_stability_exceeded_total 0",
            "pps_stability_hertz 0.000001",
            "status 8193",
            "sync_status 1",
            "tai_offset_seconds 37",
            "tick_seconds 0.01",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_clock_that_nothing_sets_in_microseconds() {
        let (lines, _) = read(&text(&[("state", TIME_ERROR), ("status", 64), ("offset", 5)]));
        assert_eq!(below(&lines, "sync_status"), [" 0"]);
        assert_eq!(below(&lines, "offset_seconds"), [" 0.000005"]);
    }

    #[test]
    fn a_cut_answer_is_a_fault_and_none_is_not() {
        let whole = text(&[]);
        for bad in ["", "state=0\n", &whole.replace("tai=0", "tai=x"), &whole[7..]] {
            let (lines, bench) = read(bad);
            assert!(lines.is_empty(), "{lines:?}");
            assert!(bench.faults[0].error.ends_with("not an answer of adjtimex"), "{bad}");
        }
        let mut bench = Bench::new(&[]);
        bench.read(&mut TimexCollector, 0);
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }

    #[test]
    fn every_metric_has_its_field() {
        let known = |key: &&str| KEYS.contains(key);
        assert!(METRICS.iter().all(|(_, key, _)| known(key)));
        assert_eq!(signed(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(
            (signed(b"-"), signed(b"--1"), signed(b"9223372036854775808")),
            (None, None, None)
        );
    }

    /// A field that is read from the wrong place would not be of this size.
    #[test]
    fn the_kernel_of_this_machine_answers() {
        let Some(answer) = asked() else { return };
        let tick = answer.value("tick", Unit::Microseconds);
        assert!((0.0009..=0.0111).contains(&tick), "{answer:?}");
        assert!((0..=TIME_ERROR).contains(&answer.0[STATE]), "{answer:?}");
        assert_eq!(Answer::parse(answer.text().as_bytes()), Some(answer));
    }
}
