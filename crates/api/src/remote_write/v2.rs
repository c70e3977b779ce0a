//! `io.prometheus.write.v2.Request`: texts stand in one table, and series name them by number.

use super::facts::Told;
use super::fields::Fields;
use super::limits::MAX_SYMBOLS;
use super::reading::{Raw, Reading};
use super::{Received, RequestError};

/// The texts by their numbers.
struct Symbols<'a>(Vec<&'a [u8]>);

pub(super) fn read(body: &[u8], latest_ms: i64) -> Result<Received, RequestError> {
    // The table may stand behind what needs it.
    let symbols = Symbols::of(body)?;
    let mut reading = Reading::new(latest_ms);
    for field in Fields::of(body) {
        if let (5, message) = field? {
            series(&mut reading, &symbols, message.bytes()?)?;
        }
    }
    Ok(reading.done())
}

impl<'a> Symbols<'a> {
    fn of(body: &'a [u8]) -> Result<Self, RequestError> {
        let mut texts = Vec::new();
        for field in Fields::of(body) {
            match field? {
                (4, _) if texts.len() == MAX_SYMBOLS => {
                    return Err(RequestError::TooMuch { what: "symbols", limit: MAX_SYMBOLS });
                }
                (4, text) => texts.push(text.bytes()?),
                // Nothing of the other protocol's would be read here, and all seem well.
                (1..=3, _) => return Err(RequestError::malformed("it is one of version 1.0")),
                _ => {}
            }
        }
        Ok(Self(texts))
    }

    fn get(&self, number: u64) -> Option<&'a [u8]> {
        self.0.get(usize::try_from(number).ok()?).copied()
    }
}

fn series<'a>(
    reading: &mut Reading<'a>,
    symbols: &Symbols<'a>,
    message: &'a [u8],
) -> Result<(), RequestError> {
    let mut raw = reading.begin()?;
    // The name of a label whose value is still to come.
    let mut name: Option<u64> = None;
    for field in Fields::of(message) {
        match field? {
            (1, numbers) => {
                let mut result = Ok(());
                numbers.each_varint(|number| match name.take() {
                    None => name = Some(number),
                    Some(name) if result.is_ok() => {
                        result = label(reading, symbols, &mut raw, (name, number));
                    }
                    Some(_) => {}
                })?;
                result?;
            }
            (2, message) => reading.sample(&mut raw, message.bytes()?)?,
            (3, _) => reading.histogram(),
            (4, _) => reading.exemplar(),
            (5, message) => raw.told = told(symbols, message.bytes()?)?,
            _ => {}
        }
    }
    if name.is_some() {
        raw.broken.get_or_insert_with(|| "a label of a series has no value".to_owned());
    }
    reading.end(raw);
    Ok(())
}

fn label<'a>(
    reading: &mut Reading<'a>,
    symbols: &Symbols<'a>,
    raw: &mut Raw<'a>,
    (name, value): (u64, u64),
) -> Result<(), RequestError> {
    let pair = symbols.get(name).zip(symbols.get(value));
    if pair.is_none() && raw.broken.is_none() {
        let (missing, known) = (name.max(value), symbols.0.len());
        raw.broken = Some(format!("a label is symbol {missing}, and there are {known}"));
    }
    // What is broken counts as well, or its numbers would cost nothing.
    reading.label(raw, pair.unwrap_or_default())
}

/// The number 0 is the empty text, whatever stands in its place.
fn told<'a>(symbols: &Symbols<'a>, message: &'a [u8]) -> Result<Told<'a>, RequestError> {
    let text =
        |number: u64| if number == 0 { &b""[..] } else { symbols.get(number).unwrap_or_default() };
    let mut told = Told::default();
    for field in Fields::of(message) {
        match field? {
            (1, kind) => told.kind = kind.varint()?,
            (3, number) => told.help = text(number.varint()?),
            (4, number) => told.unit = text(number.varint()?),
            _ => {}
        }
    }
    Ok(told)
}
