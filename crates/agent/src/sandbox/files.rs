use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus,
};

/// What kernels since 5.19 can restrict; what older ones cannot is left out, and what newer ones
/// can besides is not needed.
const NEWEST: ABI = ABI::V5;
/// Files outside of the data folder that are written to: nothing is kept in them.
const SINKS: [&str; 2] = ["/dev/null", "/dev/tty"];

/// From now on this thread and those that it starts read everything, as before, write to `data`
/// alone, and execute nothing.
pub(super) fn restrict(data: &Path) -> Result<(), String> {
    let status = rules(data).map_err(|error| error.to_string())?;
    match status {
        RulesetStatus::NotEnforced => Err("this kernel has none, or it is switched off".to_owned()),
        _ => Ok(()),
    }
}

fn rules(data: &Path) -> Result<RulesetStatus, landlock::RulesetError> {
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    // A sensor or a socket is asked by ioctl: that is no writing.
    let handled = AccessFs::from_all(NEWEST) & !AccessFs::IoctlDev;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(handled)?
        .create()?;
    if let Ok(root) = PathFd::new("/") {
        rules = rules.add_rule(PathBeneath::new(root, reading))?;
    }
    if let Ok(data) = PathFd::new(data) {
        let own = handled & !AccessFs::Execute;
        rules = rules.add_rule(PathBeneath::new(data, own))?;
    }
    for sink in SINKS {
        if let Ok(sink) = PathFd::new(sink) {
            rules =
                rules.add_rule(PathBeneath::new(sink, AccessFs::WriteFile | AccessFs::ReadFile))?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}
