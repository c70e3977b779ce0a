//! What a modem's errors mean.

use crate::clean;

/// Why a command was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It said nothing, or no end of it, in time.
    Silent,
    /// The port failed.
    Gone(String),
    /// It says what no modem says.
    Garbage,
    /// `ERROR`.
    Error,
    /// `+CMS ERROR`: of the message service (3GPP TS 27.005, section 3.2.5).
    Message(Code),
    /// `+CME ERROR`: of the device (3GPP TS 27.007, section 9.2).
    Device(Code),
}

/// A number, or the words of a modem that gives none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Code {
    Number(u16),
    Words(String),
}

/// What is known of a number.
struct Known {
    number: u16,
    words: &'static str,
    /// Another try of this message is useless.
    for_good: bool,
}

const fn known(number: u16, words: &'static str, for_good: bool) -> Known {
    Known { number, words, for_good }
}

/// Those of the message service. For good is what is about the number or the message; what is
/// about the SIM or the network somebody will mend, or passes.
const OF_MESSAGES: &[Known] = &[
    known(1, "the number is not assigned", true),
    known(8, "the operator bars it", true),
    known(10, "the operator bars calls", true),
    known(21, "it was rejected", false),
    known(27, "the number is out of order", false),
    known(28, "the subscriber is not identified", true),
    known(30, "the subscriber is not known", true),
    known(38, "the network is out of order", false),
    known(41, "a temporary failure", false),
    known(42, "the network is congested", false),
    known(50, "the SIM has no message service", true),
    known(69, "the network has no message service", true),
    known(300, "the modem failed", false),
    known(302, "the modem does not allow it", false),
    known(304, "the modem does not understand the message", true),
    known(305, "the modem does not understand the text", true),
    known(310, "there is no SIM", false),
    known(311, "the SIM wants a PIN: give pin=FILE", false),
    known(312, "the modem is locked to another SIM", false),
    known(313, "the SIM failed", false),
    known(314, "the SIM is busy", false),
    known(315, "it is the wrong SIM", false),
    known(316, "the SIM wants its PUK", false),
    known(330, "the SIM names no service centre", false),
    known(331, "there is no network", false),
    known(332, "the network did not answer in time", false),
    known(500, "it says no reason", false),
];

const OF_DEVICES: &[Known] = &[
    known(3, "the modem does not allow it", false),
    known(4, "the modem does not know this", false),
    known(10, "there is no SIM", false),
    known(11, "the SIM wants a PIN: give pin=FILE", false),
    known(12, "the SIM wants its PUK", false),
    known(13, "the SIM failed", false),
    known(14, "the SIM is busy", false),
    known(15, "it is the wrong SIM", false),
    known(16, "the PIN is wrong", false),
    known(30, "there is no network", false),
    known(31, "the network did not answer in time", false),
    known(32, "only emergency calls are allowed", false),
];

impl Fault {
    /// The fault that a line tells, if it does.
    pub(super) fn of(line: &str) -> Option<Self> {
        if line == "ERROR" || line == "COMMAND NOT SUPPORT" {
            return Some(Self::Error);
        }
        let code = |rest: &str| {
            let rest = rest.trim_start_matches(':').trim();
            rest.parse().map_or_else(|_| Code::Words(clean::line(rest)), Code::Number)
        };
        let message = line.strip_prefix("+CMS ERROR").map(|rest| Self::Message(code(rest)));
        message.or_else(|| line.strip_prefix("+CME ERROR").map(|rest| Self::Device(code(rest))))
    }

    /// Whether no other try of the same message can succeed.
    pub(super) fn is_for_good(&self) -> bool {
        match self {
            Self::Message(code) => find(OF_MESSAGES, code).is_some_and(|known| known.for_good),
            _ => false,
        }
    }

    /// Whether a message that was handed over may be on its way all the same.
    pub(super) fn leaves_doubt(&self) -> bool {
        match self {
            Self::Silent | Self::Gone(_) | Self::Garbage => true,
            // The network did not answer, or nobody knows.
            Self::Message(Code::Number(number)) => matches!(number, 332 | 500),
            Self::Message(Code::Words(_)) | Self::Device(_) | Self::Error => false,
        }
    }

    /// Whether the PIN was tried and was wrong.
    pub(super) fn is_wrong_pin(&self) -> bool {
        match self {
            Self::Device(Code::Number(number)) => matches!(number, 12 | 16),
            Self::Device(Code::Words(words)) => words.contains("password"),
            // Some say no more than that.
            Self::Error => true,
            _ => false,
        }
    }

    /// What happened, for people.
    pub(super) fn words(&self) -> String {
        let told = |kind: &str, table: &[Known], code: &Code| match (find(table, code), code) {
            (Some(known), _) => format!("{kind} {}: {}", known.number, known.words),
            (None, Code::Number(number)) => format!("{kind} {number}"),
            (None, Code::Words(words)) => format!("{kind}: {words}"),
        };
        match self {
            Self::Silent => "it says nothing".to_owned(),
            Self::Gone(why) => clean::line(why),
            Self::Garbage => "it says what no modem says: is it one, and is baud right?".to_owned(),
            Self::Error => "it says ERROR".to_owned(),
            Self::Message(code) => told("CMS ERROR", OF_MESSAGES, code),
            Self::Device(code) => told("CME ERROR", OF_DEVICES, code),
        }
    }
}

fn find<'a>(table: &'a [Known], code: &Code) -> Option<&'a Known> {
    let Code::Number(number) = code else { return None };
    table.iter().find(|known| known.number == *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_tell_a_fault_are_known() {
        assert_eq!(Fault::of("+CMS ERROR: 331"), Some(Fault::Message(Code::Number(331))));
        assert_eq!(Fault::of("+CME ERROR:10"), Some(Fault::Device(Code::Number(10))));
        let words = Fault::Device(Code::Words("SIM not inserted".to_owned()));
        assert_eq!(Fault::of("+CME ERROR: SIM not inserted"), Some(words));
        assert_eq!(Fault::of("ERROR"), Some(Fault::Error));
        assert_eq!(Fault::of("+CMGS: 12"), None);
        assert_eq!(Fault::of("OK"), None);
    }

    #[test]
    fn for_good_is_only_what_is_about_the_number_or_the_message() {
        let message = |number| Fault::Message(Code::Number(number));
        assert!(message(1).is_for_good() && message(30).is_for_good());
        assert!(!message(331).is_for_good() && !message(310).is_for_good());
        assert!(!message(999).is_for_good(), "who knows");
        assert!(!Fault::Device(Code::Number(10)).is_for_good());
        assert!(!Fault::Silent.is_for_good());
    }

    #[test]
    fn the_words_say_what_to_do() {
        let words = Fault::of("+CMS ERROR: 311").map(|fault| fault.words()).unwrap_or_default();
        assert_eq!(words, "CMS ERROR 311: the SIM wants a PIN: give pin=FILE");
        let words = Fault::of("+CME ERROR: a\u{202e}b").map(|fault| fault.words());
        assert_eq!(words.as_deref(), Some("CME ERROR: ab"));
    }
}
