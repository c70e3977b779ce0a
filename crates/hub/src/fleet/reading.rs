//! What a server last told of itself.

use std::sync::Arc;

use watchfire_codec::TableChain;
use watchfire_model::{Moment, ProcessTable, Status};

use super::Feed;

/// What a server told of itself at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// The last status, and when it came on the hub's clocks.
    pub(crate) status: Option<(Moment, Arc<Status>)>,
    pub(crate) processes: Option<Arc<ProcessTable>>,
}

/// Where the last reading of a server is.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    status: Option<StatusOf>,
    tables: Option<TablesOf>,
}

#[derive(Debug, Clone)]
enum StatusOf {
    /// A session's last tick.
    Feed(Feed),
    Fixed(Moment, Arc<Status>),
}

#[derive(Debug, Clone)]
enum TablesOf {
    /// A session's last table.
    Feed(Feed),
    Chain(TableChain),
    Fixed(Arc<ProcessTable>),
}

impl Source {
    /// A tick of this feed is the last one.
    pub(super) fn tick_of(&mut self, feed: &Feed) {
        if !matches!(&self.status, Some(StatusOf::Feed(known)) if known.is(feed)) {
            self.status = Some(StatusOf::Feed(feed.clone()));
        }
    }

    /// A table of this feed is the last one.
    pub(super) fn table_of(&mut self, feed: &Feed) {
        if !matches!(&self.tables, Some(TablesOf::Feed(known)) if known.is(feed)) {
            self.tables = Some(TablesOf::Feed(feed.clone()));
        }
    }

    pub(super) fn set_status(&mut self, came: Moment, status: Status) {
        self.status = Some(StatusOf::Fixed(came, Arc::new(status)));
    }

    pub(super) fn set_table(&mut self, table: ProcessTable) {
        self.tables = Some(TablesOf::Fixed(Arc::new(table)));
    }

    /// The same, and it stays so whatever a feed brings.
    pub(super) fn fixed(&self) -> Self {
        let status = self.status().map(|(came, status)| StatusOf::Fixed(came, status));
        let tables = match &self.tables {
            Some(TablesOf::Feed(feed)) => Some(TablesOf::Chain(feed.tables())),
            fixed => fixed.clone(),
        };
        Self { status, tables }
    }

    /// Lets go of a feed that brings nothing more.
    pub(super) fn close(&mut self, feed: &Feed) {
        let status = matches!(&self.status, Some(StatusOf::Feed(known)) if known.is(feed));
        let tables = matches!(&self.tables, Some(TablesOf::Feed(known)) if known.is(feed));
        if status || tables {
            let fixed = self.fixed();
            // One of the two may be another session's already.
            if status {
                self.status = fixed.status;
            }
            if tables {
                self.tables = fixed.tables;
            }
        }
    }

    /// True when the last status is from before `at`.
    pub(super) fn is_before(&self, at: Moment) -> bool {
        let came = match &self.status {
            Some(StatusOf::Feed(feed)) => feed.came(),
            Some(StatusOf::Fixed(came, _)) => Some(*came),
            None => None,
        };
        came.is_some_and(|came| came.monotonic < at.monotonic)
    }

    pub(super) fn status(&self) -> Option<(Moment, Arc<Status>)> {
        match self.status.as_ref()? {
            StatusOf::Feed(feed) => feed.status(),
            StatusOf::Fixed(came, status) => Some((*came, status.clone())),
        }
    }

    /// The feed that the last tick came from, while its session lasts.
    pub(super) fn feed(&self) -> Option<Feed> {
        match self.status.as_ref()? {
            StatusOf::Feed(feed) => Some(feed.clone()),
            StatusOf::Fixed(..) => None,
        }
    }

    /// Reads the last table. That takes a while, so not while others wait.
    pub(super) fn processes(&self) -> Option<Arc<ProcessTable>> {
        let chain = match self.tables.as_ref()? {
            TablesOf::Feed(feed) => feed.tables(),
            TablesOf::Chain(chain) => chain.clone(),
            TablesOf::Fixed(table) => return Some(table.clone()),
        };
        // Only an agent that is not ours writes tables that follow and cannot be read.
        chain.newest().ok().flatten().map(Arc::new)
    }
}
