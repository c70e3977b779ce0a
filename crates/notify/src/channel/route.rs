//! From a channel's URL to what can send by it.

use watchfire_model::Channel;

use super::list::{KINDS, Kind, Parse};
use super::{Address, OwnChannel, WebChannel};
use crate::{ChannelError, clean};

/// A channel that is ready to send.
#[derive(Debug)]
pub(crate) enum Route {
    Web(Box<dyn WebChannel>),
    Own(Box<dyn OwnChannel>),
}

impl Route {
    /// What it can besides telling, for which only the hub's own file may name it.
    pub(crate) fn only_from_file(&self) -> Option<&'static str> {
        match self {
            Self::Web(web) => web.only_from_file(),
            Self::Own(_) => Some("work on the hub's machine"),
        }
    }
}

/// Whether a channel is a mail address, however its scheme is written.
pub(crate) fn is_mail(channel: &Channel) -> bool {
    let (scheme, _) = channel.as_str().split_once(':').unwrap_or_default();
    scheme.eq_ignore_ascii_case("mailto")
}

/// Reads a URL of one target.
///
/// # Errors
/// [`ChannelError`] says what to write instead.
pub(crate) fn route(text: &str) -> Result<(&'static Kind, Route), ChannelError> {
    let (kind, address) = read(text)?;
    let targets = (kind.targets)(&address).map_or(0, |from| address.targets(from).len());
    if targets > 1 {
        return Err(bad(
            kind,
            &format!("it names {targets} targets; each is a channel of its own"),
        ));
    }
    let route = match kind.parse {
        Parse::Web(parse) => parse(&address).map(Route::Web),
        Parse::Own(parse) => parse(&address).map(Route::Own),
    };
    Ok((kind, route.map_err(|why| bad(kind, &why))?))
}

/// What kind of channel a URL is, and its parts.
pub(super) fn read(text: &str) -> Result<(&'static Kind, Address), ChannelError> {
    let lower = Channel::new(&text.trim().to_ascii_lowercase());
    let scheme = lower.scheme();
    let of_scheme = KINDS.iter().find(|kind| kind.schemes.contains(&scheme));
    let address = Address::parse(text);
    let is_native = |kind: &&Kind| address.as_ref().is_ok_and(|address| (kind.is_native)(address));
    let native = || (scheme == "https").then(|| KINDS.iter().find(is_native)).flatten();
    let Some(kind) = of_scheme.or_else(native) else { return Err(unknown(scheme)) };
    let address = address.map_err(|why| bad(kind, &why))?;
    Ok((kind, address))
}

pub(crate) fn bad(kind: &Kind, why: &str) -> ChannelError {
    ChannelError::BadUrl { channel: kind.name, why: clean::line(why), shapes: kind.shapes }
}

fn unknown(scheme: &str) -> ChannelError {
    let all = KINDS.iter().flat_map(|kind| kind.shapes.iter().copied());
    let shapes = match scheme {
        // A service that is none of those that hand out such URLs gets a webhook.
        "https" | "http" => all
            .filter(|shape| shape.starts_with("https:") || shape.starts_with("webhook+https:"))
            .collect(),
        _ => alike(scheme).map(|kind| kind.shapes.to_vec()).unwrap_or_default(),
    };
    ChannelError::UnknownScheme { scheme: scheme.to_owned(), shapes }
}

/// The kind whose scheme or name begins alike: somebody wrote `slacks` or `msteams`.
fn alike(scheme: &str) -> Option<&'static Kind> {
    let near = |word: &str| {
        let word = word.to_ascii_lowercase().replace([' ', '.'], "");
        scheme.len() > 2 && (word.contains(scheme) || scheme.contains(&word))
    };
    KINDS.iter().find(|kind| kind.schemes.iter().any(|word| near(word)) || near(kind.name))
}
