//! Which columns go as another one goes: what the kernel counts in one place it
//! often counts in a second, and `MemTotal` less `MemAvailable` is as good as
//! `MemAvailable`. Such a column is told by what is left over.

use super::limits::MAX_DEPTH;
use super::numbers::{Estimate, estimate};

/// The column by which another one is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Relative {
    /// Its place; before the column that is told by it.
    pub(super) base: usize,
    /// Where it rises the other one falls.
    pub(super) opposite: bool,
}

/// At so many ticks the steps of all columns are compared.
const LOOKS: usize = 96;
/// A step is compared with so many that are next to it in size.
const NEIGHBOURS: usize = 4;
/// So many candidates of a column are kept while looking,
const CANDIDATES: usize = 12;
/// and so many are tried.
const TRIED: usize = 3;
/// What a relative must save, in bits: its own number, and the reading of it.
const LEAST_SAVED: f64 = 96.0;
/// Of what is left without a relative, it must save so much.
const LEAST_SHARE: f64 = 0.06;

/// Of a long column, so many stretches
const STRETCHES: usize = 6;
/// of so many ticks are tried.
const STRETCH: usize = 128;

#[derive(Debug, Clone, Copy)]
struct Candidate {
    relative: Relative,
    votes: u32,
}

/// What is left of `numbers` when `relative`, whose numbers are `base`, is taken off.
pub(super) fn left(numbers: &[i64], base: &[i64], opposite: bool, out: &mut Vec<i64>) {
    out.clear();
    let pairs = numbers.iter().zip(base);
    if opposite {
        out.extend(pairs.map(|(number, base)| number.wrapping_add(*base)));
    } else {
        out.extend(pairs.map(|(number, base)| number.wrapping_sub(*base)));
    }
}

/// Finds a relative for each of `columns` that gains by having one. All have one
/// number for each of the same ticks.
pub(super) fn find(columns: &[&[i64]]) -> Vec<Option<Relative>> {
    let candidates = look(columns);
    let samples: Vec<Vec<i64>> = columns.iter().map(|numbers| sample(numbers)).collect();
    let ticks = columns.first().map_or(1, |numbers| numbers.len()) as f64;
    let share = samples.first().map_or(1.0, |sample| sample.len() as f64 / ticks);
    let mut found: Vec<Option<Relative>> = Vec::with_capacity(columns.len());
    let mut depths = Vec::with_capacity(columns.len());
    let mut rest = Vec::new();
    for (numbers, mut candidates) in samples.iter().zip(candidates) {
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.votes));
        let mut best: (Estimate, Option<Relative>) = (estimate(numbers), None);
        let mut most = best.0.bits * (1.0 - LEAST_SHARE) - LEAST_SAVED * share;
        for candidate in candidates.iter().take(TRIED) {
            let Some(relative) = near_enough(candidate.relative, &found, &depths) else { continue };
            left(numbers, &samples[relative.base], relative.opposite, &mut rest);
            let cost = estimate(&rest);
            if cost.bits < most {
                (best, most) = ((cost, Some(relative)), cost.bits);
            }
        }
        depths.push(best.1.map_or(0, |relative| depths[relative.base] + 1));
        found.push(best.1);
    }
    found
}

/// Some stretches of a long column, spread over it: they tell as well whether it gains.
fn sample(numbers: &[i64]) -> Vec<i64> {
    if numbers.len() <= 2 * STRETCHES * STRETCH {
        return numbers.to_vec();
    }
    let apart = (numbers.len() - STRETCH) / (STRETCHES - 1);
    let stretches = (0..STRETCHES).flat_map(|number| &numbers[number * apart..][..STRETCH]);
    stretches.copied().collect()
}

/// The relative, or the one that it is itself told by when it is too far down.
fn near_enough(
    mut relative: Relative,
    found: &[Option<Relative>],
    depths: &[u8],
) -> Option<Relative> {
    while depths[relative.base] >= MAX_DEPTH {
        let above = found[relative.base]?;
        relative = Relative { base: above.base, opposite: relative.opposite != above.opposite };
    }
    Some(relative)
}

/// The columns before each one whose steps were often of about the same size.
fn look(columns: &[&[i64]]) -> Vec<Vec<Candidate>> {
    let mut candidates = vec![Vec::new(); columns.len()];
    let ticks = columns.first().map_or(0, |numbers| numbers.len());
    let mut steps: Vec<(u64, usize, bool)> = Vec::new();
    let mut seen = usize::MAX;
    for look in 0..LOOKS {
        let tick = 1 + look * ticks.saturating_sub(1) / LOOKS;
        if tick >= ticks || tick == seen {
            continue;
        }
        seen = tick;
        steps.clear();
        steps.extend(columns.iter().enumerate().filter_map(|(place, numbers)| {
            let step = numbers[tick].wrapping_sub(numbers[tick - 1]);
            (step != 0).then_some((step.unsigned_abs(), place, step < 0))
        }));
        steps.sort_unstable();
        for (number, &step) in steps.iter().enumerate() {
            for &other in steps[number + 1..].iter().take(NEIGHBOURS) {
                if other.0 - step.0 > step.0 / 8 {
                    break;
                }
                vote(&mut candidates, step, other);
            }
        }
    }
    candidates
}

fn vote(candidates: &mut [Vec<Candidate>], one: (u64, usize, bool), other: (u64, usize, bool)) {
    let relative = Relative { base: one.1.min(other.1), opposite: one.2 != other.2 };
    // Large steps are rarely of one size by chance.
    let votes = 1 + one.0.ilog2().min(16);
    let candidates = &mut candidates[one.1.max(other.1)];
    if let Some(known) = candidates.iter_mut().find(|known| known.relative == relative) {
        known.votes += votes;
    } else if candidates.len() < CANDIDATES {
        candidates.push(Candidate { relative, votes });
    } else if let Some(least) = candidates.iter_mut().min_by_key(|known| known.votes) {
        if least.votes <= votes {
            *least = Candidate { relative, votes };
        } else {
            least.votes -= votes;
        }
    }
}
