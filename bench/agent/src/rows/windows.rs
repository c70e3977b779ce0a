use std::time::{Duration, Instant};

use crate::started::Started;

/// The CPU seconds that each program used per second, in each of `rounds`
/// stretches of time, which are the same for all of them.
pub(super) fn cpu(
    programs: &mut [&mut Started],
    length: Duration,
    rounds: usize,
) -> anyhow::Result<Vec<Vec<f64>>> {
    let mut used = vec![Vec::with_capacity(rounds); programs.len()];
    for _ in 0..rounds {
        let before = read(programs)?;
        std::thread::sleep(length);
        let after = read(programs)?;
        for (number, (before, after)) in before.iter().zip(after).enumerate() {
            let (cpu, wall) = (after.1.saturating_sub(before.1), after.0 - before.0);
            used[number].push(cpu.as_secs_f64() / wall.as_secs_f64());
        }
    }
    Ok(used)
}

/// Sleeps, and sees to it that all still run.
pub(super) fn settle(programs: &mut [&mut Started], time: Duration) -> anyhow::Result<()> {
    std::thread::sleep(time);
    programs.iter_mut().try_for_each(|program| program.check())
}

fn read(programs: &mut [&mut Started]) -> anyhow::Result<Vec<(Instant, Duration)>> {
    let each = programs.iter_mut().map(|program| {
        program.check()?;
        Ok((Instant::now(), program.cage.cpu()?))
    });
    each.collect()
}
