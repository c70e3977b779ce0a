//! What one TLS connection keeps. It prints a figure and judges nothing, since
//! the allocator's habits are no fault of ours:
//! `cargo test -p watchfire-runtime --release -- --ignored --nocapture bytes_a`

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use watchfire_identity::certificate::{Authority, HUB_NAME, MachineKey};

use super::tests::{agent_at, hub};
use super::*;
use crate::Clock;

const CONNECTIONS: usize = 1000;

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("is readable");
    let pages: usize = statm.split(' ').nth(1).expect("a field").parse().expect("a number");
    pages * rustix::param::page_size()
}

#[tokio::test]
#[ignore = "it measures, and needs two thousand descriptors"]
async fn bytes_a_connection() {
    crate::limits::raise_descriptors();
    let clock = Clock::system();
    let authority = Authority::generate(clock.now());
    let server = TlsServer::new(&hub(&authority)).expect("a server");
    let agent = agent_at(&authority, &MachineKey::generate(), clock.now());
    let client = TlsClient::new(&agent).expect("a client");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let limit = std::time::Duration::from_secs(60);
    let (mut hubs, mut agents) = (Vec::with_capacity(CONNECTIONS), Vec::with_capacity(CONNECTIONS));
    let mut before = 0;
    for number in 0..CONNECTIONS + 50 {
        if number == 50 {
            before = resident_bytes();
        }
        let (accepted, dialled) = tokio::join!(listener.accept(), TcpStream::connect(address));
        let (near, far) = (accepted.expect("accepts").0, dialled.expect("connects"));
        let (near, far) = tokio::join!(
            server.accept(near, limit, &clock),
            client.connect(far, HUB_NAME, limit, &clock)
        );
        let (mut near, mut far) = (near.expect("accepts"), far.expect("connects"));
        // A tick goes one way and its acknowledgement back, as a stream does.
        let mut bytes = [0; 300];
        for _ in 0..3 {
            far.write_all(&[1; 300]).await.expect("writes");
            near.read_exact(&mut bytes).await.expect("reads");
            near.write_all(&[1; 20]).await.expect("writes");
            far.read_exact(&mut bytes[..20]).await.expect("reads");
        }
        hubs.push(near);
        agents.push(far);
    }
    let both = (resident_bytes() - before) / CONNECTIONS;
    println!("{both} bytes for both sides of a TLS connection");
}
