//! What letters have besides their facts: the time before the news, and the operator's own words.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use watchfire_alert::{OwnWords, Worded};
use watchfire_model::Content;

use crate::around::Surroundings;
use crate::automatic::Offers;

/// The same for all letters. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wording {
    /// What is known of the time before the news.
    pub(crate) around: Arc<Surroundings>,
    /// The operator's templates.
    pub(crate) own: Arc<OwnWords>,
    /// What may help against alerts.
    pub(crate) offers: Offers,
}

impl Wording {
    /// The letter in the operator's words, as far as there are any and they can be made: what
    /// fails costs its own words and never the letter.
    pub(crate) fn over(
        &self,
        ours: Content,
        worded: impl FnOnce(&OwnWords, Content) -> Worded,
    ) -> Content {
        if self.own.is_empty() {
            return ours;
        }
        let made = ours.clone();
        match catch_unwind(AssertUnwindSafe(|| worded(&self.own, made))) {
            Ok(Worded { content, failed }) => {
                for why in failed {
                    tracing::error!(why, "a template of [messages] fails; these words are ours");
                }
                content
            }
            Err(_) => {
                tracing::error!("a template of [messages] cannot be filled; the words are ours");
                ours
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use watchfire_alert::go_template::Template;

    use super::*;

    /// Alerts are never lost, whatever a template does.
    #[test]
    fn words_that_cannot_be_made_are_ours() {
        let ours = Content { subject: "[DOWN] web-1".to_owned(), ..Content::default() };
        let template = Template::parse_message("x").expect("a good template");
        let own = Arc::new(OwnWords::new(Some(template), None));
        let wording = Wording { own, ..Wording::default() };
        assert_eq!(wording.over(ours.clone(), |_, _| panic!("for the test")), ours);
        let made = |_: &OwnWords, content| Worded { content, failed: vec!["text: no".to_owned()] };
        assert_eq!(wording.over(ours.clone(), made), ours);
        let none = Wording::default();
        assert_eq!(none.over(ours.clone(), |_, _| panic!("nobody asks")), ours);
    }
}
