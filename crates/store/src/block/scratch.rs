use super::dense::DenseScratch;

/// What reading works in, so that memory is taken once and not for each column.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    pub(super) numbers: Vec<i64>,
    /// Whether they are known never to fall.
    pub(super) rise: bool,
    /// Those of some ticks.
    pub(super) few: Vec<i64>,
    pub(super) values: Vec<f64>,
    pub(super) dense: DenseScratch,
}

impl Scratch {
    /// Scratch space that holds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
