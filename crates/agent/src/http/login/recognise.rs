use axum::http::{HeaderMap, header};
use watchfire_identity::limit::Admission;
use watchfire_identity::password;
use watchfire_identity::proof::Proof;

use super::{WHO_ARE_YOU, basic, check, origin, refuse};
use crate::config::User;
use crate::http::reply::{self, Refusal};
use crate::http::{App, Peer};

/// True when the request shows name and password by HTTP Basic.
pub(in crate::http) fn is_basic(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let scheme = value.and_then(|value| value.split(' ').next());
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"))
}

/// The user of a request that shows name and password each time. A password
/// that was right a while ago costs no check, and is let in exactly when one
/// would be made: otherwise the limit on tries would be none.
///
/// # Errors
/// The answers of a login.
pub(in crate::http) async fn recognise<'a>(
    app: &'a App,
    peer: Peer,
    headers: &HeaderMap,
) -> Result<&'a User, Refusal> {
    origin::check(headers)?;
    let credentials = headers.get(header::AUTHORIZATION).and_then(basic);
    let credentials = credentials.ok_or_else(|| reply::login_required(WHO_ARE_YOU))?;
    let (now, address) = (app.clock.now(), peer.remote.ip());
    let known = app.users.get(&credentials.user);
    let (proof, holds) = prove(app, known, &credentials.user, credentials.password.expose());
    let Some(user) = known.filter(|_| holds) else {
        let user = check(app, address, credentials).await?;
        app.proofs().keep(app.clock.now(), proof);
        return Ok(user);
    };
    let admission = app.limiter().admit(now, address, &user.name, true);
    app.limiter().settle(now, address, &user.name, admission, true);
    match admission {
        Admission::Open | Admission::Quiet(_) => Ok(user),
        Admission::Refused(_) => Err(refuse(app, address, known, now, admission).await),
    }
}

/// The proof that was shown, and whether it holds. A name that nobody has takes
/// the same way.
fn prove(app: &App, known: Option<&User>, name: &str, password: &str) -> (Proof, bool) {
    let hash = match known {
        Some(known) => &known.password_hash,
        None => password::decoy(),
    };
    let proofs = app.proofs();
    let proof = proofs.proof(name, password, hash);
    (proof, proofs.holds(app.clock.now(), &proof))
}
