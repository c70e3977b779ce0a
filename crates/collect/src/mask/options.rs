//! Short options that take a secret, by tool.

use super::keys::is_token;

/// What the options of one tool take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SecretOptions {
    /// Letters with the secret right behind: `-pX`.
    attached: &'static str,
    /// Letters with the secret in the next word: `-p X`.
    separate: &'static str,
}

/// Tools by name; a star at the end stands for any rest. `login` is a subcommand of many tools
/// that takes `-p X`, where `-p` means ports in their other ones.
const TOOLS: &[(&str, SecretOptions)] = &[
    ("7z*", SecretOptions { attached: "p", separate: "" }),
    ("curl", SecretOptions { attached: "uU", separate: "uU" }),
    ("ipmitool", SecretOptions { attached: "P", separate: "P" }),
    ("ldap*", SecretOptions { attached: "w", separate: "w" }),
    ("login", SecretOptions { attached: "p", separate: "p" }),
    ("mariadb*", SecretOptions { attached: "p", separate: "" }),
    ("mongo*", SecretOptions { attached: "p", separate: "p" }),
    ("mycli", SecretOptions { attached: "p", separate: "" }),
    ("mysql*", SecretOptions { attached: "p", separate: "" }),
    ("openssl", SecretOptions { attached: "", separate: "kK" }),
    ("rar", SecretOptions { attached: "p", separate: "" }),
    ("redis-cli", SecretOptions { attached: "a", separate: "a" }),
    ("smbclient", SecretOptions { attached: "U", separate: "U" }),
    ("snmp*", SecretOptions { attached: "cAX", separate: "cAX" }),
    ("sqlcmd", SecretOptions { attached: "P", separate: "P" }),
    ("sshpass", SecretOptions { attached: "p", separate: "p" }),
    ("unrar", SecretOptions { attached: "p", separate: "" }),
    ("unzip", SecretOptions { attached: "P", separate: "P" }),
    ("valkey-cli", SecretOptions { attached: "a", separate: "a" }),
    ("zip", SecretOptions { attached: "P", separate: "P" }),
];

/// The shortest thing behind `-p` that is taken for a password of a tool that
/// is not in the list.
const GUESS_MIN_BYTES: usize = 4;
/// A user's name in front of a colon is no longer than this.
const USER_MAX_BYTES: usize = 256;

impl SecretOptions {
    /// The options of the tool that `word` names.
    pub(super) fn of_tool(word: &str) -> Option<Self> {
        let names = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => word.starts_with(start),
            None => word == pattern,
        };
        TOOLS.iter().find(|(pattern, _)| names(pattern)).map(|(_, options)| *options)
    }

    /// True for `-p` where the next word is the secret.
    pub(super) fn takes_next(self, word: &str) -> bool {
        letter_and_rest(word)
            .is_some_and(|(letter, rest)| rest.is_empty() && self.separate.contains(letter))
    }

    /// True for `-pX` where X is the secret.
    pub(super) fn is_attached(self, word: &str) -> bool {
        letter_and_rest(word)
            .is_some_and(|(letter, rest)| !rest.is_empty() && self.attached.contains(letter))
    }
}

/// True for `-pX` of any tool where X looks like a password and not like a
/// port (`-p8080:80`), a number or a plain word (`-pthread`).
pub(super) fn looks_like_password_option(word: &str) -> bool {
    let Some(('p', value)) = letter_and_rest(word) else { return false };
    let has = |test: fn(char) -> bool| value.contains(test);
    let mixed = has(|c| c.is_ascii_digit()) && has(char::is_alphabetic);
    let symbol = has(|c| "!#$%&*?@^~+".contains(c)) && value.contains(char::is_alphanumeric);
    value.len() >= GUESS_MIN_BYTES
        && !has(|c| "/:=,".contains(c))
        && (has(char::is_uppercase) || mixed || symbol)
}

/// Where the password begins in `user:password`, the value of curl's `--user`
/// and its kin, with which `rest` begins. With `alone` there is nothing behind
/// the value, and it may hold spaces. `None` for ids (`1000:1000`), addresses
/// and what has no colon. A user with an empty password is a secret itself.
pub(super) fn password_of_login(rest: &str, alone: bool) -> Option<usize> {
    let bare = rest.trim_start_matches(['"', '\'']);
    let begin = rest.len() - bare.len();
    let near = &bare[..bare.floor_char_boundary(USER_MAX_BYTES)];
    let user = near.split(|c: char| c == ':' || (c.is_whitespace() && !alone)).next()?;
    let password = bare[user.len()..].strip_prefix(':')?;
    let ends =
        |text: &str| text.chars().next().is_none_or(|c| c.is_whitespace() || "\"'".contains(c));
    let is_digit = |c: char| c.is_ascii_digit();
    let is_id = user.chars().all(is_digit) && ends(password.trim_start_matches(is_digit));
    if is_id || password.starts_with("//") {
        return None;
    }
    let all_is_secret = ends(password) || is_token(user);
    Some(if all_is_secret { begin } else { begin + user.len() + 1 })
}

fn letter_and_rest(word: &str) -> Option<(char, &str)> {
    let mut letters = word.strip_prefix('-')?.chars();
    let letter = letters.next().filter(char::is_ascii_alphabetic)?;
    Some((letter, letters.as_str()))
}
