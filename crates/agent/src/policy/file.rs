use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use regex::RegexBuilder;
use serde::Deserialize;
use watchfire_model::ServerName;
use watchfire_runtime::config::{
    Located, Problem, Problems, Source, Spanned, closest, duration, size,
};
use watchfire_wire::RunPolicy;
use watchfire_wire::limits::{MAX_PARAMS, MAX_RUNBOOKS};

use super::params::{Kind, Param, Piece, pieces};
use super::{Limits, Policy, Runbook};

pub(super) const USUAL_SIGNERS: &str = "/etc/watchfire/allowed_signers";
pub(super) const DEFAULT_LONGEST_LIFE: Duration = Duration::from_secs(300);
/// A signature that lives longer is as good as a password.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
const MAX_OUTPUT: u64 = 64 << 20;
const MAX_AT_ONCE: usize = 64;
const MAX_SIGNATURES: u8 = 4;
/// The most memory that a pattern may take once it is compiled, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    policy: Spanned<String>,
    server: Option<Spanned<String>>,
    allowed_signers: Option<Spanned<String>>,
    signatures: Option<Spanned<u8>>,
    longest_life: Option<Spanned<String>>,
    #[serde(default)]
    limits: FileLimits,
    #[serde(default)]
    runbook: BTreeMap<String, Spanned<FileRunbook>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLimits {
    user: Option<String>,
    #[serde(default)]
    users: Vec<String>,
    timeout: Option<Spanned<String>>,
    longest_timeout: Option<Spanned<String>>,
    output: Option<Spanned<String>>,
    at_once: Option<Spanned<usize>>,
    processes: Option<u64>,
    files: Option<u64>,
    memory: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRunbook {
    argv: Vec<Spanned<String>>,
    #[serde(default)]
    params: BTreeMap<String, Spanned<FileParam>>,
    user: Option<String>,
    folder: Option<String>,
    timeout: Option<Spanned<String>>,
    output: Option<Spanned<String>>,
    #[serde(default)]
    shell: bool,
    #[serde(default)]
    confirm: bool,
    #[serde(default)]
    description: String,
    signed: Option<bool>,
    #[serde(default)]
    may_gain_rights: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileParam {
    r#type: Spanned<String>,
    default: Option<String>,
    min: Option<i64>,
    max: Option<i64>,
    choices: Option<Vec<String>>,
    under: Option<String>,
    pattern: Option<Spanned<String>>,
}

/// Reads the text of a policy file.
pub(super) fn parse(source: &Source) -> Result<Policy, Problems> {
    let file: File = source.parse()?;
    let mut reader = Reader { source, problems: Problems::new() };
    let mut policy = Policy::off();
    policy.level = reader.level(file.policy);
    policy.server = file.server.and_then(|name| {
        let name = reader.source.locate(name);
        let read = ServerName::new(&name.value).map_err(|error| name.problem(error.to_string()));
        reader.problems.take(read)
    });
    policy.allowed_signers = file.allowed_signers.and_then(|path| reader.signers(path));
    policy.signatures = reader.within(file.signatures, 1, 1..=MAX_SIGNATURES, "signatures");
    let life = file.longest_life;
    policy.longest_life = reader.time(life, LONGEST_LIFE).unwrap_or(DEFAULT_LONGEST_LIFE);
    policy.limits = reader.limits(file.limits);
    if file.runbook.len() > MAX_RUNBOOKS {
        let what = format!("there are more than {MAX_RUNBOOKS} runbooks");
        reader.problems.push(Problem::new(source.place(&(0..0)), what));
    }
    let always_signed = policy.level == RunPolicy::Signed;
    for (name, runbook) in file.runbook {
        let runbook = reader.runbook(&name, runbook, always_signed);
        policy.runbooks.insert(name, runbook);
    }
    reader.problems.into_result(Some(policy))
}

struct Reader<'a> {
    source: &'a Source,
    problems: Problems,
}

impl Reader<'_> {
    fn level(&mut self, word: Spanned<String>) -> RunPolicy {
        let word = self.source.locate(word);
        let level = RunPolicy::ALL.into_iter().find(|level| level.as_str() == word.value);
        level.unwrap_or_else(|| {
            let problem = word.problem(format!("{:?} is no policy", word.value));
            let close = closest(&word.value, &RunPolicy::ALL.map(RunPolicy::as_str));
            self.problems.push(problem.hint(match close {
                Some(close) => format!("did you mean {close:?}?"),
                None => "choose from off, runbooks, signed and open".to_owned(),
            }));
            RunPolicy::Off
        })
    }

    fn signers(&mut self, path: Spanned<String>) -> Option<PathBuf> {
        let path = self.source.locate(path);
        if path.value.starts_with('/') {
            return Some(path.value.into());
        }
        self.problems.push(path.problem("this is no absolute path").hint(USUAL_SIGNERS));
        None
    }

    fn limits(&mut self, file: FileLimits) -> Limits {
        let usual = Limits::default();
        let longest_timeout =
            self.time(file.longest_timeout, LONGEST_TIMEOUT).unwrap_or(usual.longest_timeout);
        Limits {
            user: file.user,
            users: file.users,
            timeout: self.time(file.timeout, longest_timeout).unwrap_or(usual.timeout),
            longest_timeout,
            output: self.size(file.output).unwrap_or(usual.output),
            at_once: self.within(file.at_once, usual.at_once, 1..=MAX_AT_ONCE, "commands at once"),
            processes: file.processes.unwrap_or(usual.processes).max(1),
            files: file.files.unwrap_or(usual.files).max(16),
            memory: file.memory.and_then(|memory| {
                let memory = self.source.locate(memory);
                self.problems.take(size(&memory))
            }),
        }
    }

    fn within<T: PartialOrd + std::fmt::Display + Copy>(
        &mut self,
        number: Option<Spanned<T>>,
        usual: T,
        range: std::ops::RangeInclusive<T>,
        what: &str,
    ) -> T {
        let Some(number) = number.map(|number| self.source.locate(number)) else { return usual };
        if range.contains(&number.value) {
            return number.value;
        }
        let (least, most) = (range.start(), range.end());
        let what = format!("{what}: {} is not from {least} to {most}", number.value);
        self.problems.push(number.problem(what));
        usual
    }

    fn time(&mut self, value: Option<Spanned<String>>, most: Duration) -> Option<Duration> {
        let value = self.source.locate(value?);
        let time = self.problems.take(duration(&value))?;
        if time < Duration::from_secs(1) || time > most {
            let what = format!("{:?} is not from 1s to {}s", value.value, most.as_secs());
            self.problems.push(value.problem(what));
            return None;
        }
        Some(time)
    }

    fn size(&mut self, value: Option<Spanned<String>>) -> Option<u64> {
        let value = self.source.locate(value?);
        let bytes = self.problems.take(size(&value))?;
        if bytes > MAX_OUTPUT {
            let what = format!("{:?} is more output than is ever kept", value.value);
            self.problems.push(value.problem(what).hint("64MiB is the most"));
            return None;
        }
        Some(bytes)
    }

    fn runbook(&mut self, name: &str, file: Spanned<FileRunbook>, always_signed: bool) -> Runbook {
        let file = self.source.locate(file);
        if !is_name(name) {
            let what = format!("{name:?} is no name of a runbook");
            self.problems.push(file.problem(what).hint("letters, digits, - and _: restart-unit"));
        }
        let at = file.with(());
        let file = file.value;
        let mut params = BTreeMap::new();
        if file.params.len() > MAX_PARAMS {
            let what = format!("the runbook {name} has more than {MAX_PARAMS} parameters");
            self.problems.push(at.problem(what));
        }
        for (name, param) in file.params {
            if let Some(param) = self.param(&name, param) {
                params.insert(name, param);
            }
        }
        let argv = self.templates(&at, name, file.argv, file.shell, &params);
        Runbook {
            argv,
            params,
            user: file.user,
            folder: file.folder,
            timeout: self.time(file.timeout, LONGEST_TIMEOUT),
            output: self.size(file.output),
            shell: file.shell,
            confirm: file.confirm,
            description: file.description,
            signed: file.signed.unwrap_or(always_signed),
            may_gain_rights: file.may_gain_rights,
        }
    }

    /// Each place of a template has a parameter and each parameter a place.
    fn templates(
        &mut self,
        at: &Located<()>,
        name: &str,
        argv: Vec<Spanned<String>>,
        shell: bool,
        params: &BTreeMap<String, Param>,
    ) -> Vec<String> {
        if argv.is_empty() {
            self.problems.push(at.problem(format!("the runbook {name} has no argv")));
        }
        let mut used = Vec::new();
        let mut templates = Vec::new();
        for (place, template) in argv.into_iter().enumerate() {
            let template = self.source.locate(template);
            // A script has braces of its own; what is filled in is never part of it.
            let parts =
                if shell && place == 0 { Some(Vec::new()) } else { pieces(&template.value) };
            let Some(parts) = parts else {
                let problem = template.problem("a brace stands alone");
                self.problems.push(problem.hint("write {name}, or {{ and }} for braces"));
                continue;
            };
            for part in parts {
                let Piece::Name(param) = part else { continue };
                if place == 0 {
                    let what = "a parameter cannot choose the program";
                    self.problems.push(template.problem(what));
                } else if !params.contains_key(param) {
                    let what = format!("the runbook {name} has no parameter {param:?}");
                    self.problems.push(template.problem(what).hint(format!("params.{param} = …")));
                }
                used.push(param.to_owned());
            }
            if template.value.contains('\0') || (place == 0 && template.value.is_empty()) {
                self.problems.push(template.problem("this is no argument"));
            }
            templates.push(template.value);
        }
        if let Some(idle) = params.keys().find(|param| !used.contains(param)) {
            let what = format!("the parameter {idle} stands nowhere in the argv of {name}");
            self.problems.push(at.problem(what));
        }
        templates
    }

    fn param(&mut self, name: &str, file: Spanned<FileParam>) -> Option<Param> {
        let file = self.source.locate(file);
        let at = file.with(());
        if !is_name(name) {
            self.problems.push(at.problem(format!("{name:?} is no name of a parameter")));
        }
        let file = file.value;
        let word = self.source.locate(file.r#type);
        let kind = match word.value.as_str() {
            "word" => Kind::Word,
            "integer" => {
                Kind::Integer { min: file.min.unwrap_or(0), max: file.max.unwrap_or(i64::MAX) }
            }
            "choice" => Kind::Choice(file.choices.unwrap_or_default()),
            "path" => Kind::Path { under: file.under.unwrap_or_else(|| "/".to_owned()) },
            "pattern" => Kind::Pattern(self.pattern(&at, file.pattern)?),
            other => {
                let what = format!("{other:?} is no type of a parameter");
                let hint = "choose from word, integer, choice, path and pattern";
                self.problems.push(word.problem(what).hint(hint));
                return None;
            }
        };
        if matches!(&kind, Kind::Choice(choices) if choices.is_empty()) {
            let hint = "choices = [\"start\", \"stop\"]";
            self.problems.push(at.problem("there is nothing to choose from").hint(hint));
        }
        if let Some(default) = file.default.as_ref().filter(|default| !kind.takes(default)) {
            let what = format!("the default {default:?} is not {}", kind.hint());
            self.problems.push(at.problem(what));
        }
        Some(Param { kind, default: file.default })
    }

    fn pattern(&mut self, at: &Located<()>, text: Option<Spanned<String>>) -> Option<regex::Regex> {
        let Some(text) = text.map(|text| self.source.locate(text)) else {
            self.problems.push(at.problem("the pattern is missing").hint("pattern = \"[a-z]+\""));
            return None;
        };
        // Of its own first, or a bracket in it could end the frame around it.
        let alone = RegexBuilder::new(&text.value).size_limit(MAX_PATTERN_BYTES).build();
        let whole = alone.and_then(|_| {
            let whole = format!("^(?:{})$", text.value);
            RegexBuilder::new(&whole).size_limit(MAX_PATTERN_BYTES).build()
        });
        self.problems.take(whole.map_err(|error| text.problem(format!("no pattern: {error}"))))
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= 64 && name.chars().all(fits)
}
