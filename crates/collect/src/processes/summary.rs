/// The letters of states that are counted, in the order of their counts
/// (`proc_pid_stat(5)`, field 3).
const LETTERS: [char; 9] = ['R', 'S', 'D', 'Z', 'T', 't', 'I', 'X', 'P'];

/// What the last table says about all processes together, and how it was made.
/// Counters rise from the sampler's first table on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProcessSummary {
    /// Processes.
    pub processes: u32,
    /// Their threads.
    pub threads: u64,
    pub(super) states: [u32; LETTERS.len()],
    /// Processes in a state that no letter of [`ProcessSummary::by_state`]
    /// stands for.
    pub other_state: u32,
    /// Processes and threads born since boot, as the kernel counts them. Not
    /// known in a pid namespace of one's own: the kernel counts the host's.
    pub forks: Option<u64>,
    /// Processes and threads there can be, where it is known.
    pub pid_max: Option<u32>,
    /// Rows for which the process was asked.
    pub asked: u32,
    /// Rows that stand as they were, because the process has not run since.
    pub taken_over: u32,
    /// Rows that stand as they were although the process ran, because there
    /// was no descriptor left to ask it.
    pub not_asked: u32,
    /// True when the folder was listed, false when newcomers were found by
    /// their pids.
    pub listed: bool,
    /// Files of processes that are open now.
    pub kept_files: u32,
    /// Processes and threads that were born and ended without being in a
    /// table; a counter. Not known where `forks` is not.
    pub unseen_births: Option<u64>,
    /// The cpu time of rows, in seconds; a counter.
    pub seen_cpu_seconds: f64,
    /// The cpu time of processes after the last table that they were in, or of
    /// their whole life when they were in none, as far as a process waited for
    /// them; in seconds; a counter.
    pub short_lived_cpu_seconds: f64,
    /// The machine's user, nice and system time that is in neither: of
    /// processes that nobody waits for, and of interrupts; in seconds; a
    /// counter. The machine's time is counted by sampling on many kernels, so
    /// it is exact over minutes only. Not known in a pid namespace of one's own,
    /// where the time is the host's.
    pub unaccounted_cpu_seconds: Option<f64>,
}

impl ProcessSummary {
    /// How many processes are in each state, by the kernel's letter.
    pub fn by_state(&self) -> impl Iterator<Item = (char, u32)> {
        LETTERS.into_iter().zip(self.states)
    }

    pub(super) fn count(&mut self, state: char, threads: u32) {
        self.processes += 1;
        self.threads += u64::from(threads);
        match LETTERS.iter().position(|letter| *letter == state) {
            Some(place) => self.states[place] += 1,
            None => self.other_state += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_counted_by_letter() {
        let mut summary = ProcessSummary::default();
        for state in ['S', 'S', 'R', '?'] {
            summary.count(state, 2);
        }
        let counts: Vec<_> = summary.by_state().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counts, [('R', 1), ('S', 2)]);
        assert_eq!((summary.processes, summary.threads, summary.other_state), (4, 8, 1));
    }
}
