//! Prometheus' frame around what was asked for.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use tokio::sync::OwnedSemaphorePermit;
use watchfire_promql::Value;

use super::body::{Items, Pieces};
use super::json;
use super::notes::Notes;

const HEAD: &str = "{\"status\":\"success\",\"data\":";

/// Values over series, and what `stats` asked for.
pub(super) fn value(
    value: Value,
    stats: Option<&serde_json::Value>,
    notes: &Notes,
    room: Option<OwnedSemaphorePermit>,
) -> Response {
    let (kind, items) = match value {
        Value::Vector(samples) => ("vector", Items::Vector(samples.into_iter())),
        Value::Matrix(series) => ("matrix", Items::Matrix(series.into_iter())),
        Value::Scalar { at_ms, value } => (
            "scalar",
            pair(at_ms, |out| {
                out.push(b'"');
                json::number(out, value);
                out.push(b'"');
            }),
        ),
        Value::Text { at_ms, text } => ("string", pair(at_ms, |out| json::text(out, &text))),
    };
    let head = format!("{HEAD}{{\"resultType\":\"{kind}\",\"result\":[");
    let stats = stats.map_or_else(String::new, |stats| format!(",\"stats\":{stats}"));
    let tail = format!("]{stats}}}{}}}", notes.json());
    json_response(Pieces::new(head.into_bytes(), items, tail.into_bytes(), room))
}

/// A moment and something: the two items of a scalar's or a text's result.
fn pair(at_ms: i64, write: impl FnOnce(&mut Vec<u8>)) -> Items {
    let (mut moment, mut value) = (Vec::new(), Vec::new());
    json::moment(&mut moment, at_ms);
    write(&mut value);
    Items::Written(vec![moment, value].into_iter())
}

/// An array.
pub(super) fn list(items: Items, notes: &Notes, room: Option<OwnedSemaphorePermit>) -> Response {
    let (head, tail) = (format!("{HEAD}["), format!("]{}}}", notes.json()));
    json_response(Pieces::new(head.into_bytes(), items, tail.into_bytes(), room))
}

/// An object with an array, and what else it has: `,"name":value`.
pub(super) fn object(
    name: &str,
    items: Items,
    more: &str,
    room: Option<OwnedSemaphorePermit>,
) -> Response {
    let (head, tail) = (format!("{HEAD}{{\"{name}\":["), format!("]{more}}}}}"));
    json_response(Pieces::new(head.into_bytes(), items, tail.into_bytes(), room))
}

/// Something small.
pub(super) fn data(data: &serde_json::Value, notes: &Notes) -> Response {
    let text = format!("{HEAD}{data}{}}}", notes.json());
    let nothing = Items::Written(Vec::new().into_iter());
    json_response(Pieces::new(text.into_bytes(), nothing, Vec::new(), None))
}

/// What another store answered, as it is; the permit is held until the client has taken it.
pub(super) fn json(status: StatusCode, body: Vec<u8>, held: OwnedSemaphorePermit) -> Response {
    let nothing = Items::Written(Vec::new().into_iter());
    let mut response = json_response(Pieces::new(body, nothing, Vec::new(), Some(held)));
    *response.status_mut() = status;
    response
}

fn json_response(pieces: Pieces) -> Response {
    let mut response = Response::new(pieces.into_body());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
