use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
/// The longest line that any version of `ssh-keygen` writes.
const MAX_LINE: usize = 76;

/// The bytes between the two lines that `ssh-keygen` puts around a signature. `None` for
/// anything that it would not write.
pub(super) fn open(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let body = text.strip_prefix(BEGIN)?.strip_prefix('\n')?;
    let body = body.strip_suffix(END)?.strip_suffix('\n')?;
    if body.split('\n').any(|line| line.is_empty() || line.len() > MAX_LINE) {
        return None;
    }
    STANDARD.decode(body.replace('\n', "")).ok()
}
