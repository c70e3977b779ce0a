//! Asking whoever sits at the terminal, or reading from a pipe a line for each question.

use std::io::{BufRead, IsTerminal, Read, Write};

use anyhow::{Context, bail};
use watchfire_identity::password::MAX_PASSWORD_BYTES;
use watchfire_runtime::Secret;

/// True when somebody can be asked.
pub(crate) fn by_hand() -> bool {
    std::io::stdin().is_terminal()
}

/// A line.
pub(crate) fn line(question: &str) -> anyhow::Result<String> {
    if !by_hand() {
        return from_pipe(question);
    }
    let mut words = std::io::stderr();
    write!(words, "{question}").and_then(|()| words.flush())?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("the terminal cannot be read")?;
    Ok(line.trim().to_owned())
}

/// A line that is not shown while it is typed.
pub(crate) fn secret(question: &str) -> anyhow::Result<Secret> {
    if !by_hand() {
        return from_pipe(question).map(Secret::new);
    }
    let typed = rpassword::prompt_password(question).context("the terminal cannot be read")?;
    Ok(Secret::new(typed))
}

fn from_pipe(question: &str) -> anyhow::Result<String> {
    let what = question.trim_end_matches([':', ' ']).to_lowercase();
    let limit = u64::try_from(MAX_PASSWORD_BYTES)? + 2;
    let mut line = String::new();
    // What follows is for the next question: the buffer of stdin is one for the whole process.
    let mut input = std::io::stdin().lock().take(limit);
    input.read_line(&mut line).with_context(|| format!("no {what} can be read from the pipe"))?;
    let line = line.trim_end_matches(['\n', '\r']);
    if line.is_empty() {
        bail!(
            "no {what} came from the pipe\n  hint: run it on a terminal, or pipe one line for each \
             question to it"
        );
    }
    Ok(line.to_owned())
}
