//! Mounts without the secrets that some programs put into their sources.

use crate::mask::{MASK, mask_arguments};
use crate::text::{escape, lines, unescape};

/// A source (unescaped) with its secrets masked. One without any stays as it
/// is, byte for byte.
pub(super) fn masked_source(source: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(source);
    let masked = mask_user(mask_word(&text));
    if *masked == *text { source.to_vec() } else { masked.into_bytes() }
}

/// The content of `mountinfo`, with the secrets in sources and options masked.
/// What is no line of it is left out.
pub(crate) fn without_secrets(mountinfo: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mountinfo.len());
    for line in lines(mountinfo) {
        let Some(end) = line.windows(3).position(|three| three == b" - ") else { continue };
        let (before, after) = line.split_at(end + 3);
        let mut fields = after.splitn(3, |&byte| byte == b' ');
        let mut field = || fields.next().unwrap_or_default();
        let (kind, source, options) = (field(), field(), field());
        let masked = masked_source(&unescape(source));
        let shown =
            if masked == unescape(source) { source.to_vec() } else { escape(&masked).into() };
        out.extend_from_slice(before);
        out.extend_from_slice(&[kind, &shown, &masked_options(options)].join(&b' '));
        out.push(b'\n');
    }
    out
}

/// A secret can hold a comma, so plain words behind one are masked as well.
fn masked_options(options: &[u8]) -> Vec<u8> {
    let mut behind_secret = false;
    let masked = options.split(|&byte| byte == b',').map(|option| {
        if behind_secret && !option.contains(&b'=') {
            return MASK.as_bytes().to_vec();
        }
        let masked = masked_source(option);
        behind_secret = masked != option;
        masked
    });
    masked.collect::<Vec<_>>().join(&b',')
}

fn mask_word(word: &str) -> String {
    let masked = mask_arguments(word.as_bytes());
    String::from_utf8_lossy(masked.strip_suffix(b"\0").unwrap_or(&masked)).into_owned()
}

/// Masks the secret of `//user%secret@host/share` and `user:secret@host:/x`,
/// which are no addresses to the mask of arguments.
fn mask_user(source: String) -> String {
    let user = source.strip_prefix("//").unwrap_or(&source);
    if source.contains("://") || user.starts_with('[') {
        return source;
    }
    let Some(at_sign) = user.rfind('@') else { return source };
    let Some(sign) = user[..at_sign].find([':', '%']) else { return source };
    // `server:/path@x` has a path there, and so has `//server/path:x@y`.
    let is_path = user[..sign].contains('/') || user[sign + 1..].starts_with('/');
    if is_path {
        return source;
    }
    let secret = source.len() - user.len() + sign + 1;
    format!("{}{MASK}{}", &source[..secret], &user[at_sign..])
}
