use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use super::AppState;

/// The page's files, built into the program: a path is looked up here and
/// nowhere on a disk.
pub(super) const FILES: &[(&str, &str, &str)] = &[
    ("/", "text/html; charset=utf-8", include_str!("../../../../web/index.html")),
    ("/style.css", "text/css; charset=utf-8", include_str!("../../../../web/style.css")),
    ("/alerts.js", SCRIPT, include_str!("../../../../web/alerts.js")),
    ("/api.js", SCRIPT, include_str!("../../../../web/api.js")),
    ("/app.js", SCRIPT, include_str!("../../../../web/app.js")),
    ("/channels.js", SCRIPT, include_str!("../../../../web/channels.js")),
    ("/dom.js", SCRIPT, include_str!("../../../../web/dom.js")),
    ("/editing.js", SCRIPT, include_str!("../../../../web/editing.js")),
    ("/fleet.js", SCRIPT, include_str!("../../../../web/fleet.js")),
    ("/format.js", SCRIPT, include_str!("../../../../web/format.js")),
    ("/frame.js", SCRIPT, include_str!("../../../../web/frame.js")),
    ("/incident.js", SCRIPT, include_str!("../../../../web/incident.js")),
    ("/incidents.js", SCRIPT, include_str!("../../../../web/incidents.js")),
    ("/live.js", SCRIPT, include_str!("../../../../web/live.js")),
    ("/login.js", SCRIPT, include_str!("../../../../web/login.js")),
    ("/parts.js", SCRIPT, include_str!("../../../../web/parts.js")),
    ("/presence.js", SCRIPT, include_str!("../../../../web/presence.js")),
    ("/processes.js", SCRIPT, include_str!("../../../../web/processes.js")),
    ("/rulefile.js", SCRIPT, include_str!("../../../../web/rulefile.js")),
    ("/rules.js", SCRIPT, include_str!("../../../../web/rules.js")),
    ("/server.js", SCRIPT, include_str!("../../../../web/server.js")),
    ("/silence.js", SCRIPT, include_str!("../../../../web/silence.js")),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// One exact route a file.
pub(super) fn routes() -> Router<AppState> {
    FILES.iter().fold(Router::new(), |router, (path, kind, text)| {
        let file = move || async move { ([(header::CONTENT_TYPE, *kind)], *text).into_response() };
        router.route(path, get(file))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_built_in() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
        for entry in std::fs::read_dir(folder).expect("web/ is there") {
            let name = entry.expect("readable").file_name().into_string().expect("text");
            let served = [".js", ".css", ".svg"].iter().any(|end| name.ends_with(end));
            let path = format!("/{name}");
            let known = FILES.iter().any(|(file, ..)| *file == path);
            assert!(!served || known, "{name} is in web/ and not served");
        }
    }
}
