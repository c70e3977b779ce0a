use watchfire_model::{Server, ServerName};
use watchfire_runtime::Secret;
use watchfire_runtime::config::{Located, Place, Problem, Spanned};

use super::super::Sender;
use super::super::file::SenderTable;
use super::Checker;
use crate::pushed::RULES;

/// A shorter token could be guessed: tries are not held up.
const LEAST_TOKEN: usize = 16;
/// Longer ones do not fit the headers that programs send.
const MOST_TOKEN: usize = 1024;

impl Checker<'_> {
    /// Comes after the servers, whose names are taken.
    pub(super) fn push_sender(&mut self, table: Spanned<SenderTable>) -> Option<(Sender, Place)> {
        let table = table.into_inner();
        let name = self.source.locate(table.name);
        let token = self.source.locate(table.token);
        let known = self.noted(ServerName::new(&name.value).map_err(|error| {
            name.problem(error.to_string()).hint("\"prometheus-fra\" for example")
        }));
        if let Some(known) = &known {
            if known.as_str() == RULES {
                let problem = name.problem("the series of rules are kept under this name");
                self.problems.push(problem.hint("give the sender another one"));
            }
            self.note_twice("sender", known.as_str(), &name.place);
            if let Some(server) = self.names.get(&("server", known.as_str().to_owned())) {
                let hint = format!("that one is at {server}; a sender needs a name of its own");
                let what = format!("there is a server named {:?} already", known.as_str());
                self.problems.push(name.problem(what).hint(hint));
            }
        }
        let labels = self.labels(table.labels);
        let checked = self.token(&token)?;
        Some((Sender { server: Server::new(known?, labels?), token: checked }, token.place))
    }

    /// By its token a sender is known, so each needs one of its own.
    pub(super) fn check_tokens(&mut self, senders: &[(Sender, Place)]) {
        for (at, (sender, place)) in senders.iter().enumerate() {
            let same = |(other, _): &&(Sender, Place)| other.token == sender.token;
            if let Some((_, first)) = senders[..at].iter().find(same) {
                let problem = Problem::new(place.clone(), "another sender has the same token");
                self.problems.push(problem.hint(format!("the first one is at {first}")));
            }
        }
    }

    /// The token itself is left out of every word about it.
    fn token(&mut self, token: &Located<String>) -> Option<Secret> {
        let expanded = self.expanded(token);
        let secret = self.noted(expanded)?;
        let text = secret.expose();
        let why = if text.chars().count() < LEAST_TOKEN {
            format!("the token has less than {LEAST_TOKEN} characters")
        } else if text.len() > MOST_TOKEN {
            format!("the token has more than {MOST_TOKEN} bytes")
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            "the token has a character that does not fit a header".to_owned()
        } else {
            return Some(secret);
        };
        self.problems.push(token.problem(why).hint("make one with: openssl rand -hex 32"));
        None
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use watchfire_runtime::config::{Outside, Overrides, Source};

    use crate::{HubConfig, show};

    const TOKEN: &str = "0123456789abcdef";

    fn config(text: &str) -> Result<HubConfig, String> {
        let source = Source::from_text(Path::new("hub.toml"), text);
        let outside = <dyn Outside>::machine(Path::new("."));
        HubConfig::from_source(&source, &Overrides::none(), &outside)
            .map_err(|problems| problems.to_string())
    }

    fn sender(name: &str, token: &str) -> String {
        format!("[[sender]]\nname = \"{name}\"\ntoken = \"{token}\"\n")
    }

    #[test]
    fn a_sender_is_a_name_with_labels_and_a_token_that_is_not_shown() {
        let text = format!("{}labels = {{ team = \"a\" }}\n", sender("prom", TOKEN));
        let config = config(&text).expect("a good config");
        let [sender] = &config.senders[..] else { panic!("one") };
        assert_eq!((sender.server.name.as_str(), sender.token.expose()), ("prom", TOKEN));
        assert_eq!(sender.server.labels.get("team"), Some("a"));
        let shown = show(&config);
        let expected = "[[sender]]\nname = \"prom\"\ntoken = \"***\"\nlabels = { team = \"a\" }\n";
        assert!(shown.contains(expected), "{shown}");
        assert!(!shown.contains(TOKEN) && !format!("{config:?}").contains(TOKEN));
    }

    #[test]
    fn a_user_may_be_one_of_senders_alone() {
        let user = "[[user]]\nname = \"ada\"\nservers = ['name=\"prom\"']\n";
        let warnings = |text: &str| config(text).expect("a good config").warnings.len();
        assert_eq!(warnings(&format!("{}{user}", sender("prom", TOKEN))), 0);
        assert_eq!(warnings(&format!("{}{user}", sender("other", TOKEN))), 1, "no such server");
    }

    #[test]
    fn mistakes_are_told_without_the_token() {
        let server = "[[server]]\nname = \"web-1\"\n";
        for (text, why) in [
            (sender("prom", "0123456789abcde"), "less than 16 characters"),
            (sender("prom", &"x".repeat(1025)), "more than 1024 bytes"),
            (sender("prom", "0123456789abcdef ü"), "does not fit a header"),
            (sender("rules", TOKEN), "the series of rules are kept under this name"),
            (sender("pr om", TOKEN), "a server's name has no ' '"),
            (sender("one", TOKEN) + &sender("two", TOKEN), "another sender has the same token"),
            (sender("prom", TOKEN).repeat(2), "there is a sender named \"prom\" already"),
            (format!("{server}{}", sender("web-1", TOKEN)), "a server named \"web-1\" already"),
            ("[[sender]]\nname = \"prom\"\n".to_owned(), "token"),
            (format!("{}labels = {{ name = \"x\" }}\n", sender("prom", TOKEN)), "Watchfire's own"),
        ] {
            let told = config(&text).expect_err(why);
            assert!(told.contains(why), "{told}");
            assert!(!told.contains("0123456789abcde"), "{told}");
        }
    }
}
