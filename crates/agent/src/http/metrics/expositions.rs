use std::io;
use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::Mutex;
use watchfire_api::exposition::{Compressor, Encoding, Format, Readings, Renderer};
use watchfire_model::Schema;
use watchfire_runtime::task;

use crate::sampler::{Sample, TickSnapshot};

/// Writes the ticks for scrapers. However many ask, a tick is written at most
/// once in each format and encoding, and one writing is under way at a time.
#[derive(Debug, Default)]
pub(crate) struct Expositions(Arc<Mutex<Desk>>);

/// A body, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) body: Bytes,
    /// Series that there was no room for.
    pub(super) left_out: u64,
}

/// Everything that writing needs. Nothing of it is there before the first scrape.
#[derive(Debug, Default)]
struct Desk {
    renderer: Renderer,
    compressor: Compressor,
    /// The schema that the renderer knows. Holding it keeps another one from
    /// being at the same address.
    schema: Option<Arc<Schema>>,
    text: Vec<u8>,
    /// Which tick and format the text is of, and what was left out of it.
    text_is: Option<(u64, Format, u64)>,
    /// What was written of the latest tick.
    written: Vec<(u64, Format, Encoding, Served)>,
}

impl Expositions {
    /// The sample in that format and encoding.
    ///
    /// # Errors
    /// When it cannot be compressed, or when writing panicked.
    pub(super) async fn serve(
        &self,
        sample: Arc<Sample<TickSnapshot>>,
        format: Format,
        encoding: Encoding,
    ) -> io::Result<Served> {
        let mut desk = Arc::clone(&self.0).lock_owned().await;
        if let Some(served) = desk.find(sample.number, format, encoding) {
            return Ok(served);
        }
        // The desk is held by the work itself: a scraper that hangs up must not
        // make room for another while it goes on.
        let write = move || desk.write(&sample, format, encoding);
        task::blocking("write the metrics", write).await.map_err(io::Error::other)?
    }
}

impl Desk {
    fn find(&self, number: u64, format: Format, encoding: Encoding) -> Option<Served> {
        let asked = (number, format, encoding);
        let found = self.written.iter().find(|(n, f, e, _)| (*n, *f, *e) == asked);
        found.map(|(.., served)| served.clone())
    }

    fn write(
        &mut self,
        sample: &Sample<TickSnapshot>,
        format: Format,
        encoding: Encoding,
    ) -> io::Result<Served> {
        let number = sample.number;
        self.written.retain(|(of, ..)| *of >= number);
        let left_out = self.render(number, &sample.value, format);
        let mut body = Vec::new();
        self.compressor.compress(encoding, &self.text, &mut body)?;
        body.shrink_to_fit();
        let served = Served { body: body.into(), left_out };
        self.written.push((number, format, encoding, served.clone()));
        Ok(served)
    }

    /// Sees to it that the text is of this tick and format.
    fn render(&mut self, number: u64, snapshot: &TickSnapshot, format: Format) -> u64 {
        if let Some((of, in_format, left_out)) = self.text_is
            && (of, in_format) == (number, format)
        {
            return left_out;
        }
        if !self.schema.as_ref().is_some_and(|known| Arc::ptr_eq(known, &snapshot.schema)) {
            // After a panic of the sampler a generation may begin anew.
            self.renderer.forget();
            self.schema = Some(Arc::clone(&snapshot.schema));
        }
        self.text_is = None;
        self.text.clear();
        let TickSnapshot { schema, metrics, tick } = snapshot;
        let readings = Readings { schema, metrics, tick };
        let rendered = self.renderer.render(&readings, format, &mut self.text);
        let left_out = u64::try_from(rendered.left_out).unwrap_or(u64::MAX);
        self.text_is = Some((number, format, left_out));
        left_out
    }
}

#[cfg(test)]
mod tests {
    use watchfire_model::{SeriesKey, Tick};

    use super::*;

    fn sample(number: u64, name: &str, value: f64) -> Arc<Sample<TickSnapshot>> {
        let mut schema = Schema::new(1);
        schema.push(SeriesKey::new(name, []).expect("a name"));
        let tick = Tick { generation: 1, values: vec![value], ..Tick::default() };
        let value = TickSnapshot { schema: Arc::new(schema), metrics: Arc::default(), tick };
        Arc::new(Sample { number, value })
    }

    async fn text(expositions: &Expositions, sample: Arc<Sample<TickSnapshot>>) -> Bytes {
        let served = expositions.serve(sample, Format::Text, Encoding::Identity).await;
        served.expect("it is written").body
    }

    #[tokio::test]
    async fn one_tick_is_written_once() {
        let expositions = Expositions::default();
        let first = text(&expositions, sample(1, "a", 1.0)).await;
        // Another content under the same number shows whether it is written again.
        let again = text(&expositions, sample(1, "a", 2.0)).await;
        assert_eq!((first.as_ptr(), &first[..]), (again.as_ptr(), &b"# TYPE a untyped\na 1\n"[..]));
        let packed = expositions.serve(sample(1, "a", 3.0), Format::Text, Encoding::Zstd);
        let packed = packed.await.expect("it is written").body;
        assert_ne!(packed, first);
        let next = text(&expositions, sample(2, "a", 2.0)).await;
        assert_eq!(&next[..], b"# TYPE a untyped\na 2\n");
        assert_eq!(expositions.0.lock().await.written.len(), 1, "of one tick only");
    }

    #[tokio::test]
    async fn a_schema_that_looks_the_same_is_learned_anew() {
        let expositions = Expositions::default();
        text(&expositions, sample(1, "a", 1.0)).await;
        let other = text(&expositions, sample(2, "b", 1.0)).await;
        assert_eq!(&other[..], b"# TYPE b untyped\nb 1\n");
    }
}
