//! Answers as they leave: in pieces that are written when the client takes them, so that no
//! answer stands in memory as text, and what is written is let go.

use std::convert::Infallible;
use std::vec::IntoIter;

use axum::body::{Body, Bytes};
use tokio::sync::OwnedSemaphorePermit;
use watchfire_model::LabelSet;
use watchfire_promql::{Sample, Series};

use super::json;

/// A piece is sent once it has so many bytes: little work between two looks at other tasks.
const PIECE: usize = 16 << 10;

/// What a JSON array is made of.
pub(super) enum Items {
    /// `{"metric":{…},"value":[…]}`
    Vector(IntoIter<Sample>),
    /// `{"metric":{…},"values":[[…],…]}`
    Matrix(IntoIter<Series>),
    /// Label sets.
    Labels(IntoIter<LabelSet>),
    /// Texts.
    Texts(IntoIter<String>),
    /// Whatever writes itself.
    Written(IntoIter<Vec<u8>>),
}

/// A text with many items in the middle of it.
pub(super) struct Pieces {
    items: Items,
    /// What stands between two items.
    between: &'static [u8],
    is_first: bool,
    /// The series that is being written, and how many of its points are.
    open: Option<(Series, usize)>,
    out: Vec<u8>,
    tail: Option<Vec<u8>>,
    /// The answer's place among those that are being sent.
    _room: Option<OwnedSemaphorePermit>,
}

impl Pieces {
    /// `head`, the items with commas between them, `tail`.
    pub(super) fn new(
        head: Vec<u8>,
        items: Items,
        tail: Vec<u8>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let between = b",";
        Self {
            items,
            between,
            is_first: true,
            open: None,
            out: head,
            tail: Some(tail),
            _room: room,
        }
    }

    /// The items with nothing between them.
    pub(super) fn in_a_row(items: IntoIter<Vec<u8>>, room: Option<OwnedSemaphorePermit>) -> Self {
        let between = b"";
        Self { between, ..Self::new(Vec::new(), Items::Written(items), Vec::new(), room) }
    }

    /// The body of an answer.
    pub(super) fn into_body(self) -> Body {
        let pieces = self.map(Ok::<_, Infallible>);
        Body::from_stream(futures_util::stream::iter(pieces))
    }

    /// Writes some more; false when all items are written.
    fn write_on(&mut self) -> bool {
        if self.open.is_some() {
            self.write_points();
            return true;
        }
        let Self { items, out, is_first, between, .. } = self;
        let mut begin = |out: &mut Vec<u8>| {
            if !std::mem::take(is_first) {
                out.extend_from_slice(between);
            }
        };
        match items {
            Items::Vector(samples) => {
                let Some(sample) = samples.next() else { return false };
                begin(out);
                out.extend_from_slice(b"{\"metric\":");
                json::labels(out, &sample.labels);
                out.extend_from_slice(b",\"value\":");
                json::point(out, sample.at_ms, sample.value);
                out.push(b'}');
            }
            Items::Matrix(all) => {
                let Some(series) = all.next() else { return false };
                begin(out);
                out.extend_from_slice(b"{\"metric\":");
                json::labels(out, &series.labels);
                out.extend_from_slice(b",\"values\":[");
                self.open = Some((series, 0));
            }
            Items::Labels(sets) => {
                let Some(set) = sets.next() else { return false };
                begin(out);
                json::labels(out, &set);
            }
            Items::Texts(texts) => {
                let Some(text) = texts.next() else { return false };
                begin(out);
                json::text(out, &text);
            }
            Items::Written(texts) => {
                let Some(text) = texts.next() else { return false };
                begin(out);
                out.extend_from_slice(&text);
            }
        }
        true
    }

    fn write_points(&mut self) {
        let Some((series, written)) = &mut self.open else { return };
        let points = series.times.iter().zip(&series.values).skip(*written);
        for (at_ms, value) in points {
            if self.out.len() >= PIECE {
                return;
            }
            if *written > 0 {
                self.out.push(b',');
            }
            json::point(&mut self.out, *at_ms, *value);
            *written += 1;
        }
        self.out.extend_from_slice(b"]}");
        self.open = None;
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        while self.out.len() < PIECE && self.write_on() {}
        if self.out.len() < PIECE {
            self.out.extend(self.tail.take().unwrap_or_default());
        }
        let piece = std::mem::replace(&mut self.out, Vec::with_capacity(PIECE + (PIECE >> 2)));
        (!piece.is_empty()).then(|| piece.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pieces: Pieces) -> (String, usize) {
        let pieces: Vec<Bytes> = pieces.collect();
        (String::from_utf8(pieces.concat()).expect("text"), pieces.len())
    }

    fn matrix(series: usize, points: usize) -> Items {
        let one = |number: usize| Series {
            labels: LabelSet::of(&[("n", &number.to_string())]),
            times: (0..points).map(|at| at as i64 * 15_000).collect(),
            values: (0..points).map(|at| at as f64 / 7.0).collect(),
        };
        Items::Matrix((0..series).map(one).collect::<Vec<_>>().into_iter())
    }

    #[test]
    fn pieces_together_are_the_whole() {
        let small = text(Pieces::new(b"[".to_vec(), matrix(2, 2), b"]".to_vec(), None));
        let series = |n| {
            format!(r#"{{"metric":{{"n":"{n}"}},"values":[[0,"0"],[15,"0.14285714285714285"]]}}"#)
        };
        assert_eq!(small, (format!("[{},{}]", series(0), series(1)), 1));
        let (none, _) = text(Pieces::new(b"[".to_vec(), matrix(0, 0), b"]".to_vec(), None));
        assert_eq!(none, "[]");
    }

    #[test]
    fn a_large_answer_leaves_in_small_pieces_and_stays_valid() {
        let pieces = Pieces::new(b"[".to_vec(), matrix(3, 11_000), b"]".to_vec(), None);
        let all: Vec<Bytes> = pieces.collect();
        assert!(all.len() > 30 && all.iter().all(|piece| piece.len() < 2 * PIECE));
        let read: serde_json::Value = serde_json::from_slice(&all.concat()).expect("JSON");
        assert_eq!(read[2]["values"].as_array().map(Vec::len), Some(11_000));
    }
}
