//! A URL that names several targets is several channels, so that each is delivered,
//! tried again and judged by itself.

use watchfire_model::Channel;

use super::route;
use crate::ChannelError;

/// How many targets one URL may name.
const MAX_TARGETS: usize = 50;

/// One channel for each target that `channel` names, in order; a channel with one target
/// or none is itself.
///
/// # Errors
/// [`ChannelError`] when the URL is not understood, or names more than 50.
pub fn expand(channel: &Channel) -> Result<Vec<Channel>, ChannelError> {
    if route::is_mail(channel) {
        return Ok(vec![channel.clone()]);
    }
    let (kind, address) = route::read(channel.as_str())?;
    let Some(from) = (kind.targets)(&address) else { return Ok(vec![channel.clone()]) };
    let targets = address.targets(from);
    match targets.len() {
        0 | 1 => Ok(vec![channel.clone()]),
        2..=MAX_TARGETS => {
            let one = |target: &String| {
                Channel::new(&match kind.is_listed {
                    true => address.with_listed_target(target),
                    false => address.with_target(from, target),
                })
            };
            Ok(targets.iter().map(one).collect())
        }
        more => Err(route::bad(
            kind,
            &format!("it names {more} targets, and {MAX_TARGETS} is the most"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(url: &str) -> Vec<String> {
        let channels = expand(&Channel::new(url)).expect(url);
        channels.iter().map(|channel| channel.as_str().to_owned()).collect()
    }

    #[test]
    fn each_target_is_a_channel_of_its_own() {
        assert_eq!(
            expanded("tgram://123:AAx/11/-22:7?to=33,44&silent=yes"),
            [
                "tgram://123:AAx/11?silent=yes",
                "tgram://123:AAx/-22%3A7?silent=yes",
                "tgram://123:AAx/33?silent=yes",
                "tgram://123:AAx/44?silent=yes",
            ]
        );
        assert_eq!(
            expanded("slack://hub@T1/B1/xyz/#ops/dev"),
            ["slack://hub@T1/B1/xyz/%23ops", "slack://hub@T1/B1/xyz/dev"]
        );
        assert_eq!(
            expanded("sms+https://gate.example.org/send/?to=+491,+492&-to=x"),
            [
                "sms+https://gate.example.org/send/?to=%2B491&-to=x",
                "sms+https://gate.example.org/send/?to=%2B492&-to=x",
            ]
        );
        for one in ["tgram://123:AAx/11", "mailto:ada@example.org", "ntfy://topic", "gotify://h/t"]
        {
            assert_eq!(expanded(one), [one]);
        }
    }

    #[test]
    fn there_is_an_end_to_targets() {
        let many = format!("tgram://123:AAx/{}", "1/".repeat(51));
        assert!(expand(&Channel::new(&many)).unwrap_err().to_string().contains("50"));
        assert!(expand(&Channel::new("nonsense://x")).is_err());
    }
}
