//! A mail server that does as a script says and remembers what it was given.

mod mail;
mod script;
mod session;
mod sink;
mod stream;
mod tls;

pub use mail::Mail;
pub use script::{Behaviour, Verb};
pub use sink::{Event, Options, Sink, Tls};
