//! Mail over SMTP (RFC 5321), with TLS from the first byte or by STARTTLS.

mod client;
mod server;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use client::SmtpClient;
pub use server::SmtpServer;
