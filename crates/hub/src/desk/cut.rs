//! Letters about the hub's own link: one when it is cut off, one when it is back.

use watchfire_alert::{CutOffFacts, Recipient, cut_off_content, message_id};
use watchfire_model::{Channel, Moment, NotificationKind, Presence, Server, Transition};
use watchfire_store::{Batch, NewNotification, StoreError, Thread};

use super::book::{Book, Cut};
use super::letters::Letters;
use super::plain;
use super::routes::{of_hub, of_hub_again};
use super::tell::carefully;
use crate::fleet::CutNews;

impl Letters {
    /// Tells each user once whose servers are not heard. An end goes to those who were
    /// told the beginning. When the news of the beginning was overtaken by that of the
    /// end, the end tells both.
    pub(super) fn tell_cut(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        news: &CutNews,
        now: Moment,
    ) -> Result<(), StoreError> {
        let nobody_knows = book.cuts.is_empty();
        for user in &self.recipients {
            let known = book.cuts.get(&user.name).cloned();
            let route = match &known {
                Some(cut) => Some(of_hub_again(&cut.channels)),
                None => of_hub(user, now),
            };
            let Some(route) = route else { continue };
            let servers = self.servers(user, news);
            let tells = match (&known, news.ended) {
                (Some(_), None) => false,
                (Some(_), Some(_)) => true,
                (None, ended) => !servers.is_empty() && (ended.is_none() || nobody_knows),
            };
            if !tells {
                continue;
            }
            let letter = self.cut_letter(
                user,
                (news, known.as_ref()),
                &servers,
                route.channels.clone(),
                now,
            );
            let id = batch.enqueue(&letter)?;
            if news.ended.is_some() {
                book.cuts.remove(&user.name);
            } else {
                let (channels, message_id) = (letter.channels, letter.message_id);
                let cut = Cut { letter: id, channels, message_id, before_start: None };
                book.cuts.insert(user.name.clone(), cut);
                self.begin(batch, id, &route)?;
            }
        }
        Ok(())
    }

    /// Tells the end of a cut that an earlier run of the hub told, as soon as a
    /// server on another machine is heard.
    pub(super) fn end_old_cuts(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        transition: &Transition,
    ) -> Result<(), StoreError> {
        let old = book.cuts.values().find_map(|cut| cut.before_start);
        let Some(since) = old.filter(|_| transition.to == Presence::Up) else { return Ok(()) };
        if !self.fleet.is_elsewhere(&transition.server) {
            return Ok(());
        }
        let quiet = self.fleet.indices().into_iter();
        let quiet = quiet.map(|index| self.fleet.config(index).server.name.clone()).collect();
        let news = CutNews { since, ended: Some(transition.at), quiet };
        self.tell_cut(batch, book, &news, transition.at)
    }

    fn servers(&self, user: &Recipient, news: &CutNews) -> Vec<Server> {
        let server = |name| Some(self.fleet.config(self.fleet.index(name)?).server.clone());
        let quiet = news.quiet.iter().filter_map(server);
        quiet.filter(|server| user.scope.holds(&server.labels)).collect()
    }

    fn cut_letter(
        &self,
        user: &Recipient,
        (news, known): (&CutNews, Option<&Cut>),
        servers: &[Server],
        channels: Vec<Channel>,
        now: Moment,
    ) -> NewNotification {
        let kind = match news.ended {
            None => NotificationKind::CutOff,
            Some(_) => NotificationKind::HubBack,
        };
        let link = format!("{}/", self.public_url);
        let names: Vec<&Server> = servers.iter().collect();
        let facts = CutOffFacts {
            since: news.since,
            ended: news.ended,
            servers: &names,
            link: &link,
            time_zone: &user.time_zone,
        };
        let plain = || plain::group(kind, names.iter().map(|server| server.name.as_str()), &link);
        let content = carefully(|| cut_off_content(&facts), plain);
        let place = format!("cut-{}-{}", news.since.unix_ms, now.unix_ms);
        NewNotification {
            incident: None,
            thread: known.map_or(Thread::Own, |cut| Thread::Of(cut.letter)),
            held: false,
            user: user.name.clone(),
            kind,
            channels,
            content_if_first: news.ended.map(|_| content.clone()),
            content,
            message_id: message_id(kind, &place, &user.name, &self.hub_id),
            references: known.iter().map(|cut| cut.message_id.clone()).collect(),
            created: now,
        }
    }
}
