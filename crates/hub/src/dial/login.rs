use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use watchfire_model::Sight;
use watchfire_runtime::{Secret, task};

use super::{Dialer, Failed, answer};
use crate::config::Login;

/// The longest answer to a login, in bytes.
const MAX_ANSWER: usize = 16 << 10;

/// Logs in at the agent and gives its token. `told` is called when that takes long.
pub(crate) async fn log_in(
    dialer: &Dialer,
    address: &str,
    login: &Login,
    told: &mut (impl FnMut(Sight) + Send),
) -> Result<Secret, Failed> {
    let stream = dialer.connect_patiently(address, told).await?;
    let asking = ask(TokioIo::new(stream), address, login);
    let (status, body) = answer(dialer.clock(), asking, told).await??;
    match status {
        StatusCode::OK => token(&body),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(Failed::new(Sight::LoginRefused, format!("the login was answered {status}")))
        }
        // Too many logins by anybody; it does not say that this one was wrong.
        StatusCode::TOO_MANY_REQUESTS => {
            Err(Failed::new(Sight::LoginLimited, format!("the login was answered {status}")))
        }
        _ => Err(not_an_agent(format!("the login was answered {status}"))),
    }
}

async fn ask(
    io: TokioIo<watchfire_runtime::net::Stream>,
    address: &str,
    login: &Login,
) -> Result<(StatusCode, Bytes), Failed> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(io).await.map_err(broken)?;
    let _connection = task::spawn("login connection", connection);
    let body = serde_json::json!({
        "username": login.user,
        "password": login.password.expose(),
    });
    let request = Request::post("/login")
        .header(header::HOST, address)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(|error| not_an_agent(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
    let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(error) => broken(*error),
        Err(too_long) => not_an_agent(too_long.to_string()),
    })?;
    Ok((status, body.to_bytes()))
}

fn token(body: &[u8]) -> Result<Secret, Failed> {
    #[derive(serde::Deserialize)]
    struct Reply {
        token: String,
    }
    let reply: Reply = serde_json::from_slice(body)
        .map_err(|error| not_an_agent(format!("the login's answer is not an agent's: {error}")))?;
    Ok(Secret::new(reply.token))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn broken(error: hyper::Error) -> Failed {
    // A connection that broke in the middle proves a listener that went away;
    // one that answered nonsense proves another program.
    let saw = if error.is_parse() { Sight::NotAnAgent } else { Sight::StreamClosed };
    Failed::new(saw, error.to_string())
}

fn not_an_agent(why: String) -> Failed {
    Failed::new(Sight::NotAnAgent, why)
}
