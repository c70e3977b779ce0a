//! Letters in the operator's own words: templates in the dialect of Alertmanager, over the data
//! that its templates have. A template that fails costs its own words and never the letter.

mod data;

use crate::alerts::AlertFacts;
use crate::clean;
use crate::clean::clean_lines;
use crate::go_template::{Data, Limits, NoQueries, Template, TemplateError};
use crate::message::Facts;
use crate::template::plain_html;
use crate::view::MAX_SUBJECT;
use watchfire_model::Content;

/// The longest text that a template makes, in bytes.
const MAX_TEXT: usize = 32 * 1024;

/// What one template may do: a letter that others wait for must be written soon (abuse A33).
const LIMITS: Limits = Limits {
    steps: 50_000,
    output_bytes: MAX_TEXT,
    depth: 64,
    queries: 0,
    samples: 0,
    pattern_bytes: 128 * 1024,
};

/// Templates for the subject and the text of letters about alerts and about one server. What has
/// none keeps Watchfire's own words.
#[derive(Debug, Clone, Default)]
pub struct OwnWords {
    subject: Option<Template>,
    text: Option<Template>,
}

/// A letter, and why it is not in the operator's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worded {
    /// The letter.
    pub content: Content,
    /// What failed, for the log; such words are Watchfire's.
    pub failed: Vec<String>,
}

impl OwnWords {
    /// Templates that were read by [`Template::parse_message`].
    #[must_use]
    pub fn new(subject: Option<Template>, text: Option<Template>) -> Self {
        Self { subject, text }
    }

    /// True when all letters keep Watchfire's words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.subject.is_none() && self.text.is_none()
    }

    /// The letter about alerts with these words; `ours` has Watchfire's.
    #[must_use]
    pub fn of_alerts(&self, facts: &AlertFacts<'_>, ours: Content) -> Worded {
        self.over(ours, |ours| data::of_alerts(facts, ours))
    }

    /// The letter about one server with these words; `ours` has Watchfire's.
    #[must_use]
    pub fn of_server(&self, facts: &Facts<'_>, ours: Content) -> Worded {
        self.over(ours, |ours| data::of_server(facts, ours))
    }

    fn over(&self, ours: Content, data: impl FnOnce(&Content) -> Data) -> Worded {
        let mut worded = Worded { content: ours, failed: Vec::new() };
        if self.is_empty() {
            return worded;
        }
        let data = data(&worded.content);
        if let Some(template) = &self.subject {
            let made = expanded(template, &data).map(|text| clean(&text, MAX_SUBJECT));
            worded.take("subject", made, |content, subject| content.subject = subject);
        }
        if let Some(template) = &self.text {
            let made = expanded(template, &data).map(|text| clean_lines(&text, MAX_TEXT));
            worded.take("text", made, |content, text| {
                content.html = plain_html(&text);
                content.text = text + "\n";
            });
        }
        worded
    }
}

impl Worded {
    fn take(
        &mut self,
        part: &str,
        made: Result<String, TemplateError>,
        put: impl FnOnce(&mut Content, String),
    ) {
        match made {
            Ok(words) if words.trim().is_empty() => {
                self.failed.push(format!("{part}: the template says nothing"));
            }
            Ok(words) => put(&mut self.content, words),
            Err(error) => self.failed.push(format!("{part}: {error}")),
        }
    }
}

fn expanded(template: &Template, data: &Data) -> Result<String, TemplateError> {
    template.expand(data, &NoQueries, &LIMITS)
}

#[cfg(test)]
mod tests;
