//! All that is known of one server in a stretch of time, for those who copy it.

use std::collections::HashMap;

use watchfire_model::{FoundSeries, Hint, MatchOp, Matcher, Scope, Selection, SeriesSource};
use watchfire_model::{ServerName, SourceError};

use super::Archive;

impl Archive {
    /// The names of the servers in `scope`, by their keys in the history.
    pub(crate) fn names(&self, scope: &Scope) -> HashMap<String, ServerName> {
        let places = self.0.places.of(&self.0.fleet, scope);
        places.iter().map(|place| (place.key.clone(), place.name().clone())).collect()
    }

    /// Every series of a server between these moments, both included, in Unix milliseconds. It
    /// blocks, and some samples may lie beside the stretch.
    ///
    /// # Errors
    /// [`SourceError`] when it cannot be read, or has more than `max_samples`.
    pub(crate) fn stretch_of(
        &self,
        name: &ServerName,
        (from_ms, to_ms): (i64, i64),
        max_samples: usize,
    ) -> Result<Vec<FoundSeries>, SourceError> {
        let matcher = Matcher::new("instance", MatchOp::Equal, name.as_str())
            .map_err(|error| SourceError::Unreadable(error.to_string()))?;
        let found = self.source(&Scope::everything()).select(&Selection {
            matchers: &[matcher],
            after_ms: from_ms.saturating_sub(1),
            until_ms: to_ms,
            hint: Hint { range_ms: to_ms.saturating_sub(from_ms), ..Hint::default() },
            max_series: usize::MAX,
            max_samples,
            out_of_time: &|| false,
        })?;
        Ok(found.items)
    }
}
