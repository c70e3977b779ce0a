//! Go's template language, as rule files of Prometheus and messages of Alertmanager use it.
//!
//! ```
//! use watchfire_alert::go_template::{Data, Limits, NoQueries, Template};
//! use watchfire_model::LabelSet;
//!
//! let template = Template::parse("{{ $labels.instance }}: {{ $value | humanizePercentage }}")?;
//! let data = Data::of_alert(&LabelSet::of(&[("instance", "web-1")]), 0.5, &LabelSet::empty(), "");
//! let text = template.expand(&data, &NoQueries, &Limits::default())?;
//! assert_eq!(text, "web-1: 50%");
//! # Ok::<(), watchfire_alert::go_template::TemplateError>(())
//! ```
//!
//! A template is somebody's program that runs with each evaluation of a rule, so it runs on fuel: its
//! steps, what it writes and keeps, how deep it nests, how often it asks and how large its regular
//! expressions become have limits, and a template that passes one is an error with a place
//! (abuse A33). It reads no file, no environment and no clock. It is written here because of the crates
//! that exist none bounds the whole of the work: the best kept one, `gotmpl`, limits nesting and the
//! turns of `range`, but not templates that call themselves twice, not what a text grows to, and not patterns.
//!
//! Values print as Go prints them and the functions mean what they mean in Prometheus 3. Not as there: a
//! value has no methods but a few of a time's; numbers are neither complex nor hexadecimal with a
//! point, neither read nor printed; `call` is not there, `tmpl` can be used in rules too; `eq` of times or
//! samples is an error, because there it compares where they lie; a variable must be declared before it is
//! set; and of several errors in one template another one may be told.
//!
//! `lex` makes tokens of the text, `parse` a tree of them, `eval` walks it; `printf` and `print` write
//! values, and each file of `functions` holds functions of one kind.

mod ast;
mod bounded;
mod data;
mod error;
mod eval;
mod functions;
mod lex;
mod limits;
mod parse;
mod print;
mod printf;
mod queries;
mod regex;
mod value;

#[cfg(test)]
mod tests;

pub use data::Data;
pub use error::TemplateError;
pub use limits::{Limits, MAX_NESTING, MAX_TEMPLATE_BYTES};
pub use queries::{NoQueries, Queries};
pub use value::{List, Map, Value};

/// A template that was read and can be expanded again and again.
#[derive(Debug, Clone)]
pub struct Template {
    tree: ast::Tree,
}

impl Template {
    /// Reads a template of a rule file: it has `$labels`, `$value`, `$externalLabels` and `$externalURL`.
    ///
    /// # Errors
    /// The first mistake and its place; also a function or variable that does not exist, and a text that is
    /// longer than [`MAX_TEMPLATE_BYTES`] or nests deeper than [`MAX_NESTING`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let variables = data::ALERT_VARIABLES;
        Ok(Self { tree: parse::template(text, &variables)? })
    }

    /// Reads a template over any tree of values, of which it knows `.` and `$` alone.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_message(text: &str) -> Result<Self, TemplateError> {
        Ok(Self { tree: parse::template(text, &[])? })
    }

    /// What the template says about `data`.
    ///
    /// # Errors
    /// What went wrong and where; also a limit that was passed.
    pub fn expand(
        &self,
        data: &Data,
        queries: &dyn Queries,
        limits: &Limits,
    ) -> Result<String, TemplateError> {
        self.expand_counted(data, queries, limits).0
    }

    /// The same, and how many steps it took.
    pub fn expand_counted(
        &self,
        data: &Data,
        queries: &dyn Queries,
        limits: &Limits,
    ) -> (Result<String, TemplateError>, u64) {
        eval::expand(&self.tree, data, queries, limits)
    }
}
