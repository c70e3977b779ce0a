use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Scrapes `/metrics` of `address` at every full second, `count` times, and
/// writes each to a file of its own, named by its time in milliseconds. A scrape
/// that fails is left out, as it would be in any history.
pub(crate) fn record(address: &str, folder: &Path, count: u64) {
    std::fs::create_dir_all(folder).unwrap();
    let mut next = now_ms() / 1000 * 1000;
    for _ in 0..count {
        next += 1000;
        thread::sleep(Duration::from_millis(next.saturating_sub(now_ms())));
        let at = now_ms();
        match scrape(address) {
            Ok(text) => std::fs::write(folder.join(format!("{at}.prom")), text).unwrap(),
            Err(error) => eprintln!("{at}: {error}"),
        }
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn scrape(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").filter(|_| answer.contains(" 200 "));
    let (_, body) = body.ok_or_else(|| std::io::Error::other("it did not answer 200"))?;
    Ok(body.to_owned())
}
