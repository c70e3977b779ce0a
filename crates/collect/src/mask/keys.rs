//! Which names announce a secret.

/// A name that holds one of these announces a secret. Case does not matter,
/// and `-` and `.` count as `_`.
const PARTS: &[&str] = &[
    "access_key",
    "accesskey",
    "access_token",
    "api_key",
    "apikey",
    "api_token",
    "authorization",
    "auth_token",
    "credential",
    "encryption_key",
    "mysql_pwd",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "requirepass",
    "secret",
    "signing_key",
    "stripetoken",
];

/// A name of which one of these is a whole word between underscores announces
/// a secret too; inside of other words they mean nothing.
const WORDS: &[&str] = &["cookie", "pass", "passin", "passout", "pw", "pwd", "token"];

/// How tokens of well-known services begin, whatever announces them.
const TOKEN_STARTS: &[&str] = &[
    "AKIA",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "npm_",
    "rk_live_",
    "sk_live_",
    "xoxb-",
    "xoxp-",
];

const TOKEN_MIN_BYTES: usize = 20;

/// Schemes of an `Authorization` header, which stand before the secret.
const SCHEMES: &[&str] = &["apikey", "basic", "bearer", "digest", "negotiate", "token"];

/// True for the name of an option, a variable or a field that holds a secret.
pub(super) fn announces(name: &str) -> bool {
    let name = normal(name);
    PARTS.iter().any(|part| name.contains(part))
        || name.ends_with("token")
        || name.split('_').any(|word| WORDS.contains(&word))
}

/// Options whose value may be `user:password`, without their hyphens and with
/// `-` and `.` as `_`. Names that end in `user` are of them too.
const LOGINS: &[&str] = &["auth", "basic_auth", "login", "u", "userpass", "userpwd", "username"];

/// True for an option that takes a user, and behind a colon perhaps a password.
pub(super) fn takes_login(option: &str) -> bool {
    let name = normal(option);
    option.starts_with('-') && (name.ends_with("user") || LOGINS.contains(&name.as_str()))
}

/// True for a plain word that is followed by a secret after a space. Stricter,
/// because program names and prose hold such words too.
pub(super) fn announces_as_plain_word(word: &str) -> bool {
    let word = normal(word);
    word == "bearer" || PARTS.iter().any(|part| word.ends_with(part) || word == plural(part))
}

/// True for `Bearer` and the like.
pub(super) fn is_scheme(word: &str) -> bool {
    let word = word.trim_matches(['"', '\'']);
    SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// True for a word that can only be a token.
pub(super) fn is_token(word: &str) -> bool {
    let known = TOKEN_STARTS.iter().any(|start| word.starts_with(start));
    let json_web_token = word.starts_with("eyJ") && word.matches('.').count() == 2;
    word.len() >= TOKEN_MIN_BYTES && (known || json_web_token)
}

fn normal(name: &str) -> String {
    name.trim_matches('-').to_ascii_lowercase().replace(['-', '.'], "_")
}

fn plural(part: &str) -> String {
    format!("{part}s")
}
