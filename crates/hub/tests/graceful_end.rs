//! The end of a hub that is in the middle of a delivery.

use std::time::Duration;

use watchfire_hub::{Hub, HubConfig};
use watchfire_model::{Channel, Content, DeliveryOutcome, Moment, NotificationKind};
use watchfire_runtime::config::{Outside, Overrides, Source};
use watchfire_runtime::{Clock, Shutdown};
use watchfire_store::{NewNotification, Store};
use watchfire_testkit::smtp::{Behaviour, Sink};

/// Longer than any machine needs for one exchange on loopback.
const PATIENCE: Duration = Duration::from_secs(30);

fn report() -> NewNotification {
    NewNotification {
        incident: None,
        thread: watchfire_store::Thread::OfIncident,
        held: false,
        user: "ann".to_owned(),
        kind: NotificationKind::Report,
        channels: vec![Channel::new("mailto:ann@people.test")],
        content: Content { subject: "all is well".to_owned(), ..Content::default() },
        content_if_first: None,
        message_id: "report.1@hub.test".to_owned(),
        references: Vec::new(),
        created: Moment::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_being_taken_is_recorded_before_the_hub_ends() {
    let sink = Sink::start();
    // Every answer takes its time, the one to the message as well.
    sink.always(Behaviour::Slow(Duration::from_millis(300)));
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let store = Store::open(&data).expect("a new store");
    let id = store.write(|batch| batch.enqueue(&report())).expect("the store works");

    let text = format!(
        "listen = \"127.0.0.1:0\"\ndata = \"data\"\ntime_zone = \"UTC\"\n\
         [mail]\nfrom = \"hub@hub.test\"\nsmtp = \"{}\"\n\
         [[user]]\nname = \"ann\"\nservers = ['*']\nchannels = [\"mailto:ann@people.test\"]\n",
        sink.url()
    );
    let source = Source::from_text(&folder.path().join("hub.toml"), text);
    let outside = <dyn Outside>::machine(folder.path());
    let config = HubConfig::from_source(&source, &Overrides::none(), &outside);
    let hub = Hub::bind(config.expect("a good config"), Clock::system()).await;
    let (shutdown, end) = Shutdown::new();
    let running = tokio::spawn(hub.expect("it starts").run(shutdown, end.clone()));
    let received = tokio::task::spawn_blocking(move || {
        let received = sink.wait_for_received(1, PATIENCE).len();
        (received, sink)
    });
    let (received, _sink) = received.await.expect("no panic");
    assert_eq!(received, 1, "the message has come, and its answer is on the way");
    end.request();
    running.await.expect("it ends");

    let tries = store.deliveries_of(id).expect("readable");
    assert_eq!(tries.len(), 1);
    assert!(matches!(tries[0].outcome, DeliveryOutcome::Accepted { .. }), "{tries:?}");
    assert_eq!(store.lanes(), Ok(Vec::new()), "or it would be sent again");
}
