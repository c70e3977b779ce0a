use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{FutureExt, SinkExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async};
use watchfire_identity::certificate::Authority;
use watchfire_identity::pulse::PulseKey;
use watchfire_model::Moment;
use watchfire_runtime::datagram::Datagrams;
use watchfire_runtime::net::{
    Doing, SimulatedConnection, SimulatedDatagrams, SimulatedListener, SimulatedNet,
};
use watchfire_runtime::task::{self, Task};
use watchfire_runtime::tls::{TlsServer, TlsStream};
use watchfire_wire::pulse::{DATAGRAM_BYTES, Pulse, PulseFlags};
use watchfire_wire::{self as wire, GoodbyeReason, Hello, Message, StreamDecoder};

use super::*;
use crate::uplink::pulse::{PulseDesk, PulseSeat};
use crate::uplink::testing::{Agent, agent_at, enrolled, hub_credentials};

/// A hub on loopback: its stream's port is that of its pulses too.
struct Hub {
    listener: TcpListener,
    pulses: Datagrams,
    server: TlsServer,
    desk: Arc<PulseDesk>,
}

struct Stream {
    socket: WebSocketStream<TlsStream>,
    decoder: StreamDecoder,
    seat: PulseSeat,
}

impl Hub {
    async fn new(authority: &Authority, clock: &Clock) -> Self {
        let server = TlsServer::new(&hub_credentials(authority, clock.now())).expect("they fit");
        loop {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            // The same port may be taken for datagrams.
            if let Ok(pulses) = Datagrams::bind(listener.local_addr().expect("an address")) {
                return Self { listener, pulses, server, desk: Arc::default() };
            }
        }
    }

    fn address(&self) -> String {
        self.listener.local_addr().expect("an address").to_string()
    }

    async fn accept(&self) -> TcpStream {
        self.listener.accept().await.expect("a connection").0
    }

    /// Takes a stream up to both hellos.
    async fn take(&self, tcp: TcpStream) -> Stream {
        let tls = self.server.accept(tcp, HANDSHAKE_TIME, &Clock::system()).await.expect("TLS");
        assert!(tls.peer_certificate().is_some(), "the agent shows who it is");
        let seat = self.desk.seat(PulseKey::from_exported(tls.export(PULSE_LABEL)));
        let socket = accept_async(tls).await.expect("a stream");
        let mut stream = Stream { socket, decoder: StreamDecoder::new(), seat };
        let pulse = Some(stream.seat.id());
        stream.say(Message::Hello(Hello { wants_ticks: true, pulse, ..Hello::default() })).await;
        assert!(matches!(stream.next().await, Some(Message::Hello(_))));
        stream
    }

    /// Takes a stream and closes it at once with this code.
    async fn refuse(&self, tcp: TcpStream, code: u16) {
        let tls = self.server.accept(tcp, HANDSHAKE_TIME, &Clock::system()).await.expect("TLS");
        let mut socket = accept_async(tls).await.expect("a stream");
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        socket.close(Some(frame)).await.expect("it is open");
        while let Some(Ok(_)) = socket.next().await {}
    }

    /// Answers the next pulse that is valid.
    async fn answer(&self) -> Pulse {
        loop {
            let (datagram, from) = self.pulses.recv::<DATAGRAM_BYTES>().await;
            if let Some(echo) = self.desk.echo(&datagram, Clock::system().now()) {
                self.pulses.send(&echo, from);
                return Pulse::decode(&datagram[..32]).expect("a pulse");
            }
        }
    }
}

impl Stream {
    async fn say(&mut self, message: Message) {
        let frame = wire::encode(&message).expect("it fits");
        self.socket.send(Frame::Binary(frame.into())).await.expect("it is open");
    }

    /// The next message; `None` when the stream is over.
    async fn next(&mut self) -> Option<Message> {
        match self.socket.next().await {
            Some(Ok(Frame::Binary(frame))) => self.decoder.decode(&frame).expect("it is ours"),
            _ => None,
        }
    }
}

struct Dialing {
    agent: Agent,
    enrolled: watch::Sender<Option<Arc<Enrolment>>>,
    task: Task<()>,
}

fn dialing(agent: Agent, me: Option<Enrolment>) -> Dialing {
    let (enrolled, receiver) = watch::channel(me.map(Arc::new));
    let task = task::spawn("dial", keep(Arc::clone(&agent.up), receiver));
    Dialing { agent, enrolled, task }
}

impl Dialing {
    /// Waits for `what`, and lets the agent's time go on meanwhile, no faster than
    /// sockets on loopback are, or every dial is late.
    async fn while_time_goes_on<T>(&self, what: impl Future<Output = T>) -> T {
        self.while_time_goes_by(Duration::from_millis(20), what).await
    }

    /// The same, by so much in a millisecond.
    async fn while_time_goes_by<T>(&self, step: Duration, what: impl Future<Output = T>) -> T {
        let mut what = std::pin::pin!(what);
        loop {
            tokio::select! {
                biased;
                done = &mut what => return done,
                () = tokio::time::sleep(Duration::from_millis(1)) => self.agent.hand.advance(step),
            }
        }
    }
}

#[tokio::test]
async fn a_stream_with_pulses_that_is_dialed_again_when_all_is_quiet() {
    let now = Clock::system().now();
    let authority = Authority::generate(now);
    let hub = Hub::new(&authority, &Clock::system()).await;
    let dialing = dialing(agent_at(now), Some(enrolled(&authority, &hub.address(), now)));
    let first = hub.take(hub.accept().await).await;
    assert_eq!(hub.answer().await.counter, 1);
    // The hub says nothing more, neither here nor there.
    let counters = dialing.agent.feed.counters();
    while counters.echoes.get() == 0 {
        tokio::task::yield_now().await;
    }
    let again = dialing.while_time_goes_on(hub.accept()).await;
    let second = hub.take(again).await;
    assert_eq!(counters.quiet.get(), 1);
    assert_eq!(counters.streams.get(), 2);
    drop(first);
    // The agent has read the second hello once it pulses in the second session.
    while hub.answer().await.session != second.seat.id() {}
    let leaving = async { while !hub.answer().await.flags.contains(PulseFlags::LEAVING) {} };
    dialing.agent.end.request();
    leaving.await;
    let mut second = second;
    loop {
        match second.next().await.expect("a goodbye comes") {
            Message::Goodbye(reason) => break assert_eq!(reason, GoodbyeReason::Stop),
            Message::Alive(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(dialing.task.join().await, Ok(()));
}

#[tokio::test]
async fn a_hub_of_another_authority_is_not_talked_to() {
    let now = Clock::system().now();
    let hub = Hub::new(&Authority::generate(now), &Clock::system()).await;
    let authority = Authority::generate(now);
    let dialing = dialing(agent_at(now), Some(enrolled(&authority, &hub.address(), now)));
    let (tcp, _) = hub.listener.accept().await.expect("a connection");
    let refused = hub.server.accept(tcp, HANDSHAKE_TIME, &Clock::system()).await;
    assert!(refused.is_err());
    while dialing.agent.feed.counters().dials_failed.get() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(dialing.agent.feed.counters().streams.get(), 0);
}

#[tokio::test]
async fn an_agent_dials_once_it_is_enrolled_and_moves_with_its_hub() {
    let now = Clock::system().now();
    let authority = Authority::generate(now);
    let (one, other) = (
        Hub::new(&authority, &Clock::system()).await,
        Hub::new(&authority, &Clock::system()).await,
    );
    let dialing = dialing(agent_at(now), None);
    let me = enrolled(&authority, &one.address(), now);
    dialing.enrolled.send_replace(Some(Arc::new(me.clone())));
    let mut stream = one.take(one.accept().await).await;
    // A renewed certificate leaves the stream alone.
    dialing.enrolled.send_replace(Some(Arc::new(me.clone())));
    let hub = Some(other.address());
    dialing.enrolled.send_replace(Some(Arc::new(Enrolment { hub, ..me })));
    let second = dialing.while_time_goes_on(other.accept()).await;
    let _second = other.take(second).await;
    while stream.next().await.is_some() {}
}

/// A27: the hub closes the streams of a server that was removed with 4403.
#[tokio::test]
async fn an_agent_that_was_removed_waits_for_minutes_or_for_another_enrolment() {
    let now = Clock::system().now();
    let authority = Authority::generate(now);
    let hub = Hub::new(&authority, &Clock::system()).await;
    let me = enrolled(&authority, &hub.address(), now);
    let dialing = dialing(agent_at(now), Some(me.clone()));
    let time = || dialing.agent.up.clock.now();
    let mut longest = Duration::ZERO;
    while longest < Duration::from_secs(30) {
        let before = time();
        // The agent does nothing but wait until it connects.
        let step = Duration::from_millis(250);
        let tcp = dialing.while_time_goes_by(step, hub.accept()).await;
        longest = longest.max(time().since(before));
        dialing.while_time_goes_on(hub.refuse(tcp, 4403)).await;
        let refused = dialing.agent.feed.counters().refused.get();
        assert!(refused < 15, "{refused} dials, and it is not believed");
    }
    assert!(dialing.agent.feed.counters().refused.get() > 3, "a name may just be changing");
    // It waits for minutes now; the hub that takes it in again is dialed at once.
    dialing.enrolled.send_replace(Some(Arc::new(me)));
    let _stream = hub.take(hub.accept().await).await;
}

/// A network on which the nth try to connect takes so many seconds; `None` is for ever.
#[derive(Debug)]
struct Slow {
    clock: Clock,
    takes: &'static [Option<u64>],
    tries: AtomicUsize,
}

impl SimulatedNet for Slow {
    fn connect(&self, _: SocketAddr) -> Doing<'static, io::Result<SimulatedConnection>> {
        let number = self.tries.fetch_add(1, Ordering::Relaxed);
        let (takes, clock) = (self.takes.get(number).copied().flatten(), self.clock.clone());
        Box::pin(async move {
            let Some(seconds) = takes else { return std::future::pending().await };
            clock.sleep(Duration::from_secs(seconds)).await;
            Ok(Box::new(tokio::io::duplex(1).0) as SimulatedConnection)
        })
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
async fn a_slow_way_is_waited_for_and_a_way_that_is_free_again_is_found_soon() {
    let connected_after = |takes: &'static [Option<u64>]| {
        let (clock, hand) = Clock::manual(Moment::default());
        let net = Net::simulated(Slow { clock: clock.clone(), takes, tries: AtomicUsize::new(0) });
        let addresses = [SocketAddr::from(([192, 0, 2, 1], 5100))];
        let mut connecting = std::pin::pin!(connect(&addresses, &clock, &net));
        for second in 0..60 {
            if let Some(ended) = connecting.as_mut().now_or_never() {
                return ended.is_ok().then_some(second).ok_or(second);
            }
            hand.advance(Duration::from_secs(1));
        }
        Err(60)
    };
    assert_eq!(connected_after(&[Some(4), Some(4)]), Ok(4), "two seconds there, two back");
    assert_eq!(connected_after(&[None, None, Some(0)]), Ok(6), "it was lost twice");
    assert_eq!(connected_after(&[]), Err(10));
}

#[test]
fn addresses_are_read_with_and_without_a_port() {
    for (text, host, port) in [
        ("hub.example.org", "hub.example.org", 5100),
        ("hub.example.org:443", "hub.example.org", 443),
        ("192.0.2.1:5100", "192.0.2.1", 5100),
        ("[2001:db8::1]:7", "2001:db8::1", 7),
        ("[2001:db8::1]", "2001:db8::1", 5100),
        ("2001:db8::1", "2001:db8::1", 5100),
    ] {
        assert_eq!(split(text), Some((host, port)), "{text}");
    }
    for text in ["", ":5100", "hub:", "hub:x", "hub:70000", "[::1", "[::1]5100"] {
        assert_eq!(split(text), None, "{text}");
    }
}
