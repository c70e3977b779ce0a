//! How simulated servers become servers of a hub: as real ones do, each with a
//! token of its own.

mod ask;

mod seat;

use watchfire_identity::enrol::EnrolToken;

pub(crate) use self::seat::Seat;
use crate::SimError;

/// Reads tokens, one a line. A line may be the whole `watchfire join HUB TOKEN`
/// that the hub prints; empty lines and those that begin with `#` are passed over.
///
/// # Errors
/// [`SimError::Token`] names the first that is none.
pub fn read_tokens(text: &str) -> Result<Vec<EnrolToken>, SimError> {
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let read = lines.enumerate().map(|(place, line)| {
        let word = line.split_whitespace().last().unwrap_or_default();
        word.parse().map_err(|error: watchfire_identity::enrol::CodeError| SimError::Token {
            number: place + 1,
            why: error.to_string(),
        })
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use watchfire_identity::SystemRandomness;
    use watchfire_identity::certificate::Fingerprint;

    use super::*;

    #[test]
    fn a_list_of_tokens_is_read() {
        let token = || EnrolToken::new(Fingerprint::of(b"ca"), &mut SystemRandomness);
        let (one, other) = (token(), token());
        let text = format!("# tokens\n\n{one}\n  watchfire join hub:5100 {other}\n");
        assert_eq!(read_tokens(&text).expect("two tokens"), [one, other]);
        let told = read_tokens("wft1_x").expect_err("it is too short").to_string();
        assert!(told.starts_with("token 1 of the list: an enrolment token has"), "{told}");
    }
}
