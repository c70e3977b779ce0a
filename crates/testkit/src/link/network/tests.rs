use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::*;

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn a_connection_takes_a_round_trip_and_names_its_caller() {
    let net = Network::new(1);
    let (hub, db) = (net.host("hub"), net.host("db-1"));
    net.set_between("hub", "db-1", Conditions::clear().delay(20 * MS, Duration::ZERO));
    let listener = hub.listen(5100).unwrap();
    let start = Instant::now();
    let mut stream = db.connect(listener.local_addr()).await.unwrap();
    assert_eq!(start.elapsed(), 40 * MS);
    stream.write_u8(1).await.unwrap();
    // The listener has it with what the caller says first.
    let (mut served, peer) = listener.accept().await;
    assert_eq!(peer.ip(), db.ip());
    assert_eq!(start.elapsed(), 60 * MS);
    assert_eq!(served.read_u8().await.unwrap(), 1);
    assert_eq!(start.elapsed(), 60 * MS);
    assert_eq!(hub.listen(5100).unwrap_err().kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test(start_paused = true)]
async fn nobody_listening_refuses_and_no_host_is_unreachable() {
    let net = Network::new(2);
    let (hub, db) = (net.host("hub"), net.host("db-1"));
    let listener = hub.listen(0).unwrap();
    let address = listener.local_addr();
    drop(listener);
    let refused = db.connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let nowhere = db.connect(SocketAddr::from(([10, 99, 0, 1], 1))).await.unwrap_err();
    assert_eq!(nowhere.kind(), io::ErrorKind::HostUnreachable);
}

#[tokio::test(start_paused = true)]
async fn a_partition_holds_streams_and_connects_until_it_heals() {
    let net = Network::new(3);
    let (hub, db) = (net.host("hub"), net.host("db-1"));
    let listener = hub.listen(5100).unwrap();
    let mut stream = db.connect(listener.local_addr()).await.unwrap();
    let (mut served, _) = listener.accept().await;
    net.partition(&["db-1"]);
    stream.write_u8(1).await.unwrap();
    assert!(timeout(LONG, served.read_u8()).await.is_err());
    let late = timeout(5 * Duration::from_secs(1), db.connect(listener.local_addr())).await;
    assert!(late.is_err(), "a connect gets no answer");
    net.set_all(Conditions::clear());
    assert_eq!(served.read_u8().await.unwrap(), 1);
    assert!(db.connect(listener.local_addr()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_made_on_a_blocked_way_back_waits() {
    let net = Network::new(4);
    let (hub, db) = (net.host("hub"), net.host("db-1"));
    net.set("hub", "db-1", Conditions::blocked());
    let listener = hub.listen(5100).unwrap();
    let connect = timeout(Duration::from_secs(10), db.connect(listener.local_addr()));
    assert!(connect.await.is_err());
    // Who called never knew, and so the listener does not either.
    assert!(timeout(LONG, listener.accept()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn resetting_ends_the_connections_of_two_hosts_only() {
    let net = Network::new(5);
    let listener = net.host("hub").listen(5100).unwrap();
    let mut one = net.host("db-1").connect(listener.local_addr()).await.unwrap();
    let mut two = net.host("db-2").connect(listener.local_addr()).await.unwrap();
    let (_one, _two) = (listener.accept().await, listener.accept().await);
    net.reset_between("db-1", "hub");
    assert_eq!(one.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert!(timeout(LONG, two.read_u8()).await.is_err());
}

/// What arrives within an hour of virtual time.
async fn all(socket: &Socket) -> Vec<u32> {
    let (mut got, mut buffer) = (Vec::new(), [0; 4]);
    while timeout(LONG, socket.recv_from(&mut buffer)).await.is_ok() {
        got.push(u32::from_be_bytes(buffer));
    }
    got
}

/// A thousand datagrams, one each 10 ms, under these conditions.
async fn thousand(seed: u64, conditions: Conditions) -> (Vec<u32>, Traffic) {
    let net = Network::new(seed);
    let (sink, source) = (net.host("hub").bind(5100).unwrap(), net.host("db-1").bind(0).unwrap());
    net.set("db-1", "hub", conditions);
    for number in 0..1_000_u32 {
        source.send_to(&number.to_be_bytes(), sink.local_addr());
        tokio::time::sleep(10 * MS).await;
    }
    (all(&sink).await, net.traffic("db-1", "hub"))
}

#[tokio::test(start_paused = true)]
async fn datagrams_are_lost_doubled_and_overtaken_alike_for_alike_seeds() {
    let (got, traffic) = thousand(6, Conditions::clear()).await;
    assert_eq!(got, (0..1_000).collect::<Vec<_>>());
    assert_eq!((traffic.sent, traffic.delivered), (1_000, 1_000));
    let rough = Conditions::clear().loss(0.3).duplicate(0.1).reorder(0.2, 35 * MS);
    let (got, traffic) = thousand(6, rough).await;
    assert_eq!((&got, traffic), (&thousand(6, rough).await.0, traffic));
    assert_eq!(got.len() as u64, 1_000 - traffic.lost + traffic.duplicated);
    assert_eq!(got.len() as u64, traffic.delivered);
    assert!((250..350).contains(&traffic.lost) && traffic.duplicated > 40, "{traffic:?}");
    assert!(!got.is_sorted(), "some were overtaken");
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_when_the_way_is_blocked_is_lost() {
    let net = Network::new(7);
    let (hub, db) = (net.host("hub").bind(1).unwrap(), net.host("db-1").bind(1).unwrap());
    db.send_to(&1_u32.to_be_bytes(), hub.local_addr());
    net.set("db-1", "hub", Conditions::clear().delay(100 * MS, Duration::ZERO));
    db.send_to(&2_u32.to_be_bytes(), hub.local_addr());
    net.set("db-1", "hub", Conditions::blocked());
    db.send_to(&3_u32.to_be_bytes(), hub.local_addr());
    hub.send_to(&4_u32.to_be_bytes(), db.local_addr());
    net.set("db-1", "hub", Conditions::clear());
    db.send_to(&5_u32.to_be_bytes(), hub.local_addr());
    assert_eq!(all(&hub).await, [1, 5]);
    assert_eq!(all(&db).await, [4], "the other way is whole");
    assert_eq!(net.traffic("db-1", "hub").blocked, 2);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_nobody_reads_is_crowded_and_a_dropped_one_frees_its_port() {
    let net = Network::new(8);
    let (hub, db) = (net.host("hub"), net.host("db-1").bind(0).unwrap());
    let sink = hub.bind(9).unwrap();
    for _ in 0..super::super::datagrams::MAX_WAITING + 3 {
        db.send_to(b"pulse", sink.local_addr());
    }
    assert_eq!(net.traffic("db-1", "hub").crowded, 3);
    assert!(hub.bind(9).is_err());
    drop(sink);
    assert!(hub.bind(9).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_waits_is_woken() {
    let net = Network::new(9);
    let (hub, db) = (net.host("hub").bind(1).unwrap(), net.host("db-1").bind(1).unwrap());
    let address = hub.local_addr();
    let waiting = tokio::spawn(async move { timeout(LONG, hub.recv_from(&mut [0; 4])).await });
    tokio::task::yield_now().await;
    db.send_to(b"now", address);
    assert_eq!(waiting.await.unwrap().unwrap(), (3, db.local_addr()));
}

#[tokio::test(start_paused = true)]
async fn a_knock_that_is_on_its_way_when_the_way_is_blocked_is_lost() {
    let net = Network::new(10);
    let (hub, db) = (net.host("hub"), net.host("db-1"));
    net.set("db-1", "hub", Conditions::clear().delay(100 * MS, Duration::ZERO));
    let listener = hub.listen(5100).unwrap();
    let address = listener.local_addr();
    let caller = tokio::spawn(async move { db.connect(address).await });
    tokio::time::sleep(50 * MS).await;
    net.partition(&["hub"]);
    assert!(timeout(LONG, listener.accept()).await.is_err());
    net.set_all(Conditions::clear());
    assert!(caller.await.unwrap().is_ok());
}
