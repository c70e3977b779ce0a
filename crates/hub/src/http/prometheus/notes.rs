//! What comes along with an answer.

use watchfire_promql::Answer;

/// What Prometheus says when `limit` cut something off.
const CUT: &str = "results truncated due to limit";

/// Whole sentences for whoever asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Notes {
    /// What is missing, or probably not as it was meant.
    pub(super) warnings: Vec<String>,
    /// What may be worth a look.
    pub(super) infos: Vec<String>,
}

impl Notes {
    /// Those of an evaluation.
    pub(super) fn of(answer: &mut Answer) -> Self {
        let warnings = std::mem::take(&mut answer.warnings);
        Self { warnings, infos: std::mem::take(&mut answer.infos) }
    }

    /// Only warnings; `cut_off` adds that of the limit.
    pub(super) fn warning(warnings: Vec<String>, cut_off: bool) -> Self {
        let mut notes = Self { warnings, infos: Vec::new() };
        if cut_off {
            notes.cut();
        }
        notes
    }

    /// Says that the limit cut something off.
    pub(super) fn cut(&mut self) {
        self.warnings.push(CUT.to_owned());
    }

    /// `,"warnings":[…],"infos":[…]`, each only when there are some.
    pub(super) fn json(&self) -> String {
        let part = |name: &str, texts: &[String]| match texts {
            [] => String::new(),
            texts => format!(",\"{name}\":{}", serde_json::json!(texts)),
        };
        part("warnings", &self.warnings) + &part("infos", &self.infos)
    }
}
