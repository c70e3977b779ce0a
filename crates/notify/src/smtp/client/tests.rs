use watchfire_testkit::smtp::{Options, Sink, Tls};

use tokio::time::timeout;

use super::*;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Longer than the test's own patience: what waits for it does not pass.
const FOR_EVER: Duration = Duration::from_secs(600);

fn client(server: SmtpServer) -> SmtpClient {
    let timeouts = Timeouts { connect: FOR_EVER, verb: FOR_EVER, whole: FOR_EVER };
    let clock = Clock::system();
    let resolver = Resolver::system(FOR_EVER, clock.clone());
    SmtpClient::new(server, timeouts, resolver, clock, watchfire_runtime::net::Net::system())
        .unwrap()
}

#[tokio::test]
async fn a_black_hole_among_the_addresses_does_not_hold_the_mail_up() {
    let hole = watchfire_testkit::hole::black_hole_addr();
    let sink = Sink::start();
    let addresses = [hole.addr(), sink.addr()];
    let plain = client(SmtpServer::parse(&sink.url()).unwrap());
    let connected = timeout(PATIENCE, plain.connect_tcp(&addresses)).await;
    let connected = connected.expect("it does not wait for the black hole");
    assert!(matches!(connected, Ok((_, address)) if address == sink.addr()));

    let sink = Sink::with(Options { tls: Tls::Implicit, ..Options::default() });
    let server = SmtpServer::parse(&sink.url()).unwrap();
    let tls = client(SmtpServer { tls_roots: vec![sink.root_pem().to_owned()], ..server });
    let connected = timeout(PATIENCE, tls.connect_tls(&[hole.addr(), sink.addr()])).await;
    assert!(connected.expect("it does not wait for the black hole").is_ok());
}
