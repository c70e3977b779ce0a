//! A curve as a line of text, for readers without pictures.

use super::Curve;

/// How many characters it has at most: what a telephone shows in one line with its words.
const CHARS: usize = 20;
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Where nothing is known.
const GAP: char = '·';

/// The curve; each character stands for the highest of its values.
pub(super) fn line(curve: &Curve) -> String {
    let shares = curve.shares();
    let each = shares.len().div_ceil(CHARS).max(1);
    let highest = |part: &[Option<f64>]| part.iter().flatten().copied().reduce(f64::max);
    shares.chunks(each).map(|part| highest(part).map_or(GAP, level)).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in 0 to 7")]
fn level(share: f64) -> char {
    LEVELS[((share * 8.0).floor().clamp(0.0, 7.0)) as usize]
}

#[cfg(test)]
mod tests {
    use super::super::CurveKind;
    use super::*;

    #[test]
    fn a_curve_is_a_line_of_a_telephones_width() {
        let values = (0..60).map(|n| (n != 4 && n != 3 && n != 5).then_some(f64::from(n) / 0.59));
        let curve = Curve { kind: CurveKind::Cpu, values: values.collect() };
        assert_eq!(line(&curve), "▁·▂▂▂▃▃▄▄▄▅▅▆▆▆▇▇███");
        let flat = Curve { kind: CurveKind::Network, values: vec![Some(0.0), None, Some(0.0)] };
        assert_eq!(line(&flat), "▁·▁");
    }
}
