//! Pictures that lie within the HTML of a message, as parts of the mail: many mail programs show
//! a `cid:` of the mail itself and no `data:` address.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What begins a picture. The words of a message have no quotes, so nothing from outside can.
const BEGIN: &str = "src=\"data:image/png;base64,";
/// How many pictures a mail has; what is beyond stays as it is.
const MAX_PICTURES: usize = 16;
/// The longest picture, in letters.
const MAX_LETTERS: usize = 64 * 1024;
/// What every PNG begins with.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// One picture of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Its `Content-ID` without brackets, and its file's name.
    pub(crate) id: String,
    /// The PNG.
    pub(crate) bytes: Vec<u8>,
}

/// The HTML with names in the place of its pictures, and the pictures. What is no PNG stays as
/// it is.
pub(crate) fn taken_out(html: &str) -> (String, Vec<Picture>) {
    let (mut out, mut pictures) = (String::with_capacity(html.len()), Vec::new());
    let mut rest = html;
    while pictures.len() < MAX_PICTURES
        && let Some((before, after)) = rest.split_once(BEGIN)
        && let Some((letters, after)) = after.split_once('"')
    {
        out.push_str(before);
        match read(letters) {
            Some(bytes) => {
                let id = format!("picture-{}.png", pictures.len() + 1);
                out.push_str(&format!("src=\"cid:{id}\""));
                pictures.push(Picture { id, bytes });
            }
            None => out.push_str(&format!("{BEGIN}{letters}\"")),
        }
        rest = after;
    }
    out.push_str(rest);
    (out, pictures)
}

fn read(letters: &str) -> Option<Vec<u8>> {
    let fits = letters.len() <= MAX_LETTERS;
    let bytes = fits.then(|| STANDARD.decode(letters).ok()).flatten()?;
    bytes.starts_with(PNG).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(bytes: &[u8]) -> String {
        format!("<img {BEGIN}{}\" alt=\"x\">", STANDARD.encode(bytes))
    }

    #[test]
    fn pictures_become_parts() {
        let one = [PNG, b"one"].concat();
        let two = [PNG, b"two"].concat();
        let html = format!("<p>a</p>{}<b>{}</b>", image(&one), image(&two));
        let (html, pictures) = taken_out(&html);
        let named = |n| format!("<img src=\"cid:picture-{n}.png\" alt=\"x\">");
        assert_eq!(html, format!("<p>a</p>{}<b>{}</b>", named(1), named(2)));
        assert_eq!(pictures.iter().map(|one| &one.bytes).collect::<Vec<_>>(), [&one, &two]);
    }

    #[test]
    fn what_is_no_picture_stays() {
        let long = [PNG, &[7; MAX_LETTERS]].concat();
        for html in [
            String::new(),
            "<p>data:image/png;base64,x</p>".to_owned(),
            format!("<img {BEGIN}never ended"),
            format!("<img {BEGIN}!!!\">"),
            image(b"GIF89a"),
            image(&long),
        ] {
            assert_eq!(taken_out(&html), (html.clone(), Vec::new()));
        }
        let many = image(PNG).repeat(MAX_PICTURES + 3);
        let (html, pictures) = taken_out(&many);
        assert_eq!(pictures.len(), MAX_PICTURES);
        assert_eq!(html.matches("data:").count(), 3);
    }
}
