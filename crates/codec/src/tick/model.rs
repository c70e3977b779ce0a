use super::predict::WAYS;
use super::series::CALM_ROWS;
use crate::coder::Probability;

/// Rows by how many bits a series' guesses leave over.
const LEVELS: usize = 24;

/// What is learnt from all series of a chain together: how likely each bit of
/// a description is. Both ends begin a chain with all of it unknown.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    /// That a first value is absent, and that an absent one stays so.
    pub(crate) absent: [Probability; 2],
    /// That a first value has its neighbour's unit, and its number.
    pub(crate) same_unit: Probability,
    pub(crate) same_number: Probability,
    pub(crate) first_lengths: [Probability; 128],
    pub(crate) first_sign: Probability,
    /// That a guess is right, by the series' past and that of its neighbours.
    pub(crate) hit: [[Probability; 4]; CALM_ROWS],
    /// That a value is none that the unit counts.
    pub(crate) escape: Probability,
    /// That what a guess left over has more than 32 bits.
    pub(crate) long: [Probability; LEVELS],
    /// How many bits it has, where they are few.
    lengths: [[Probability; 32]; LEVELS],
    /// The same where they are many, which most servers never have: counters do not
    /// go so far in a second. Only then there is memory for it.
    long_lengths: Option<Box<[[Probability; 32]; LEVELS]>>,
    /// By the way of guessing and the last two signs.
    pub(crate) signs: [Probability; 4 * WAYS],
    pub(crate) tops: [[Probability; 4]; 64],
}

impl Model {
    /// What `lengths` or `long_lengths` hold for a row of them.
    pub(crate) fn lengths(&mut self, row: usize, long: bool) -> &mut [Probability; 32] {
        if !long {
            return &mut self.lengths[row];
        }
        let unknown = || Box::new([[Probability::default(); 32]; LEVELS]);
        &mut self.long_lengths.get_or_insert_with(unknown)[row]
    }

    /// The row of `lengths` for a series whose guesses leave `level / 16` bits.
    pub(crate) fn level(level: u16) -> usize {
        (usize::from(level) / 16).min(LEVELS - 1)
    }
}

impl Default for Model {
    fn default() -> Self {
        let any = Probability::default();
        Self {
            absent: [any; 2],
            same_unit: any,
            same_number: any,
            first_lengths: [any; 128],
            first_sign: any,
            hit: [[any; 4]; CALM_ROWS],
            escape: any,
            long: [any; LEVELS],
            lengths: [[any; 32]; LEVELS],
            long_lengths: None,
            signs: [any; 4 * WAYS],
            tops: [[any; 4]; 64],
        }
    }
}
