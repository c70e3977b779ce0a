//! A curve as a picture that lies within the letter: mail programs fetch none from elsewhere, and
//! most show no SVG.

use super::Curve;
use super::png::{self, Image};

/// As it is shown, in pixels of the screen. The picture has twice as many each way, for screens
/// that are finer.
pub(super) const WIDTH: usize = 320;
pub(super) const HEIGHT: usize = 40;
const FINE: usize = 2;
/// Half of the line's width.
const HALF: f64 = 1.6;
/// Room above and below the curve for the line's width.
const EDGE: f64 = 3.0;

/// The picture as the address of an `img`, with all that it shows. `None` for a curve without a
/// shape: one value makes no line.
pub(super) fn source(curve: &Curve) -> Option<String> {
    let shares = curve.shares();
    if shares.iter().flatten().count() < 2 {
        return None;
    }
    let png = png::encode(&draw(&shares))?;
    Some(format!("data:image/png;base64,{}", base64(&png)))
}

/// A line over a light area. What is not known is empty.
fn draw(shares: &[Option<f64>]) -> Image {
    let (width, height) = (WIDTH * FINE, HEIGHT * FINE);
    let mut image = Image::new(width, height);
    let last = to_f64(shares.len() - 1);
    for x in 0..width {
        let at = to_f64(x) / to_f64(width - 1) * last;
        let Some((y, slope)) = height_at(shares, at, to_f64(width - 1) / last) else { continue };
        for row in 0..height {
            let below = to_f64(row) - y;
            let distance = below.abs() / slope.hypot(1.0);
            let cover = (HALF + 0.5 - distance).clamp(0.0, 1.0);
            image.set(x, row, cover, below > 0.0);
        }
    }
    image
}

/// Where the curve is at a place between two values, from above, and how steep it is there.
fn height_at(shares: &[Option<f64>], at: f64, step: f64) -> Option<(f64, f64)> {
    let before = floor(at).min(shares.len() - 2);
    let (from, to) = ((*shares.get(before)?)?, (*shares.get(before + 1)?)?);
    let room = to_f64(HEIGHT * FINE) - 2.0 * EDGE;
    let share = from + (to - from) * (at - to_f64(before));
    Some((EDGE + (1.0 - share) * room, (to - from) * room / step))
}

#[expect(clippy::cast_precision_loss, reason = "pixels and values are few")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a place")]
fn floor(at: f64) -> usize {
    at.max(0.0) as usize
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let byte = |at: usize| u32::from(part.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= part.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::CurveKind;
    use super::*;

    #[test]
    fn bytes_become_letters() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn a_curve_goes_from_the_left_below_to_the_right_above() {
        let shares: Vec<Option<f64>> = (0..=10).map(|n| Some(f64::from(n) / 10.0)).collect();
        let image = draw(&shares);
        let (width, height) = (WIDTH * FINE, HEIGHT * FINE);
        assert!(image.is_line(0, height - 3) && image.is_line(width - 1, 3));
        assert!(!image.is_line(0, 3) && !image.is_line(width - 1, height - 4));
        assert!(image.is_line(width / 2, height / 2));
    }

    #[test]
    fn a_gap_is_empty() {
        let image = draw(&[Some(0.5), Some(0.5), None, Some(0.5), Some(0.5)]);
        let middle = WIDTH * FINE / 2;
        assert!((0..HEIGHT * FINE).all(|row| image.is_empty(middle, row)));
        assert!(!image.is_empty(1, HEIGHT * FINE / 2));
    }

    #[test]
    fn one_value_is_no_picture() {
        let curve = |values| Curve { kind: CurveKind::Network, values };
        assert_eq!(source(&curve(vec![])), None);
        assert_eq!(source(&curve(vec![None, Some(5.0), None])), None);
        let flat = source(&curve(vec![Some(0.0), Some(0.0)])).expect("a picture");
        assert!(flat.starts_with("data:image/png;base64,iVBORw0KGgo") && flat.len() < 4000);
    }
}
