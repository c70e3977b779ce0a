//! What came of what was begun: on the incident that it was for, and to the user on whose behalf
//! a schedule ran where it did not end well.

use watchfire_alert::{clean, message_id};
use watchfire_model::{Moment, NotificationKind, TimelineEntry, TimelineKind};
use watchfire_store::{Batch, NewNotification, StoreError, StoredAutomatic, Thread};

use super::{Automatic, REMEDY};
use crate::desk::plain_lines;

/// How long a run's end may be unknown, in milliseconds: a week and a day. Servers are waited for
/// no longer.
const LONGEST_MS: i64 = 8 * 86_400_000;

/// How much is written to an incident, in characters.
const MAX_WORDS: usize = 1000;

impl Automatic {
    /// Tells of those that are over.
    pub(super) async fn tell(&self, now: Moment) -> Result<(), StoreError> {
        for mut one in self.blocking(|store| store.open_automatic()).await? {
            let Some((is_well, words)) = self.outcome(&one, now).await? else { continue };
            one.is_over = true;
            if one.kind == REMEDY {
                self.note(one, words, now).await?;
            } else if is_well {
                self.blocking(move |store| store.write(|batch| batch.put_automatic(&one))).await?;
            } else {
                self.complain(one, &words, now).await?;
            }
        }
        Ok(())
    }

    /// Nothing is run, and people are told why.
    pub(super) async fn give_up(
        &self,
        mut mark: StoredAutomatic,
        why: &str,
        now: Moment,
    ) -> Result<(), StoreError> {
        tracing::warn!(name = mark.name, why, "nothing is run");
        mark.is_over = true;
        let words = format!("nothing was run: {why}");
        match mark.kind.as_str() {
            REMEDY => self.note(mark, words, now).await,
            _ => self.complain(mark, &words, now).await,
        }
    }

    /// Writes it to the incident.
    pub(super) async fn note(
        &self,
        mark: StoredAutomatic,
        words: String,
        now: Moment,
    ) -> Result<(), StoreError> {
        let text = format!("remedy {:?}: {}", mark.name, clean(&words, MAX_WORDS));
        let line = TimelineEntry { at: now, kind: TimelineKind::Note, text };
        self.blocking(move |store| store.write(|batch| put(batch, &mark, &line))).await
    }

    async fn complain(
        &self,
        mark: StoredAutomatic,
        words: &str,
        now: Moment,
    ) -> Result<(), StoreError> {
        let schedule = self.schedules.iter().find(|one| one.task.name == mark.name);
        let user = schedule.map(|one| one.task.user.clone());
        let recipients = self.tools.recipients.iter();
        let told = recipients.filter(|one| user.as_ref() == Some(&one.name)).collect::<Vec<_>>();
        if told.is_empty() {
            let (name, run) = (&mark.name, &mark.run);
            tracing::warn!(
                name,
                run,
                words,
                "a schedule did not end well, and its user has no channel"
            );
        }
        let letter = told.first().map(|recipient| {
            let kind = NotificationKind::Report;
            let lines =
                [format!("The schedule {:?} did not end well.", mark.name), words.to_owned()];
            let run = if mark.run.is_empty() { String::new() } else { format!("-{}", mark.run) };
            let id = format!("{}-{}{run}", mark.kind, mark.of);
            NewNotification {
                incident: None,
                thread: Thread::Own,
                held: false,
                user: recipient.name.clone(),
                kind,
                channels: recipient.channels.clone(),
                content: plain_lines(
                    &format!("[FAILED] schedule {}", mark.name),
                    &lines,
                    &self.tools.public_url,
                ),
                content_if_first: None,
                message_id: message_id(kind, &id, &recipient.name, &self.tools.hub_id),
                references: Vec::new(),
                created: now,
            }
        });
        self.blocking(move |store| {
            store.write(|batch| {
                letter.iter().try_for_each(|letter| batch.enqueue(letter).map(drop))?;
                batch.put_automatic(&mark)
            })
        })
        .await?;
        self.tools.courier.notify_one();
        Ok(())
    }

    /// Whether it ended well, and what there is to say; `None` while it goes on.
    async fn outcome(
        &self,
        one: &StoredAutomatic,
        now: Moment,
    ) -> Result<Option<(bool, String)>, StoreError> {
        let id = one.run.clone();
        let (row, targets) =
            self.blocking(move |store| Ok((store.run(&id)?, store.run_targets(&id)?))).await?;
        let Some(row) = row else {
            return Ok(Some((false, "nothing is known of the run any more".to_owned())));
        };
        if row.ended_unix_ms.is_none() {
            let is_lost = now.unix_ms - one.at_unix_ms > LONGEST_MS;
            return Ok(is_lost.then(|| (false, format!("the run {} did not end", row.id))));
        }
        let well = targets.iter().filter(|target| target.well).count();
        let others: Vec<String> = targets
            .iter()
            .filter(|target| !target.well)
            .take(10)
            .map(|target| format!("{} {} {}", target.server, target.state, target.why))
            .collect();
        let (run, all) = (&row.id, targets.len());
        let mut words = format!("run {run}: well on {well} of {all}");
        if !others.is_empty() {
            words = format!("{words}; {}", others.join("; ").replace(" ;", ";"));
        }
        Ok(Some((others.is_empty(), words.trim_end().to_owned())))
    }
}

/// The incident may be gone by now.
fn put(batch: &Batch<'_>, mark: &StoredAutomatic, line: &TimelineEntry) -> Result<(), StoreError> {
    if let Some(incident) = mark.incident {
        match batch.add_timeline(incident, line) {
            Err(StoreError::NotFound { .. }) => {}
            done => done?,
        }
    }
    batch.put_automatic(mark)
}
