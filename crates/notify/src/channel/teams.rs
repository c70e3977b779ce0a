//! Microsoft Teams: a workflow that posts an adaptive card
//! (learn.microsoft.com, "Create incoming webhooks with Workflows" and adaptivecards.io).

use serde_json::{Value, json};

use super::address::percent_encoded;
use super::list::Parsed;
use super::text::{Limit, Words, plain};
use super::tone::Tone;
use super::{Address, Request, WebChannel};
use crate::Outgoing;

pub(crate) const SHAPES: &[&str] = &[
    "https://….logic.azure.com/workflows/… (the whole URL that Teams shows)",
    "https://….powerplatform.com/… (the whole URL that Teams shows)",
    "workflows://HOST:443/WORKFLOW/SIGNATURE",
];

/// A message may have 28 KB. JSON may double a text, and has some 100 bytes for each block.
const LIMIT: Limit = Limit::Bytes(8000);
/// The most lines that become blocks of their own; what follows is one block.
const MAX_BLOCKS: usize = 80;
/// The deepest indentation that is kept, in spaces.
const MAX_INDENT: usize = 12;

struct Teams {
    url: String,
}

impl std::fmt::Debug for Teams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Teams")
    }
}

pub(crate) fn is_native(address: &Address) -> bool {
    let host = address.host.to_ascii_lowercase();
    [".logic.azure.com", ".logic.azure.us", ".powerplatform.com", ".powerplatform.us"]
        .iter()
        .any(|end| host.ends_with(end))
}

pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    if address.scheme == "https" {
        let has_signature = address.query("sig").is_some();
        if !has_signature {
            return Err("the sig= at its end is missing: is the URL whole?".to_owned());
        }
        return Ok(Box::new(Teams { url: address.text.clone() }));
    }
    let origin = address.origin(true)?;
    let id = address.any_query(&["id", "workflow"]).or(address.segment(0));
    let signature = address.any_query(&["sig", "signature"]).or(address.segment(1));
    let (Some(id), Some(signature)) = (id, signature) else {
        return Err("the workflow's id and its signature are missing".to_owned());
    };
    let version = address.any_query(&["ver", "api-version"]).unwrap_or("2016-06-01");
    let (id, signature) = (percent_encoded(id), percent_encoded(signature));
    let version = percent_encoded(version);
    Ok(Box::new(Teams {
        url: format!(
            "{origin}/workflows/{id}/triggers/manual/paths/invoke?api-version={version}\
             &sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={signature}"
        ),
    }))
}

/// The words an adaptive card has for tones.
fn style(tone: Tone) -> (&'static str, &'static str) {
    match tone {
        Tone::Failure => ("attention", "Attention"),
        Tone::Warning => ("warning", "Warning"),
        Tone::Success => ("good", "Good"),
        Tone::Info => ("accent", "Accent"),
    }
}

/// A run of text has no markup, unlike a block of it.
fn run(text: &str, heading: Option<&str>) -> Value {
    let mut run = json!({ "type": "TextRun", "text": text });
    if let Some(color) = heading {
        run["weight"] = json!("Bolder");
        run["size"] = json!("Medium");
        run["color"] = json!(color);
    }
    json!({ "type": "RichTextBlock", "inlines": [run] })
}

/// The lines of a text, each a block; what followed an empty line stands apart.
fn lines(text: &str) -> Vec<Value> {
    let mut blocks = Vec::new();
    let mut spacing = "Medium";
    for line in text.splitn(MAX_BLOCKS, '\n') {
        if line.trim().is_empty() {
            spacing = "Medium";
            continue;
        }
        // A run loses the spaces that a line begins with, but not those that do not break.
        let rest = line.trim_start_matches(' ');
        let indent = "\u{a0}".repeat((line.len() - rest.len()).min(MAX_INDENT));
        let mut block = run(&format!("{indent}{rest}"), None);
        block["spacing"] = json!(spacing);
        blocks.push(block);
        spacing = "None";
    }
    blocks
}

fn card(words: &Words, tone: Tone) -> Value {
    let (container, color) = style(tone);
    let heading = json!({
        "type": "Container",
        "style": container,
        "bleed": true,
        "items": [run(&words.subject, Some(color))],
    });
    let body: Vec<Value> = std::iter::once(heading).chain(lines(&words.text)).collect();
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": { "width": "Full" },
        "fallbackText": words.subject,
        "body": body,
    });
    if let Some(link) = &words.link {
        card["actions"] =
            json!([{ "type": "Action.OpenUrl", "title": "Open in Watchfire", "url": link }]);
    }
    card
}

impl WebChannel for Teams {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let card = card(&plain(message, LIMIT), Tone::of(message.kind));
        let body = json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": card,
            }],
        });
        Ok(Request::post_json(&self.url, body))
    }
}
