/// The pids that the kernel gave out between two readings of its last one.
///
/// It gives them out rising from the last one and begins anew at the lower end
/// when it comes to `pid_max` (`proc(5)`, `/proc/sys/kernel/pid_max`), so
/// whatever was born in between, thread or process, has a number in the span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PidSpan {
    after: u32,
    until: u32,
}

impl PidSpan {
    /// The pids behind `after`, up to `until`.
    pub(super) fn new(after: u32, until: u32) -> Self {
        Self { after, until }
    }

    pub(super) fn holds(self, pid: u32) -> bool {
        if self.after <= self.until {
            self.after < pid && pid <= self.until
        } else {
            pid > self.after || pid <= self.until
        }
    }

    /// How many numbers are in it when the highest is `pid_max - 1`.
    pub(super) fn len(self, pid_max: u32) -> u32 {
        if self.after <= self.until {
            self.until - self.after
        } else {
            pid_max.saturating_sub(self.after.saturating_add(1)).saturating_add(self.until)
        }
    }

    /// Its numbers, in any order.
    pub(super) fn pids(self, pid_max: u32) -> impl Iterator<Item = u32> {
        let from = self.after.saturating_add(1);
        let (first, second) = if self.after <= self.until {
            (from..self.until.saturating_add(1), 0..0)
        } else {
            (from..pid_max, 1..self.until.saturating_add(1))
        };
        first.chain(second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_holds_what_was_given_out() {
        for (after, until, expected) in
            [(5, 8, vec![6, 7, 8]), (5, 5, vec![]), (97, 2, vec![98, 99, 1, 2]), (99, 1, vec![1])]
        {
            let span = PidSpan::new(after, until);
            assert_eq!(span.pids(100).collect::<Vec<_>>(), expected);
            assert_eq!(span.len(100) as usize, expected.len());
            for pid in 1..100 {
                assert_eq!(span.holds(pid), expected.contains(&pid), "{pid} in {after}..{until}");
            }
        }
    }
}
