//! Words for chats and telephones: cleaned, escaped for their reader, and cut to what a
//! provider takes. Nothing that stands in a server's name may become a mention, a link with
//! other words than its target, or markup.

use crate::{Outgoing, clean};

/// What ends a text that was cut.
const CUT: &str = "\n… cut: the rest is on the hub's page";
/// What ends one that has no room for that.
const ELLIPSIS: &str = "…";
/// What parts a text from its signature (RFC 3676, section 4.3): a chat says itself who sent it.
const SIGNATURE: &str = "\n-- \n";
/// Joins nothing and shows nothing: a mention that it stands in is none.
const BREAK: char = '\u{200b}';

/// Writes one character so that its reader shows it and does nothing else.
pub(crate) type Escape = fn(char, &mut String);

/// How much a provider takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// UTF-16 units: the largest count that any provider means by "characters".
    Units(usize),
    /// Bytes of UTF-8.
    Bytes(usize),
}

/// The words of a message, escaped, and within their limit together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words {
    /// One line.
    pub(crate) subject: String,
    /// The facts, without signature and link; it may be empty.
    pub(crate) text: String,
    /// The page of the hub that it tells of, as it is: its room is counted as well.
    pub(crate) link: Option<String>,
}

/// The words as plain text.
pub(crate) fn plain(message: &Outgoing<'_>, limit: Limit) -> Words {
    escaped(message, limit, as_is)
}

/// The words with every character escaped. The subject gets up to half of the room.
pub(crate) fn escaped(message: &Outgoing<'_>, limit: Limit, escape: Escape) -> Words {
    let (text, link) = body(message);
    let of_link = link.as_ref().map_or(0, |link| limit.size(link) + 1);
    let room = limit.room().saturating_sub(of_link);
    let subject = clean::line(&message.content.subject);
    let subject = cut(&subject, limit.with(room / 2), ELLIPSIS, escape);
    let room = room.saturating_sub(limit.size(&subject) + 2);
    let text = cut(&text, limit.with(room), CUT, escape);
    Words { subject, text, link }
}

impl Words {
    /// Subject, text and link as one text, with an empty line between subject and text.
    pub(crate) fn joined(&self) -> String {
        let text = if self.text.is_empty() { String::new() } else { format!("\n\n{}", self.text) };
        let link = self.link.as_ref().map(|link| format!("\n{link}")).unwrap_or_default();
        format!("{}{text}{link}", self.subject)
    }

    /// Text and link as one text, for a provider that shows the subject as a title.
    pub(crate) fn below_title(&self) -> String {
        let link = self.link.as_deref().unwrap_or_default();
        let parts = [self.text.as_str(), link];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { self.subject.clone() } else { parts.join("\n\n") }
    }
}

/// The text without its signature, and the link that ends it.
fn body(message: &Outgoing<'_>) -> (String, Option<String>) {
    let text = clean::text(&message.content.text);
    let text = text.rsplit_once(SIGNATURE).map_or(text.as_str(), |(text, _)| text).trim_end();
    let (before, last) = text.rsplit_once('\n').unwrap_or(("", text));
    if is_link(last) {
        (before.trim_end().to_owned(), Some(last.to_owned()))
    } else {
        (text.to_owned(), None)
    }
}

fn is_link(line: &str) -> bool {
    let rest = line.strip_prefix("https://").or_else(|| line.strip_prefix("http://"));
    let fits = |c: char| c.is_ascii_graphic() && !"<>\"'`\\|()[]{}*@".contains(c);
    rest.is_some_and(|rest| !rest.is_empty() && rest.len() < 500 && rest.chars().all(fits))
}

impl Limit {
    pub(crate) fn room(self) -> usize {
        match self {
            Self::Units(room) | Self::Bytes(room) => room,
        }
    }

    fn with(self, room: usize) -> Self {
        match self {
            Self::Units(_) => Self::Units(room),
            Self::Bytes(_) => Self::Bytes(room),
        }
    }

    pub(crate) fn size(self, text: &str) -> usize {
        match self {
            Self::Units(_) => text.encode_utf16().count(),
            Self::Bytes(_) => text.len(),
        }
    }
}

/// The text, escaped. Where it does not fit it ends between two characters, and `note` says so.
pub(crate) fn cut(text: &str, limit: Limit, note: &str, escape: Escape) -> String {
    let room = limit.room();
    // The note is said as well as what it stands for only where that leaves room for words.
    let note = if limit.size(note) * 4 > room { ELLIPSIS } else { note };
    let noted = room.saturating_sub(limit.size(note));
    let (mut out, mut used, mut fitting) = (String::new(), 0, 0);
    let mut piece = String::new();
    for c in text.chars() {
        piece.clear();
        escape(c, &mut piece);
        used += limit.size(&piece);
        if used > room {
            out.truncate(fitting);
            out.truncate(out.trim_end().len());
            if limit.size(note) <= room {
                out.push_str(note);
            }
            return out;
        }
        out.push_str(&piece);
        if used <= noted {
            fitting = out.len();
        }
    }
    out
}

/// The text as it is.
pub(crate) fn as_is(c: char, out: &mut String) {
    out.push(c);
}

/// For HTML, in text and in quoted attributes.
pub(crate) fn html(c: char, out: &mut String) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        c => mention_broken(c, out),
    }
}

/// For Slack's mrkdwn: the three characters that its links and mentions are made of.
pub(crate) fn slack(c: char, out: &mut String) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        c => mention_broken(c, out),
    }
}

/// For one line of Discord's Markdown, which has mentions, masked links and spoilers. A square
/// bracket is broken and not escaped, because previews show the escapes.
pub(crate) fn discord(c: char, out: &mut String) {
    if "\\`*_<>#|~".contains(c) {
        out.push('\\');
    }
    mention_broken(c, out);
    if c == ']' {
        out.push(BREAK);
    }
}

/// For the inside of a block of code that three backticks or tildes fence: no two of them
/// stand together, and there is no other markup in there.
pub(crate) fn fenced(c: char, out: &mut String) {
    mention_broken(c, out);
    if matches!(c, '`' | '~') {
        out.push(BREAK);
    }
}

/// For one line where markup cannot be escaped: what begins some is broken.
pub(crate) fn broken(c: char, out: &mut String) {
    mention_broken(c, out);
    if matches!(c, '<' | ']' | '`' | '*' | '~') {
        out.push(BREAK);
    }
}

/// For text that is shown as it is by readers who look for mentions in it all the same.
pub(crate) fn mention_broken(c: char, out: &mut String) {
    out.push(c);
    if c == '@' {
        out.push(BREAK);
    }
}

#[cfg(test)]
mod tests;
