//! Text messages through a GSM modem on a serial port: they come when the hub's own way to the
//! internet is gone. `modem:///dev/ttyUSB0?to=+4917012345678&baud=115200&pin=/etc/watchfire/pin`
//!
//! Every message goes as a PDU: text mode cannot say that two parts belong together, and each
//! modem has its own mind about alphabets in it.

mod dialog;
mod fault;
mod pdu;
mod pin;
mod port;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use watchfire_model::DeliveryOutcome;
use watchfire_runtime::Clock;

use self::dialog::Dialog;
use self::fault::Fault;
use self::pdu::Pdu;
use self::port::{NoPort, Port};
use crate::channel::list::Parsed;
use crate::channel::sms::{self, Sms};
use crate::channel::{Address, OwnChannel, Sending};
use crate::{Outgoing, Timeouts, clean};

pub(crate) const SHAPES: &[&str] =
    &["modem:///dev/ttyUSB0?to=+4917012345678", "modem:///DEVICE?to=NUMBER&baud=115200&pin=FILE"];

/// The speed that modems of the last twenty years find out by themselves.
const USUAL_BAUD: u32 = 115_200;

/// How long a modem may take to say `OK` to nothing.
const GREETING: Duration = Duration::from_secs(2);

/// How long a message may take from begin to end. A slow network takes minutes to answer, and who
/// asks again sooner sends, and pays, twice.
const WHOLE: Duration = Duration::from_secs(180);

/// How long to wait before looking again whether a port is free.
const BUSY_PAUSE: Duration = Duration::from_millis(250);

/// A modem, and who is reached by it.
#[derive(Debug)]
struct Modem {
    device: PathBuf,
    baud: u32,
    to: String,
    pin: Option<PathBuf>,
}

/// Reads a modem's URL.
pub(crate) fn parse(address: &Address) -> Parsed<dyn OwnChannel> {
    if !address.host.is_empty() || address.segment(0) != Some("dev") {
        return Err("the device begins with three slashes: modem:///dev/ttyUSB0".to_owned());
    }
    if address.path.iter().any(|segment| segment == "..") {
        return Err("the device lies under /dev".to_owned());
    }
    if address.query.iter().any(|(key, _)| !["to", "baud", "pin"].contains(&key.as_str())) {
        return Err("there is nothing but to=, baud= and pin=".to_owned());
    }
    let baud = match address.query("baud").map(str::parse) {
        None => USUAL_BAUD,
        Some(Ok(baud)) if (300..=4_000_000).contains(&baud) => baud,
        Some(_) => return Err("baud is a number like 115200".to_owned()),
    };
    let to = address.query("to").ok_or("it names nobody: add ?to=+4917012345678")?;
    let pin = address.query("pin").map(PathBuf::from);
    if pin.as_ref().is_some_and(|pin| !pin.is_absolute()) {
        return Err("pin is the whole path of a file that holds the PIN".to_owned());
    }
    let device = PathBuf::from(format!("/{}", address.path.join("/")));
    Ok(Box::new(Modem { device, baud, to: sms::number(to)?, pin }))
}

impl OwnChannel for Modem {
    fn send<'a>(
        &'a self,
        message: &'a Outgoing<'a>,
        clock: &'a Clock,
        limits: Timeouts,
    ) -> Sending<'a> {
        Box::pin(self.deliver(message, clock, limits))
    }

    fn does(&self) -> String {
        format!("sends text messages through {}", self.device.display())
    }
}

impl Modem {
    async fn deliver(
        &self,
        message: &Outgoing<'_>,
        clock: &Clock,
        limits: Timeouts,
    ) -> DeliveryOutcome {
        let parts = pdu::parts(&self.to, &Sms::of(message), reference(message.message_id));
        let handed_over = AtomicBool::new(false);
        let sent = clock.within(WHOLE, self.send_parts(&parts, clock, limits, &handed_over));
        match sent.await.unwrap_or(Err(Trouble::Fault(Fault::Silent))) {
            Ok(references) => DeliveryOutcome::Accepted {
                reply: format!("the modem sent it as {}", references.join(" and ")),
            },
            Err(trouble) => trouble.outcome(handed_over.into_inner()),
        }
    }

    /// All parts, in order. `handed_over` is true from when the network may have one.
    async fn send_parts(
        &self,
        parts: &[Pdu],
        clock: &Clock,
        limits: Timeouts,
        handed_over: &AtomicBool,
    ) -> Result<Vec<String>, Trouble> {
        let mut dialog = Dialog::new(self.open(clock, limits.connect).await?, clock);
        self.prepare(&mut dialog, limits.verb).await?;
        let mut references = Vec::new();
        for part in parts {
            dialog.announce(&format!("AT+CMGS={}", part.length), limits.verb).await?;
            let earlier = handed_over.swap(true, Ordering::Relaxed);
            let said = dialog.hand_over(&part.hex, WHOLE).await;
            if let Err(fault) = &said
                && !fault.leaves_doubt()
            {
                handed_over.store(earlier, Ordering::Relaxed);
            }
            references.push(clean::line(&message_reference(&said?)));
        }
        Ok(references)
    }

    /// The port, once nobody else is at it.
    async fn open(&self, clock: &Clock, limit: Duration) -> Result<Port, Trouble> {
        let free = async {
            loop {
                match Port::open(&self.device, self.baud) {
                    Ok(port) => return Ok(port),
                    Err(NoPort::Busy) => clock.sleep(BUSY_PAUSE).await,
                    Err(NoPort::Bad(why)) => return Err(Trouble::Port(why)),
                }
            }
        };
        let busy = || Trouble::Port("another program has it".to_owned());
        clock.within(limit, free).await.unwrap_or_else(|| Err(busy()))
    }

    /// Everything that comes before a message.
    async fn prepare(&self, dialog: &mut Dialog<'_>, limit: Duration) -> Result<(), Trouble> {
        dialog.greet(GREETING).await?;
        for comfort in ["ATE0", "AT+CMEE=1"] {
            // No echo, and errors with numbers: it goes without.
            match dialog.ask(comfort, limit).await {
                Ok(_) | Err(Fault::Error | Fault::Device(_)) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        pin::unlock(dialog, &self.device, self.pin.as_deref(), limit).await?;
        dialog.ask("AT+CMGF=0", limit).await?;
        Ok(())
    }
}

/// Why a message was not sent.
#[derive(Debug)]
enum Trouble {
    /// The serial port cannot be used.
    Port(String),
    /// The SIM wants a PIN and there is none to give.
    Pin(String),
    /// The modem or the network said so.
    Fault(Fault),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Trouble {
    fn outcome(&self, handed_over: bool) -> DeliveryOutcome {
        let words = match self {
            Self::Port(why) => format!("the serial port: {why}"),
            Self::Pin(why) => why.clone(),
            Self::Fault(fault) => format!("the modem: {}", fault.words()),
        };
        let why = clean::line(&words);
        match self {
            Self::Fault(fault) if fault.is_for_good() => DeliveryOutcome::Refused { why },
            // What is wrong with a device somebody will mend.
            _ => DeliveryOutcome::Retry { why, maybe_accepted: handed_over },
        }
    }
}

/// What ties the parts of a message together on the receiver's phone. It is the same on every
/// try, so that a part that came twice is one.
fn reference(message_id: &str) -> u8 {
    message_id.bytes().fold(0, |sum: u8, byte| sum.wrapping_mul(31).wrapping_add(byte))
}

/// The number that the network gave the message: `+CMGS: 12`.
fn message_reference(lines: &[String]) -> String {
    let number = lines.iter().find_map(|line| line.strip_prefix("+CMGS:"));
    number.map_or_else(|| "one without a number".to_owned(), |number| number.trim().to_owned())
}

#[cfg(test)]
mod tests;
