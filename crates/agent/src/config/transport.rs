//! How the agent's port may be talked to, and where the hub is.

use watchfire_runtime::config::{Located, Problems, closest};
use watchfire_runtime::http::Plain;

use crate::identity::parse_hub;

const WORDS: [(&str, Plain); 3] =
    [("loopback", Plain::Loopback), ("anywhere", Plain::Anywhere), ("never", Plain::Never)];

/// `plain`, or `tls = "off"`, by which earlier versions said `plain = "anywhere"`.
pub(super) fn plain(
    tls: Option<Located<String>>,
    plain: Option<Located<String>>,
    problems: &mut Problems,
) -> Plain {
    let was_off = tls.is_some_and(|tls| is_off(&tls, problems));
    let Some(plain) = plain else {
        return if was_off { Plain::Anywhere } else { Plain::Loopback };
    };
    let known = WORDS.iter().find(|(word, _)| *word == plain.value);
    if known.is_none() {
        let what = format!("{:?} is no place that plain HTTP comes from", plain.value);
        let words = WORDS.map(|(word, _)| word);
        problems.push(match closest(&plain.value, &words) {
            Some(close) => plain.problem(what).hint(format!("did you mean {close:?}?")),
            None => plain.problem(what).hint(
                "choose \"loopback\", \"never\", or \"anywhere\" to let passwords and tokens \
                 cross the network in the clear",
            ),
        });
    }
    known.map_or(Plain::Loopback, |(_, plain)| *plain)
}

fn is_off(tls: &Located<String>, problems: &mut Problems) -> bool {
    if tls.value != "off" {
        problems.push(tls.problem(format!("{:?} is no setting for TLS", tls.value)).hint(
            "TLS is always on; leave the line out, and say with `plain` from where plain HTTP \
             is answered",
        ));
    }
    true
}

/// Where the hub is, with its port.
pub(super) fn the_hub(hub: &Located<String>, problems: &mut Problems) -> Option<String> {
    let read = parse_hub(&hub.value);
    problems.take(read.map_err(|words| {
        hub.problem(words).hint("leave the line out to dial the hub that the agent joined")
    }))
}
