use watchfire_alert::{Facts, clean};
use watchfire_model::{Content, NotificationKind};

/// The longest subject and the longest line, in characters.
const LONGEST: usize = 110;

/// The least that a message must say, made without templates and without what the
/// server told of itself: for a message whose own words cannot be made.
pub(super) fn words(facts: &Facts<'_>) -> Content {
    let what = match facts.kind {
        NotificationKind::Recovered => "UP",
        _ => facts.incident.presence.as_str(),
    };
    let name = clean(facts.server.name.as_str(), LONGEST / 2);
    let cause = clean(&facts.incident.cause, LONGEST);
    let subject = clean(&format!("[{}] {name}: {cause}", what.to_uppercase()), LONGEST);
    let text = format!("{subject}\n{}\n", facts.link);
    let html = format!("<p>{}</p>\n<p>{}</p>\n", escaped(&subject), escaped(facts.link));
    Content { subject, text, html }
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_markup_stays_none() {
        assert_eq!(escaped("<a href=\"&\">"), "&lt;a href=&quot;&amp;&quot;&gt;");
    }
}
