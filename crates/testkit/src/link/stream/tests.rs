use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::*;

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3_600);

/// Reads one byte; `None` when nothing comes for an hour.
async fn hear(end: &mut End) -> Option<u8> {
    timeout(LONG, end.read_u8()).await.ok().map(|read| read.unwrap())
}

#[tokio::test(start_paused = true)]
async fn bytes_take_their_time_and_keep_their_order() {
    let (mut left, mut right, control) = pair(1);
    control.set(Side::Left, Conditions::clear().delay(200 * MS, 150 * MS));
    let start = Instant::now();
    for byte in 0..50 {
        left.write_u8(byte).await.unwrap();
    }
    for byte in 0..50 {
        assert_eq!(right.read_u8().await.unwrap(), byte);
    }
    assert!(start.elapsed() >= 50 * MS && start.elapsed() <= 352 * MS, "{:?}", start.elapsed());
    let start = Instant::now();
    right.write_u8(7).await.unwrap();
    assert_eq!(left.read_u8().await.unwrap(), 7);
    assert_eq!(start.elapsed(), Duration::ZERO, "the other way is as it was");
    assert_eq!((control.delivered(Side::Left), control.delivered(Side::Right)), (50, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stall_keeps_bytes_and_the_writer_waits_when_the_buffer_is_full() {
    let (mut left, mut right, control) = pair(2);
    left.write_u8(1).await.unwrap();
    control.stall(Side::Left);
    assert_eq!(hear(&mut right).await, Some(1), "it had arrived before the stall");
    left.write_all(&[2; SOCKET_BUFFER]).await.unwrap();
    assert!(timeout(LONG, left.write_u8(3)).await.is_err());
    assert_eq!(hear(&mut right).await, None);
    right.write_u8(9).await.unwrap();
    assert_eq!(hear(&mut left).await, Some(9), "the other way flows");
    control.resume(Side::Left);
    let (mut all, wrote) = (vec![0; SOCKET_BUFFER + 1], left.write_u8(3));
    let (wrote, read) = tokio::join!(wrote, right.read_exact(&mut all));
    assert!(wrote.is_ok() && read.is_ok());
    assert!(all[..SOCKET_BUFFER].iter().all(|byte| *byte == 2) && all[SOCKET_BUFFER] == 3);
}

#[tokio::test(start_paused = true)]
async fn a_stall_holds_what_is_on_its_way() {
    let (mut left, mut right, control) = pair(11);
    control.set(Side::Left, Conditions::clear().delay(100 * MS, Duration::ZERO));
    left.write_u8(1).await.unwrap();
    tokio::time::sleep(50 * MS).await;
    control.stall(Side::Left);
    assert_eq!(hear(&mut right).await, None);
    control.resume(Side::Left);
    assert_eq!(hear(&mut right).await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn after_a_stall_tcp_tries_again_in_its_own_time() {
    let (mut left, mut right, control) = pair(3);
    control.stall(Side::Left);
    let start = Instant::now();
    left.write_u8(1).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    control.resume(Side::Left);
    right.read_u8().await.unwrap();
    // Tries at 0.2, 0.6, 1.4, 3, 6.2 and 12.6 s.
    assert_eq!(start.elapsed(), 12_600 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_is_woken_by_what_is_resumed_and_what_is_cut() {
    for cut in [false, true] {
        let (mut left, mut right, control) = pair(4);
        control.stall(Side::Left);
        left.write_u8(1).await.unwrap();
        let reader = tokio::spawn(async move { right.read_u8().await });
        tokio::task::yield_now().await;
        if cut {
            control.cut();
        } else {
            control.resume(Side::Left);
        }
        let read = timeout(LONG, reader).await.unwrap().unwrap();
        assert_eq!(
            read.map_err(|error| error.kind()).err(),
            cut.then_some(io::ErrorKind::ConnectionReset)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_resets_both_sides() {
    let (mut left, mut right, control) = pair(5);
    left.write_u8(1).await.unwrap();
    control.cut();
    assert!(control.is_over());
    for end in [&mut left, &mut right] {
        assert_eq!(end.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(end.write_u8(1).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_cut_is_seen_by_one_side_only() {
    let (mut left, mut right, control) = pair(6);
    control.half_cut(Side::Left);
    assert_eq!(left.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert!(left.write_u8(1).await.is_err());
    drop(left);
    right.write_u8(1).await.unwrap();
    control.resume(Side::Left);
    control.resume(Side::Right);
    assert_eq!(hear(&mut right).await, None, "neither bytes nor the end nor an error");
}

#[tokio::test(start_paused = true)]
async fn closing_lets_the_other_side_read_to_the_end() {
    let (mut left, mut right, control) = pair(7);
    control.set_both(Conditions::clear().delay(50 * MS, Duration::ZERO));
    left.write_all(b"last words").await.unwrap();
    drop(left);
    assert!(right.write_u8(1).await.is_err());
    let mut words = String::new();
    right.read_to_string(&mut words).await.unwrap();
    assert_eq!(words, "last words");
    assert_eq!(right.read(&mut [0]).await.unwrap(), 0, "the end stays the end");
}

#[tokio::test(start_paused = true)]
async fn one_side_can_say_its_last_and_still_listen() {
    let (mut left, mut right, _control) = pair(8);
    left.shutdown().await.unwrap();
    assert_eq!(left.write_u8(1).await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(right.read(&mut [0]).await.unwrap(), 0);
    right.write_u8(2).await.unwrap();
    assert_eq!(hear(&mut left).await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn loss_makes_a_stream_late_alike_for_alike_seeds() {
    async fn run(seed: u64) -> Vec<Duration> {
        let (mut left, mut right, control) = pair(seed);
        control.set(Side::Left, Conditions::clear().loss(0.3));
        let mut late = Vec::new();
        for _ in 0..100 {
            let start = Instant::now();
            left.write_u8(1).await.unwrap();
            right.read_u8().await.unwrap();
            late.push(start.elapsed());
        }
        late
    }
    let (one, again, other) = (run(9).await, run(9).await, run(10).await);
    assert_eq!(one, again);
    assert_ne!(one, other);
    assert!(one.contains(&Duration::ZERO) && one.contains(&(200 * MS)), "{one:?}");
}
