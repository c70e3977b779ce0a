//! Whose servers are whose in a world, and which ones a mail names anywhere.

use watchfire_testkit::smtp::Mail;

/// The users of a world, as its hub's config has them.
pub(crate) const USERS: [&str; 2] = ["ada", "bob"];

/// Whether that user may know of that server: ada of all, bob of the web servers.
pub(crate) fn may_know(user: &str, server: &str) -> bool {
    user == "ada" || server.starts_with("web")
}

/// Whether the mail names that server, in whatever place and role.
pub(crate) fn names_anywhere(mail: &Mail, server: &str) -> bool {
    [mail.subject(), &mail.text, &mail.html].into_iter().any(|text| has_word(text, server))
}

/// Whether `word` stands in `text` by itself: `web-1` does not in `web-10`.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || c == '-')).any(|other| other == word)
}
