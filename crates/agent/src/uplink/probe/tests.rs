use futures_util::FutureExt;
use tokio::net::TcpListener;
use watchfire_identity::certificate::{Authority, MachineKey};
use watchfire_runtime::ManualClock;
use watchfire_runtime::net::{
    Doing, SimulatedConnection, SimulatedDatagrams, SimulatedListener, SimulatedNet,
};
use watchfire_runtime::tls::TlsServer;

use super::*;
use crate::uplink::testing::{agent_credentials, enrolled};

struct Neighbour {
    prober: Prober,
    hand: ManualClock,
    authority: Authority,
    _enrolled: watch::Sender<Option<Arc<Enrolment>>>,
}

fn now() -> Moment {
    Clock::system().now()
}

fn neighbour() -> Neighbour {
    let authority = Authority::generate(now());
    let (_enrolled, me) = watch::channel(Some(Arc::new(enrolled(&authority, "hub:5100", now()))));
    let (clock, hand) = Clock::manual(now());
    let prober = Prober::new(clock, Some(me), Arc::default());
    Neighbour { prober, hand, authority, _enrolled }
}

fn probe(address: impl ToString, key: impl ToString) -> Probe {
    Probe { id: 7, server: "db-1".to_owned(), address: address.to_string(), key: key.to_string() }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Takes connections as the agent with `key`.
async fn agent(listener: TcpListener, key: &MachineKey, authority: &Authority) {
    let server = TlsServer::new(&agent_credentials(authority, key, now())).expect("they fit");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let _ended = server.accept(stream, CONNECT_TIME, &Clock::system()).await;
    }
}

async fn saw(neighbour: &Neighbour, probe: &Probe) -> ProbeSaw {
    let result = neighbour.prober.probe(probe).await;
    assert_eq!(result.id, 7);
    result.saw
}

#[tokio::test]
async fn an_agent_of_the_hub_is_reached_by_its_key() {
    let neighbour = neighbour();
    let (listener, address) = listener().await;
    neighbour.prober.listens(address.port());
    let (key, other) = (MachineKey::generate(), MachineKey::generate());
    let by_key = probe(address, key.id());
    let (by_any, by_other) = (probe(address, ""), probe(address, other.id()));
    let all = async {
        assert_eq!(saw(&neighbour, &by_key).await, ProbeSaw::Reached);
        assert_eq!(saw(&neighbour, &by_any).await, ProbeSaw::Reached);
        assert_eq!(saw(&neighbour, &by_other).await, ProbeSaw::Declined, "another agent is there");
    };
    tokio::select! {
        () = all => {}
        () = agent(listener, &key, &neighbour.authority) => {}
    }
}

#[tokio::test]
async fn a_stranger_who_takes_connections_is_no_agent() {
    let neighbour = neighbour();
    let (listener, address) = listener().await;
    neighbour.prober.listens(address.port());
    let key = MachineKey::generate();
    let strangers = Authority::generate(now());
    let probe = probe(address, key.id());
    tokio::select! {
        saw = saw(&neighbour, &probe) => assert_eq!(saw, ProbeSaw::Silent),
        () = agent(listener, &key, &strangers) => {}
    }
}

#[tokio::test]
async fn who_says_nothing_is_silent_and_who_is_not_there_refuses() {
    let neighbour = neighbour();
    let (listener, address) = listener().await;
    neighbour.prober.listens(address.port());
    let silent = probe(address, "");
    let answer = async {
        let _held = listener.accept().await.expect("a connection");
        neighbour.hand.advance(WHOLE_TIME);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = neighbour.prober.probe(&silent) => {
            assert_eq!(result.saw, ProbeSaw::Silent);
            assert!(result.took_ms <= 800, "{}", result.took_ms);
        }
        () = answer => {}
    }
    drop(listener);
    assert_eq!(saw(&neighbour, &silent).await, ProbeSaw::Refused);
}

#[tokio::test]
async fn no_answer_is_told_when_the_time_is_over() {
    let Neighbour { prober, hand, .. } = neighbour();
    let prober = prober.over(Net::simulated(Swallows));
    let probe = probe("192.0.2.1:5000", "");
    let mut asking = std::pin::pin!(prober.probe(&probe));
    hand.advance(Duration::from_secs(5));
    assert!(asking.as_mut().now_or_never().is_none());
    hand.advance(CONNECT_TIME - Duration::from_millis(1));
    assert!(asking.as_mut().now_or_never().is_none(), "it may still answer");
    hand.advance(Duration::from_millis(1));
    let result = asking.as_mut().now_or_never().expect("the time is over");
    assert_eq!(result, ProbeResult { id: 7, saw: ProbeSaw::NoAnswer, took_ms: 500 });
}

/// A network that nothing ever comes back from. A real one may answer for anybody, and
/// for addresses that nobody has.
#[derive(Debug)]
struct Swallows;

impl SimulatedNet for Swallows {
    fn connect(&self, _: SocketAddr) -> Doing<'static, io::Result<SimulatedConnection>> {
        Box::pin(std::future::pending())
    }

    fn listen(&self, _: SocketAddr) -> io::Result<Box<dyn SimulatedListener>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn bind(&self, _: SocketAddr) -> io::Result<Box<dyn SimulatedDatagrams>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn ping(&self, _: IpAddr) -> Doing<'static, ()> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn what_is_no_single_host_is_declined() {
    let neighbour = neighbour();
    for address in [
        "",
        "db-1:5000",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:22",
        "127.0.0.1:5001",
        "0.0.0.0:5000",
        "[::]:5000",
        "224.0.0.1:5000",
        "255.255.255.255:5000",
        "[ff02::1]:5000",
        "[::ffff:0.0.0.0]:5000",
    ] {
        assert_eq!(saw(&neighbour, &probe(address, "")).await, ProbeSaw::Declined, "{address}");
    }
    let bad_key = probe("127.0.0.1:5000", "not a key");
    assert_eq!(saw(&neighbour, &bad_key).await, ProbeSaw::Declined);
    assert_eq!(neighbour.prober.counters.probes.get(), 0);
    assert_eq!(neighbour.prober.counters.probes_declined.get(), 13);
}

#[tokio::test]
async fn a_hub_makes_no_scanner_of_an_agent() {
    let neighbour = neighbour();
    let (listener, address) = listener().await;
    neighbour.prober.listens(address.port());
    drop(listener);
    let probe = probe(address, "");
    for _ in 0..RATE {
        assert_eq!(saw(&neighbour, &probe).await, ProbeSaw::Refused);
    }
    assert_eq!(saw(&neighbour, &probe).await, ProbeSaw::Declined);
    neighbour.hand.advance(RATE_TIME);
    assert_eq!(saw(&neighbour, &probe).await, ProbeSaw::Refused);
    let _seats = neighbour.prober.seats.acquire_many(4).await.expect("all");
    assert_eq!(saw(&neighbour, &probe).await, ProbeSaw::Declined, "four at a time");
}
