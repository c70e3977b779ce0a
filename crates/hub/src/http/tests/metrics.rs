//! How the hub itself does.

use watchfire_codec::KeyPool;
use watchfire_store::History;

use super::*;
use crate::archive::Archive;
use crate::config::{RemoteWrite, Service};

const STORE: &str = "http://127.0.0.1:9/api/v1/write";

#[tokio::test]
async fn figures_of_all_servers_are_for_who_sees_all_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let house = House::with(|parts| {
        let history = History::open(folder.path(), 1 << 30).expect("a good history");
        let historian = Historian::new(Some(history), parts.clock.clone());
        let (fleet, clock) = (parts.fleet.clone(), parts.clock.clone());
        let archive = Archive::new(historian, fleet, KeyPool::new(), clock);
        let service = Service { url: STORE.to_owned(), login: None };
        let target = RemoteWrite { service, scope: Scope::everything() };
        let (clock, shutdown) = (&parts.clock, &parts.shutdown);
        parts.hand_overs = crate::outgoing::start(vec![target], &archive, clock, shutdown).0;
    });
    let (ann, root) = (house.log_in("ann").await, house.log_in("root").await);
    let all = house.get("/metrics", Some(&root)).await;
    let line = format!("watchfire_remote_write_lag_seconds{{url=\"{STORE}\"}} 0\n");
    assert!(all.body.contains(&line), "{all:?}");
    assert_eq!(all.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let some = house.get("/metrics", Some(&ann)).await;
    assert_eq!((some.status, some.body.as_str()), (StatusCode::OK, ""));
    assert_eq!(house.get("/metrics", None).await.status, StatusCode::UNAUTHORIZED);
}
