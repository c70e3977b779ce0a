//! What one server told in a part of a stretch.

use std::collections::HashMap;

use watchfire_model::{FoundSeries, Scope, ServerName, SourceError, is_absent};
use watchfire_store::Outgoing;

use super::ROUND_SAMPLES;
use crate::archive::Archive;

/// The longest part of a stretch that is read at once, in milliseconds.
const MAX_SPAN_MS: i64 = 60_000;
/// A tick is seldom older than this when the next one comes.
const BEFORE_MS: i64 = 15_000;
/// More samples of one server in such a part are not handed over.
const MAX_SAMPLES: usize = 20_000_000;

/// A part of a stretch, read.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) of: Outgoing,
    /// Up to and with this moment.
    pub(super) to_ms: i64,
    pub(super) series: Vec<FoundSeries>,
}

impl Piece {
    /// The samples of a series that are to be handed over. Of a series that ended the end is
    /// told once.
    pub(super) fn samples<'a>(
        &'a self,
        series: &'a FoundSeries,
    ) -> impl Iterator<Item = (i64, f64)> + 'a {
        let both = series.samples.times().iter().copied().zip(series.samples.values());
        let mut was_there = false;
        both.filter_map(move |(at, &value)| {
            let ended = is_absent(value);
            let told = !ended || was_there;
            was_there = !ended;
            (told && (self.of.from_ms..=self.to_ms).contains(&at)).then_some((at, value))
        })
    }
}

/// Reads the beginning of each stretch, until it is enough for a round. Of a server that is not
/// in the scope, or not watched any more, nothing is read, and nothing is left to be done. What
/// cannot be read now stays, and `failed` is told.
pub(super) fn read(
    archive: &Archive,
    scope: &Scope,
    stretches: Vec<Outgoing>,
    mut failed: impl FnMut(SourceError),
) -> Vec<Piece> {
    let names = if stretches.is_empty() { HashMap::new() } else { archive.names(scope) };
    let mut samples = 0;
    let mut pieces = Vec::new();
    for of in stretches {
        if samples >= ROUND_SAMPLES {
            break;
        }
        match piece(archive, names.get(&of.server), of) {
            Ok(piece) => {
                samples += piece.series.iter().map(|one| one.samples.len()).sum::<usize>();
                pieces.push(piece);
            }
            Err(error) => failed(error),
        }
    }
    pieces
}

fn piece(archive: &Archive, name: Option<&ServerName>, of: Outgoing) -> Result<Piece, SourceError> {
    let Some(name) = name else {
        return Ok(Piece { to_ms: of.to_ms, of, series: Vec::new() });
    };
    let to_ms = of.to_ms.min(of.from_ms.saturating_add(MAX_SPAN_MS));
    // From a little earlier on: of a series that ends right here its end is to be told.
    let from_ms = of.from_ms.saturating_sub(BEFORE_MS);
    let series = archive.stretch_of(name, (from_ms, to_ms), MAX_SAMPLES)?;
    Ok(Piece { of, to_ms, series })
}
