use std::path::{Component, Path};

use anyhow::{Context, bail};

/// The user that the service runs as.
pub(super) const USER: &str = "watchfire";
/// Where systemd makes the data folders of services.
const STATES: &str = "/var/lib";

/// The unit of the agent's service.
///
/// # Errors
/// Paths that cannot stand in a unit, and a data folder that systemd cannot keep.
pub(super) fn unit(program: &Path, config: Option<&Path>, data: &Path) -> anyhow::Result<String> {
    let state = state_folder(data)?;
    let (program, data) = (in_a_unit(program)?, in_a_unit(data)?);
    // Without one the agent looks in the usual place.
    let config = match config {
        Some(config) => format!(" --config {}", in_a_unit(config)?),
        None => String::new(),
    };
    Ok(TEMPLATE
        .replace("{PROGRAM}", program)
        .replace("{CONFIG}", &config)
        .replace("{DATA}", data)
        .replace("{STATE}", state)
        .replace("{USER}", USER))
}

/// The folder's name below the one where systemd makes them.
fn state_folder(data: &Path) -> anyhow::Result<&str> {
    let below = data.strip_prefix(STATES).ok();
    let plain = |path: &&Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    let below = below.filter(|below| !below.as_os_str().is_empty()).filter(plain);
    below.and_then(Path::to_str).with_context(|| {
        format!(
            "the service keeps its data below {STATES}, where systemd makes a folder for it, and \
             not in {}: choose one with --data, or mount or link your disk there",
            data.display()
        )
    })
}

/// A path that means itself in a unit: without quotes, spaces and specifiers.
fn in_a_unit(path: &Path) -> anyhow::Result<&str> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "/._-+@:".contains(letter);
    match path.to_str() {
        Some(text) if path.is_absolute() && text.chars().all(fits) => Ok(text),
        _ => bail!(
            "{} cannot stand in a unit: give an absolute path of letters, digits and /._-+@:",
            path.display()
        ),
    }
}

/// The units of the runner: its service, and the socket that starts it.
pub(super) fn runner_units(program: &Path) -> anyhow::Result<[(&'static str, String); 2]> {
    let program = in_a_unit(program)?;
    let fill = |template: &str| template.replace("{PROGRAM}", program).replace("{USER}", USER);
    Ok([
        ("watchfire-runner.service", fill(include_str!("watchfire-runner.service"))),
        (RUNNER_SOCKET, fill(include_str!("watchfire-runner.socket"))),
    ])
}

/// The unit that is enabled; where there is no policy it does nothing.
pub(super) const RUNNER_SOCKET: &str = "watchfire-runner.socket";

const TEMPLATE: &str = include_str!("watchfire-agent.service");
