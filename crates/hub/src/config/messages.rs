use watchfire_alert::OwnWords;
use watchfire_alert::go_template::Template;

/// `[messages]`: letters in the operator's own words.
#[derive(Debug, Clone, Default)]
pub struct Messages {
    /// The templates, ready to be filled.
    pub words: OwnWords,
    /// The text of the template for subjects.
    pub subject: Option<String>,
    /// That for the rest.
    pub text: Option<String>,
}

impl Messages {
    /// Templates with the texts that they were read from.
    pub(super) fn new(
        subject: Option<(String, Template)>,
        text: Option<(String, Template)>,
    ) -> Self {
        let (subject, subject_words) = subject.unzip();
        let (text, text_words) = text.unzip();
        Self { words: OwnWords::new(subject_words, text_words), subject, text }
    }
}
