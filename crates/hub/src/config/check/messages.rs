use watchfire_alert::go_template::Template;
use watchfire_runtime::config::Spanned;

use super::super::Messages;
use super::super::file::MessagesTable;
use super::Checker;

impl Checker<'_> {
    /// The operator's templates; one that cannot be read is a mistake, and none is used then.
    pub(super) fn messages(&mut self, table: Option<MessagesTable>) -> Messages {
        let Some(MessagesTable { subject, text }) = table else { return Messages::default() };
        let subject = subject.and_then(|subject| self.template(subject));
        let text = text.and_then(|text| self.template(text));
        Messages::new(subject, text)
    }

    fn template(&mut self, text: Spanned<String>) -> Option<(String, Template)> {
        let text = self.source.locate(text);
        let read = Template::parse_message(&text.value).map_err(|error| {
            let hint = "it is Go's template language with Alertmanager's data: \
                        \"[{{ .Status }}] {{ .CommonLabels.alertname }}\"";
            let (line, column) = (error.line, error.column);
            let place = format!("line {line}, column {column} of the template");
            text.problem(format!("{place}: {}", error.words)).hint(hint)
        });
        self.noted(read).map(|template| (text.value, template))
    }
}
