//! Kills for want of memory, which the kernel tells in two records: where, and
//! who.

use watchfire_model::OomVictim;

/// What the first record told of a process that is about to be killed.
#[derive(Debug, Default)]
pub(super) struct OomReader {
    pid: Option<u32>,
    cgroup: Option<String>,
    cgroup_limit: bool,
}

impl OomReader {
    /// Takes one text of the kernel; returns the victim when this is the
    /// record that names it.
    pub(super) fn take(&mut self, text: &str) -> Option<OomVictim> {
        if let Some(fields) = text.strip_prefix("oom-kill:") {
            self.announce(fields);
            return None;
        }
        let (limit, rest) = kill(text)?;
        let mut victim = victim(rest)?;
        let announced = std::mem::take(self);
        victim.cgroup_limit = limit;
        if announced.pid == Some(victim.pid) {
            victim.cgroup = announced.cgroup;
            victim.cgroup_limit |= announced.cgroup_limit;
        }
        Some(victim)
    }

    /// `constraint=CONSTRAINT_MEMCG,…,task_memcg=/a,task=name,pid=1,uid=0`. The
    /// name can hold anything, so what is behind it is read from the end.
    fn announce(&mut self, fields: &str) {
        let between = |start: &str, end: &str| {
            let value = &fields[fields.find(start)? + start.len()..];
            Some(value[..value.find(end)?].to_owned())
        };
        let pid = fields.rfind(",pid=").map(|at| &fields[at + ",pid=".len()..]);
        self.pid = pid.and_then(|pid| pid.split(',').next()?.parse().ok());
        self.cgroup = between(",task_memcg=", ",task=");
        self.cgroup_limit = fields.starts_with("constraint=CONSTRAINT_MEMCG");
    }
}

/// Whether a cgroup's limit was the cause, and the text from the process on.
fn kill(text: &str) -> Option<(bool, &str)> {
    const KILLED: &str = "Killed process ";
    if let Some(rest) = text.strip_prefix("Memory cgroup out of memory: ") {
        return rest.strip_prefix(KILLED).map(|rest| (true, rest));
    }
    let text = text.strip_prefix("Out of memory: ").unwrap_or(text);
    let text = text.strip_prefix("Out of memory (oom_kill_allocating_task): ").unwrap_or(text);
    text.strip_prefix(KILLED).map(|rest| (false, rest))
}

/// `12 (name) total-vm:9kB, anon-rss:8kB, file-rss:4kB, shmem-rss:0kB, …`, and
/// with `, UID 0,` behind the name in old kernels.
fn victim(rest: &str) -> Option<OomVictim> {
    let (pid, rest) = rest.split_once(" (")?;
    let end = rest.rfind(") total-vm:").or_else(|| rest.rfind("), "))?;
    let kilobytes = |key: &str| {
        let value = rest[end..].split_once(key)?.1;
        value.split_once("kB")?.0.parse::<u64>().ok()
    };
    let parts = ["anon-rss:", "file-rss:", "shmem-rss:"].map(kilobytes);
    let known = parts.iter().flatten().copied().reduce(u64::saturating_add);
    Some(OomVictim {
        pid: pid.parse().ok()?,
        name: rest[..end].to_owned(),
        cgroup: None,
        cgroup_limit: false,
        rss_bytes: known.map(|kilobytes| kilobytes.saturating_mul(1024)),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IN_CGROUP: &str = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/docker/ab,task_memcg=/docker/ab/x,task=a,pid=7,b,pid=4242,uid=0";

    #[test]
    fn who_was_killed_and_where() {
        let mut reader = OomReader::default();
        assert_eq!(reader.take(IN_CGROUP), None);
        let text = "Memory cgroup out of memory: Killed process 4242 (a) (b) total-vm:900kB, anon-rss:100kB, file-rss:20kB, shmem-rss:4kB, UID:0 pgtables:60kB oom_score_adj:0";
        let expected = OomVictim {
            pid: 4242,
            name: "a) (b".to_owned(),
            cgroup: Some("/docker/ab/x".to_owned()),
            cgroup_limit: true,
            rss_bytes: Some(124 * 1024),
        };
        assert_eq!(reader.take(text), Some(expected));
        let other = reader.take("Out of memory: Killed process 1 (x) total-vm:1kB").unwrap();
        assert_eq!((other.cgroup, other.cgroup_limit, other.rss_bytes), (None, false, None));
    }

    #[test]
    fn an_announcement_is_for_its_process_only() {
        let mut reader = OomReader::default();
        reader.take(IN_CGROUP);
        let victim = reader.take("Out of memory: Killed process 5 (x) total-vm:1kB").unwrap();
        assert_eq!((victim.cgroup, victim.cgroup_limit), (None, false));
    }

    #[test]
    fn old_kernels_are_understood_and_other_words_are_not() {
        let mut reader = OomReader::default();
        let old = "Killed process 77 (httpd), UID 48, total-vm:5kB, anon-rss:4kB, file-rss:0kB";
        let victim = reader.take(old).unwrap();
        assert_eq!((victim.pid, &*victim.name, victim.rss_bytes), (77, "httpd", Some(4096)));
        for text in [
            "Out of memory: Kill process 77 (httpd) score 9 or sacrifice child",
            "oom_reaper: reaped process 77 (httpd), now anon-rss:0kB",
            "Killed process x (y) total-vm:1kB",
            "Killed process 77",
        ] {
            assert_eq!(reader.take(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(texts in proptest::collection::vec("(oom-kill:|Killed process |Memory cgroup out of memory: Killed process )?[0-9a-z(),=: ]{0,60}", 0..4)) {
            let mut reader = OomReader::default();
            for text in texts {
                reader.take(&text);
            }
        }
    }
}
