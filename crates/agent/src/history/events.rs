use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Found, History};
use crate::recorder::{Content, Kind, RecorderError};

/// So many events are given at most, the latest ones: no one reads more, and a
/// kernel that repeats itself fills a whole ring with them.
const MAX_EVENTS: usize = 10_000;

/// Something that the kernel said, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedEvent {
    /// When the agent heard of it, in milliseconds since 1970.
    #[serde(skip)]
    pub unix_ms: i64,
    /// The name of its kind: `oom_kill` for example. A later version may have
    /// recorded kinds that this one does not know.
    pub kind: String,
    /// The kernel's words.
    pub text: String,
    /// The process that was killed.
    #[serde(default)]
    pub pid: Option<u32>,
    /// The short name of that process.
    #[serde(default)]
    pub name: Option<String>,
}

/// The latest events of a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordedEvents {
    /// In the order in which they were recorded.
    pub events: Vec<RecordedEvent>,
    /// How many earlier ones are left out, because there are too many.
    pub left_out: u64,
}

impl History {
    /// What the kernel said between the two times, both in milliseconds since
    /// 1970 and both included: at most the latest 10,000.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn events(&self, from_ms: i64, to_ms: i64) -> Result<Found<RecordedEvents>, RecorderError> {
        let mut readings = self.reader.range(from_ms, to_ms, &[Kind::Event])?;
        let (mut latest, mut left_out, mut damages) = (VecDeque::new(), 0, 0);
        for reading in readings.by_ref() {
            let Content::Event(bytes) = reading.content else { continue };
            let Ok(event) = serde_json::from_slice::<RecordedEvent>(&bytes) else {
                damages += 1;
                continue;
            };
            if latest.len() == MAX_EVENTS {
                latest.pop_front();
                left_out += 1;
            }
            latest.push_back(RecordedEvent { unix_ms: reading.at.unix_ms, ..event });
        }
        let mut losses = readings.losses();
        losses.damages += damages;
        let value = Some(RecordedEvents { events: latest.into(), left_out });
        Ok(Found { value, losses })
    }
}

#[cfg(test)]
mod tests {
    use watchfire_model::Moment;

    use super::*;
    use crate::agent::RECORD_FOLDER;
    use crate::recorder::{Recorder, RecorderOptions};

    const KILLED: &str =
        r#"{"kind":"oom_kill","name":"web","pid":7,"text":"Out of memory: Killed process 7"}"#;
    const LINK: &str = r#"{"kind":"link_down","name":null,"pid":null,"text":"eth0: down"}"#;

    fn at(unix_ms: i64) -> Moment {
        Moment { unix_ms, ..Moment::default() }
    }

    fn history(records: &[(Kind, i64, &str)]) -> (tempfile::TempDir, History) {
        let data = tempfile::tempdir().expect("a folder");
        let options = RecorderOptions::with_cap(8 << 20).expect("enough");
        let folder = data.path().join(RECORD_FOLDER);
        let mut ring = Recorder::open(&folder, options, "boot", at(0)).expect("opens");
        for (kind, unix_ms, bytes) in records {
            ring.append(*kind, at(*unix_ms), true, bytes.as_bytes()).expect("recorded");
        }
        ring.close(at(9000)).expect("closed");
        let history = History::open(data.path()).expect("a ring");
        (data, history)
    }

    #[test]
    fn events_of_a_time_are_read_back() {
        let (_data, history) = history(&[
            (Kind::Event, 1000, LINK),
            (Kind::Event, 2000, KILLED),
            (Kind::Tick, 2500, "not asked for"),
            (Kind::Event, 3000, LINK),
        ]);
        let times = |from, to| {
            let found = history.events(from, to).expect("readable");
            assert!(!found.is_damaged());
            let events = found.value.expect("always").events;
            events.iter().map(|event| event.unix_ms).collect::<Vec<_>>()
        };
        assert_eq!(times(1000, 3000), [1000, 2000, 3000]);
        assert_eq!(times(1001, 2999), [2000]);
        assert!(times(3001, i64::MAX).is_empty());
        let found = history.events(2000, 2000).expect("readable").value.expect("always");
        let killed = RecordedEvent {
            unix_ms: 2000,
            kind: "oom_kill".to_owned(),
            text: "Out of memory: Killed process 7".to_owned(),
            pid: Some(7),
            name: Some("web".to_owned()),
        };
        assert_eq!(found, RecordedEvents { events: vec![killed], left_out: 0 });
    }

    #[test]
    fn what_is_no_event_is_a_damage() {
        let (_data, history) =
            history(&[(Kind::Event, 1000, "not JSON"), (Kind::Event, 2000, LINK)]);
        let found = history.events(0, 9000).expect("readable");
        assert!(found.is_damaged());
        assert_eq!(found.value.expect("always").events.len(), 1);
    }

    #[test]
    fn the_latest_of_too_many_are_given() {
        let records: Vec<_> =
            (0..MAX_EVENTS as i64 + 3).map(|number| (Kind::Event, number, LINK)).collect();
        let (_data, history) = history(&records);
        let found = history.events(0, i64::MAX).expect("readable").value.expect("always");
        assert_eq!((found.events.len(), found.left_out), (MAX_EVENTS, 3));
        assert_eq!(found.events[0].unix_ms, 3);
    }
}
