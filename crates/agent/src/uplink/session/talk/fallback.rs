use std::time::Duration;

use watchfire_model::Moment;
use watchfire_wire::Message;

use super::{End, Session};

/// How often the hub is told of an outage until it has heard it.
const NEWS_PERIOD: Duration = Duration::from_secs(30);

impl Session {
    /// A sign of the hub, if it is one.
    pub(super) fn note_hub(&self) {
        if let (true, Some(desk)) = (self.is_with_hub(), &self.up.fallback) {
            desk.sight.heard(self.heard);
        }
    }

    /// Its pulses are signs of the hub as well, for as long as they are heard.
    pub(super) fn follow_pulses(&self) {
        if let (true, Some(desk), Some(signs)) =
            (self.is_with_hub(), &self.up.fallback, &self.signs)
        {
            desk.sight.follow(signs);
        }
    }

    pub(super) fn hub_leaves(&self) {
        if let (true, Some(desk)) = (self.is_with_hub(), &self.up.fallback) {
            desk.hub_leaves(self.heard);
        }
    }

    /// What a hub says about the day without it. The caller knows that it is the hub.
    pub(super) fn take_fallback(&self, message: Message) {
        let Some(desk) = &self.up.fallback else {
            return self.up.counters.ignored.add(1);
        };
        match message {
            Message::Fallback(fallback) => desk.take(*fallback),
            Message::FallbackOver => desk.forget(),
            Message::FallbackHeard(heard) => desk.hub_knows(heard.outage),
            Message::HubLeaves => desk.hub_leaves(self.heard),
            _ => {}
        }
    }

    /// Tells the hub that somebody was told of it being gone, until it knows.
    pub(super) async fn tell_news(&mut self, now: Moment) -> Result<(), End> {
        if now.monotonic < self.next_news.monotonic || !self.greeted || !self.is_with_hub() {
            return Ok(());
        }
        let Some(desk) = &self.up.fallback else { return Ok(()) };
        self.next_news = now.after(NEWS_PERIOD);
        for told in desk.news() {
            self.line.send(&Message::FallbackTold(told)).await?;
        }
        Ok(())
    }
}
