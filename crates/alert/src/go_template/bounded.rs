//! A text that cannot grow without end.

/// A text that takes no more than its limit.
#[derive(Debug)]
pub(super) struct Bounded {
    text: String,
    limit: usize,
}

impl Bounded {
    pub(super) fn new(limit: usize) -> Self {
        Self { text: String::new(), limit }
    }

    /// Adds `more`.
    ///
    /// # Errors
    /// Words when the text would pass its limit.
    pub(super) fn push(&mut self, more: &str) -> Result<(), String> {
        if self.text.len() + more.len() > self.limit {
            return Err(format!("the text grows past {} bytes", self.limit));
        }
        self.text.push_str(more);
        Ok(())
    }

    /// Adds `what` so often.
    pub(super) fn repeat(&mut self, what: char, times: usize) -> Result<(), String> {
        let mut buffer = [0; 4];
        let what = &*what.encode_utf8(&mut buffer);
        (0..times).try_for_each(|_| self.push(what))
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}
