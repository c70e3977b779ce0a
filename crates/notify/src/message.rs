//! A notification as a MIME message (RFC 5322, 2045, 2046, 3834, 2919).

use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};

use crate::pictures::{self, Picture};
use crate::{ChannelError, Outgoing, clean, mailto};

/// The longest part, in bytes. A longer text is cut; longer HTML is left out,
/// because cut markup is worse than none.
const MAX_PART_BYTES: usize = 1024 * 1024;

/// How many earlier messages `References` names: the latest ones.
const MAX_REFERENCES: usize = 20;

/// The last second that the `Date` header can hold: the end of the year 9999.
const LAST_DATE: Duration = Duration::from_secs(253_402_300_799);

/// Reads `Watchfire <hub@example.org>` or `hub@example.org`.
pub(crate) fn sender(from: &str) -> Result<Mailbox, ChannelError> {
    let (name, address) = match from.trim().split_once('<') {
        Some((name, rest)) => {
            let address = rest.trim().strip_suffix('>').ok_or(ChannelError::BadAddress {
                address: from.to_owned(),
                why: "write it like Watchfire <hub@example.org>".to_owned(),
            })?;
            (clean::line(name.trim().trim_matches('"')), address)
        }
        None => (String::new(), from.trim()),
    };
    let name = Some(name).filter(|name| !name.is_empty());
    Ok(Mailbox::new(name, mailto::parse(address)?))
}

/// The text of a message as every mail channel sends it.
pub(crate) struct Words {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: Option<String>,
    /// What the HTML shows by `cid:`.
    pub(crate) pictures: Vec<Picture>,
}

/// Cleans and bounds the words of a message.
pub(crate) fn words(message: &Outgoing<'_>) -> Words {
    let content = message.content;
    let mut text = clean::text(&content.text);
    if text.len() > MAX_PART_BYTES {
        text.truncate(text.floor_char_boundary(MAX_PART_BYTES));
        text.push_str("\n[cut: the rest is on the hub's page]\n");
    }
    let (html, pictures) = pictures::taken_out(&clean::text(&content.html));
    let fits = !html.is_empty() && html.len() <= MAX_PART_BYTES;
    let pictures = if fits { pictures } else { Vec::new() };
    Words { subject: clean::line(&content.subject), text, html: fits.then_some(html), pictures }
}

/// The headers besides sender, recipient, subject and date, cleaned.
pub(crate) fn headers(message: &Outgoing<'_>, from: &Address) -> Vec<(&'static str, String)> {
    let mut headers = vec![("Message-ID", format!("<{}>", clean::id(message.message_id)))];
    let earlier = message.references.len().saturating_sub(MAX_REFERENCES);
    let references: Vec<String> =
        message.references[earlier..].iter().map(|id| format!("<{}>", clean::id(id))).collect();
    if let Some(last) = references.last() {
        headers.push(("In-Reply-To", last.clone()));
        headers.push(("References", references.join(" ")));
    }
    // No holiday reply shall come back (RFC 3834), and filters get a handle.
    headers.push(("Auto-Submitted", "auto-generated".to_owned()));
    headers.push(("List-Id", format!("Watchfire <watchfire.{}>", from.domain())));
    headers.push(("X-Watchfire-Kind", message.kind.as_str().to_owned()));
    if let Some(server) = message.server.map(clean::line).filter(|server| !server.is_empty()) {
        headers.push(("X-Watchfire-Server", server));
    }
    headers
}

/// Builds the message: text first, then HTML with its pictures.
///
/// # Errors
/// In words, when the library refuses it.
pub(crate) fn build(
    from: &Mailbox,
    to: &Address,
    message: &Outgoing<'_>,
) -> Result<Message, String> {
    let Words { subject, text, html, pictures } = words(message);
    let mut builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(subject)
        .date(date(message.unix_ms));
    for (name, value) in headers(message, &from.email) {
        builder = builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
    }
    let text = SinglePart::plain(text);
    let built = match html {
        Some(html) if pictures.is_empty() => builder.multipart(
            MultiPart::alternative().singlepart(text).singlepart(SinglePart::html(html)),
        ),
        Some(html) => {
            let shown = related(html, pictures)?;
            builder.multipart(MultiPart::alternative().singlepart(text).multipart(shown))
        }
        None => builder.singlepart(text),
    };
    built.map_err(|error| error.to_string())
}

/// HTML and what it shows (RFC 2387).
fn related(html: String, pictures: Vec<Picture>) -> Result<MultiPart, String> {
    let png = ContentType::parse("image/png").map_err(|error| error.to_string())?;
    let html = MultiPart::related().singlepart(SinglePart::html(html));
    Ok(pictures.into_iter().fold(html, |parts, Picture { id, bytes }| {
        let name = id.clone();
        parts.singlepart(Attachment::new_inline_with_name(id, name).body(bytes, png.clone()))
    }))
}

fn date(unix_ms: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(unix_ms).unwrap_or(0));
    SystemTime::UNIX_EPOCH + since.min(LAST_DATE)
}
