//! Delivers what the outbox holds: one channel a file, each knowing only "send
//! this, say what came of it and whether to retry".
//!
//! The crate keeps nothing on disk and decides nothing about people. It fails
//! in one way only: a [`watchfire_model::DeliveryOutcome`] that says whether
//! the provider may have the message. When in doubt it says so, because a
//! second copy with the same `Message-ID` is better than none.
//!
//! What to send next, and when, is [`next_step`]: a pure function over the
//! notifications of one lane and their deliveries.

mod channel;
mod clean;
mod error;
mod mailgun;
mod mailto;
mod message;
mod notifier;
mod outgoing;
mod pictures;
mod schedule;
mod settings;
mod smtp;
#[cfg(test)]
mod testing;
mod url;
pub mod web;

pub use channel::expand::expand;
pub use channel::from_file::FromFile;
pub use channel::guard::{Allowed, AllowedHost};
pub use channel::list::{is_text_message, schemes};
pub use error::ChannelError;
pub use notifier::Notifier;
pub use outgoing::Outgoing;
pub use schedule::{
    GIVE_UP_AFTER, LEAST_TRIES, NEXT_CHANNEL_AFTER, Step, ends_unopened, next_step, owed,
};
pub use settings::{MAILGUN_BASE, MailServer, MailSettings, Timeouts};
pub use smtp::SmtpServer;
