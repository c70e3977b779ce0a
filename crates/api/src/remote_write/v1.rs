//! `prometheus.WriteRequest`

use super::facts::Told;
use super::fields::{Fields, Value};
use super::reading::Reading;
use super::{Received, RequestError};

pub(super) fn read(body: &[u8], latest_ms: i64) -> Result<Received, RequestError> {
    let mut reading = Reading::new(latest_ms);
    for field in Fields::of(body) {
        match field? {
            (1, message) => series(&mut reading, message.bytes()?)?,
            (3, message) => facts(&mut reading, message.bytes()?)?,
            // Nothing of the other protocol's would be read here, and all seem well.
            (4 | 5, _) => return Err(RequestError::malformed("it is one of version 2.0")),
            _ => {}
        }
    }
    Ok(reading.done())
}

fn series<'a>(reading: &mut Reading<'a>, message: &'a [u8]) -> Result<(), RequestError> {
    let mut raw = reading.begin()?;
    for field in Fields::of(message) {
        match field? {
            (1, message) => reading.label(&mut raw, label(message)?)?,
            (2, message) => reading.sample(&mut raw, message.bytes()?)?,
            (3, _) => reading.exemplar(),
            (4, _) => reading.histogram(),
            _ => {}
        }
    }
    reading.end(raw);
    Ok(())
}

fn label(message: Value<'_>) -> Result<(&[u8], &[u8]), RequestError> {
    let mut label: (&[u8], &[u8]) = (b"", b"");
    for field in Fields::of(message.bytes()?) {
        match field? {
            (1, name) => label.0 = name.bytes()?,
            (2, value) => label.1 = value.bytes()?,
            _ => {}
        }
    }
    Ok(label)
}

fn facts<'a>(reading: &mut Reading<'a>, message: &'a [u8]) -> Result<(), RequestError> {
    let (mut name, mut told): (&[u8], _) = (b"", Told::default());
    for field in Fields::of(message) {
        match field? {
            (1, kind) => told.kind = kind.varint()?,
            (2, text) => name = text.bytes()?,
            (4, text) => told.help = text.bytes()?,
            (5, text) => told.unit = text.bytes()?,
            _ => {}
        }
    }
    reading.facts.add(name, told);
    Ok(())
}
