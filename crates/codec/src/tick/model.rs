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
    pub(crate) lengths: [[Probability; 64]; LEVELS],
    /// By the way of guessing and the last two signs.
    pub(crate) signs: [Probability; 4 * WAYS],
    pub(crate) tops: [[Probability; 4]; 64],
}

impl Model {
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
            lengths: [[any; 64]; LEVELS],
            signs: [any; 4 * WAYS],
            tops: [[any; 4]; 64],
        }
    }
}
