//! Samples as bodies of requests.

use watchfire_api::remote_write::message::{Label, Sample, TimeSeries, WriteRequest};
use watchfire_api::remote_write::pack_request;
use watchfire_model::LabelSet;

use super::piece::Piece;

/// The most samples of one request: receivers limit what they take at once.
const MAX_SAMPLES: usize = 10_000;

/// A body that is ready to be sent.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) body: Vec<u8>,
    pub(super) samples: u64,
}

/// All samples of these pieces, in requests of a limited size: made one after the other, as each
/// was sent.
pub(super) fn requests(pieces: &[Piece]) -> impl Iterator<Item = Request> {
    let mut series = pieces.iter().flat_map(|piece| {
        let of_piece = move |one| (one, piece.samples(one).collect::<Vec<_>>());
        piece.series.iter().map(of_piece).filter(|(_, samples)| !samples.is_empty())
    });
    std::iter::from_fn(move || {
        let mut request = WriteRequest::default();
        let mut samples = 0;
        while samples < MAX_SAMPLES {
            let Some((one, new)) = series.next() else { break };
            samples += new.len();
            request.series.push(time_series(&one.labels, &new));
        }
        (samples > 0).then(|| packed(&request, samples))
    })
}

fn packed(request: &WriteRequest, samples: usize) -> Request {
    let body = pack_request(request).expect("it is far below four gigabytes");
    Request { body, samples: samples as u64 }
}

fn time_series(labels: &LabelSet, samples: &[(i64, f64)]) -> TimeSeries {
    let label =
        |(name, value): (&str, &str)| Label { name: name.to_owned(), value: value.to_owned() };
    let sample = |&(at_ms, value): &(i64, f64)| Sample { value, at_ms };
    TimeSeries {
        labels: labels.iter().map(label).collect(),
        samples: samples.iter().map(sample).collect(),
        ..TimeSeries::default()
    }
}
