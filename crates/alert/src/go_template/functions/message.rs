//! What templates of messages call besides, in Alertmanager's words.

use super::{Function, Kind, open, plain, text_of};
use crate::go_template::value::{List, Value};

pub(super) static FUNCTIONS: [Function; 5] = [
    plain("join", &[Kind::Text, Kind::Any], |context, given| {
        let Value::List(list) = &given[1] else {
            return Err(format!("it joins a list, and a {} came", given[1].kind()));
        };
        let mut writer = context.writer();
        for (place, item) in list.items().iter().enumerate() {
            let Value::Text(item) = item else {
                return Err(format!("it joins strings, and a {} came", item.kind()));
            };
            if place > 0 {
                writer.push(text_of(&given[0]))?;
            }
            writer.push(item)?;
        }
        context.written(writer)
    }),
    open("stringSlice", &[], |_, given| Ok(Value::List(List::new(given.to_vec())))),
    plain("trimSpace", &[Kind::Text], |context, given| context.text(text_of(&given[0]).trim())),
    plain("date", &[Kind::Text, Kind::Any], |context, given| match &given[1] {
        time @ Value::Time(_) => super::member(context, time, "Format", &given[..1]),
        other => Err(format!("it takes a time, and a {} came", other.kind())),
    }),
    plain("since", &[Kind::Any], |context, given| {
        let now = context.now_ms().ok_or("the moment is not known here")?;
        match &given[0] {
            Value::Time(at_ms) => {
                Ok(Value::Duration(now.saturating_sub(*at_ms).saturating_mul(1_000_000)))
            }
            other => Err(format!("it takes a time, and a {} came", other.kind())),
        }
    }),
];
