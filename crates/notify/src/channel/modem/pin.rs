//! The PIN of a SIM. Three wrong ones lock it, so a wrong one is tried once.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Trouble;
use super::dialog::Dialog;
use super::fault::Fault;

/// Device and PIN, hashed, of those that were tried and not taken. The SIM counts for itself
/// whoever asks, so this is the process's and no channel's.
static NOT_TAKEN: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

/// Gives the SIM its PIN, if it wants one.
pub(super) async fn unlock(
    dialog: &mut Dialog<'_>,
    device: &Path,
    file: Option<&Path>,
    limit: Duration,
) -> Result<(), Trouble> {
    let wants = match dialog.ask("AT+CPIN?", limit).await {
        Ok(lines) => {
            lines.iter().find_map(|line| Some(line.strip_prefix("+CPIN:")?.trim().to_owned()))
        }
        // Without a SIM that has a PIN some know no such question.
        Err(Fault::Error) => None,
        Err(fault) => return Err(fault.into()),
    };
    match wants.as_deref() {
        None | Some("READY") => Ok(()),
        Some("SIM PIN") => {
            let file = file.ok_or_else(|| pin("the SIM wants a PIN: add pin=FILE"))?;
            give(dialog, device, &read(file)?, limit).await
        }
        Some(other) => Err(pin(&format!("the SIM wants its {other}"))),
    }
}

async fn give(
    dialog: &mut Dialog<'_>,
    device: &Path,
    digits: &str,
    limit: Duration,
) -> Result<(), Trouble> {
    let mut hasher = DefaultHasher::new();
    (device, digits).hash(&mut hasher);
    let tried = hasher.finish();
    // Noted before it is tried: whatever happens then, it is not tried again by itself.
    if !not_taken().insert(tried) {
        return Err(pin("the SIM did not take this PIN; after three wrong ones it locks itself, \
                        so it is not tried again until the file changes"));
    }
    match dialog.ask(&format!("AT+CPIN=\"{digits}\""), limit).await {
        Ok(_) => {
            not_taken().remove(&tried);
            Ok(())
        }
        Err(fault) if fault.is_wrong_pin() => Err(pin("the SIM does not take the PIN")),
        Err(fault) => {
            // It was busy or silent, and counted nothing.
            if matches!(fault, Fault::Device(_)) {
                not_taken().remove(&tried);
            }
            Err(fault.into())
        }
    }
}

fn not_taken() -> MutexGuard<'static, BTreeSet<u64>> {
    NOT_TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(file: &Path) -> Result<String, Trouble> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| pin(&format!("the file with the PIN cannot be read: {error}")))?;
    let digits = text.trim();
    // Digits alone, so that no file can hold a command.
    if !(4..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(pin("the file with the PIN holds none: four to eight digits"));
    }
    Ok(digits.to_owned())
}

fn pin(why: &str) -> Trouble {
    Trouble::Pin(why.to_owned())
}
