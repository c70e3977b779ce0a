use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, HtmlEscape, UndefinedBehavior};
use serde::Serialize;
use watchfire_model::Content;

/// A kind of message: its text and its HTML template, by name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// One incident.
    Alert,
    /// The daily report.
    Report,
    /// Something about many servers or incidents.
    Note,
    /// Alerts of rules.
    Firing,
}

/// What a form needs of its facts beside the template.
pub(crate) trait View: Serialize {
    /// One line that decides at 3 a.m.
    fn subject(&self) -> &str;
    /// All that must be said, as plain lines, when a template fails.
    fn plain(&self) -> String;
}

/// Templates by name, ready to render.
pub(crate) struct Templates(Environment<'static>);

/// The text of a template that is made of these pieces. They are put together here and not by an
/// `include` in a template, which could be made to name any file.
macro_rules! pieces {
    ($($name:literal),+) => { concat!($(include_str!(concat!("../templates/", $name))),+) };
}

const BUILT_IN: [(&str, &str); 8] = [
    ("alert.txt", pieces!("alert.txt", "around.txt", "foot.txt")),
    (
        "alert.html",
        pieces!(
            "head.html",
            "facts.html",
            "alert.html",
            "around.html",
            "buttons.html",
            "foot.html"
        ),
    ),
    ("firing.txt", pieces!("firing.txt", "around.txt", "foot.txt")),
    (
        "firing.html",
        pieces!(
            "head.html",
            "facts.html",
            "firing.html",
            "around.html",
            "buttons.html",
            "foot.html"
        ),
    ),
    ("note.txt", pieces!("note.txt", "foot.txt")),
    ("note.html", pieces!("head.html", "facts.html", "note.html", "buttons.html", "foot.html")),
    ("report.txt", pieces!("report.txt")),
    ("report.html", pieces!("head.html", "report.html", "foot.html")),
];

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| Templates::new(&BUILT_IN));

/// Renders with the built-in templates. It cannot fail: a bad template must never
/// lose an alert, so where one fails the plain lines are sent.
pub(crate) fn render(form: Form, view: &impl View) -> Content {
    TEMPLATES.render(form, view)
}

impl Templates {
    /// Takes the templates that can be read; one that cannot is missing, and what
    /// needs it comes out plain.
    pub(crate) fn new(sources: &[(&'static str, &'static str)]) -> Self {
        let mut environment = Environment::new();
        // A misspelt name must fail in a test, not leave a hole in a mail.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_filter("tight", tight);
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
        if let Ok(syntax) = syntax.build() {
            environment.set_syntax(syntax);
        }
        for (name, source) in sources {
            // A template that cannot be read is found missing when it is needed.
            let _ = environment.add_template(name, source);
        }
        Self(environment)
    }

    pub(crate) fn render(&self, form: Form, view: &impl View) -> Content {
        let (text, html) = match form {
            Form::Alert => ("alert.txt", "alert.html"),
            Form::Report => ("report.txt", "report.html"),
            Form::Note => ("note.txt", "note.html"),
            Form::Firing => ("firing.txt", "firing.html"),
        };
        let value = Value::from(Serde(view));
        Content {
            subject: view.subject().to_owned(),
            text: self.one(text, &value).unwrap_or_else(|_| view.plain()),
            html: self.one(html, &value).unwrap_or_else(|_| plain_html(&view.plain())),
        }
    }

    fn one(&self, name: &str, value: &Value) -> Result<String, Error> {
        self.0.get_template(name)?.render(value)
    }
}

/// Keeps a number and its unit on one line: on a phone "12 s" would else be torn.
fn tight(text: &str) -> String {
    let mut after_digit = false;
    let keep = |c: char| {
        let kept = if c == ' ' && after_digit { '\u{a0}' } else { c };
        after_digit = c.is_ascii_digit();
        kept
    };
    text.chars().map(keep).collect()
}

pub(crate) fn plain_html(plain: &str) -> String {
    format!("<!doctype html>\n<pre style=\"white-space:pre-wrap\">{}</pre>\n", HtmlEscape(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Note {
        word: &'static str,
    }

    impl View for Note {
        fn subject(&self) -> &str {
            "[DOWN] web-1"
        }

        fn plain(&self) -> String {
            format!("plain: {}\n", self.word)
        }
    }

    const NOTE: Note = Note { word: "<b>{{ 7*7 }}</b>" };

    #[test]
    fn the_built_in_templates_can_all_be_read() {
        for (name, _) in BUILT_IN {
            assert!(TEMPLATES.0.get_template(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn html_is_escaped_and_values_are_never_templates() {
        let templates =
            Templates::new(&[("alert.txt", "{{ word }}"), ("alert.html", "{{ word }}")]);
        let content = templates.render(Form::Alert, &NOTE);
        assert_eq!(content.text, "<b>{{ 7*7 }}</b>");
        assert_eq!(content.html, "&lt;b&gt;{{ 7*7 }}&lt;&#x2f;b&gt;");
    }

    #[test]
    fn a_number_keeps_its_unit() {
        assert_eq!(
            tight("back after 2 min 10 s, at last"),
            "back after 2\u{a0}min 10\u{a0}s, at last"
        );
    }

    #[test]
    fn a_bad_template_never_loses_an_alert() {
        for bad in
            ["{{ wrong_name }}", "{% for %}", "{{ word.a.b }}", "{{ 1 / 0 }}", "{{ 'x'|nope }}"]
        {
            let templates = Templates::new(&[("alert.txt", bad), ("alert.html", bad)]);
            let content = templates.render(Form::Alert, &NOTE);
            assert_eq!(content.subject, "[DOWN] web-1", "{bad}");
            assert_eq!(content.text, "plain: <b>{{ 7*7 }}</b>\n", "{bad}");
            assert!(content.html.contains("plain: &lt;b&gt;"), "{bad}");
        }
        let content = Templates::new(&[]).render(Form::Report, &NOTE);
        assert!(content.text.starts_with("plain: "));
    }
}
