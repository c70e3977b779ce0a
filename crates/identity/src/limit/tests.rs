use super::*;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

fn at(seconds: u64) -> Moment {
    Moment::default().after(Duration::from_secs(1000 + seconds))
}

/// A try of somebody who need not exist: let through, or how long to wait.
fn tried(
    limiter: &mut LoginLimiter,
    now: Moment,
    address: IpAddr,
    user: &str,
) -> Result<(), Duration> {
    match limiter.admit(now, address, user, false) {
        Admission::Open => Ok(()),
        Admission::Quiet(wait) | Admission::Refused(wait) => Err(wait),
    }
}

/// The try that was let through was right.
fn succeeded(limiter: &mut LoginLimiter, now: Moment, address: IpAddr, user: &str) {
    limiter.settle(now, address, user, Admission::Open, true);
}

/// The try that was let through was wrong.
fn failed(limiter: &mut LoginLimiter, now: Moment, address: IpAddr, user: &str) {
    limiter.settle(now, address, user, Admission::Open, false);
}

/// True when a wrong try was let through.
fn wrong(limiter: &mut LoginLimiter, now: Moment, address: IpAddr, user: &str) -> bool {
    let allowed = tried(limiter, now, address, user).is_ok();
    if allowed {
        failed(limiter, now, address, user);
    }
    allowed
}

#[test]
fn five_wrong_tries_in_a_minute_and_no_more() {
    let mut limiter = LoginLimiter::new();
    let allowed = (0..20).filter(|i| wrong(&mut limiter, at(i * 3), HERE, "ada")).count();
    assert_eq!(allowed, 5);
    assert_eq!(limiter.refused(), 15);
    assert_eq!(tried(&mut limiter, at(57), HERE, "ada"), Err(Duration::from_secs(3)));
    // The first try was at 0 s: at 60 s it no longer counts, the second one at 3 s still does.
    assert!(wrong(&mut limiter, at(60), HERE, "ada"));
    assert_eq!(tried(&mut limiter, at(61), HERE, "ada"), Err(Duration::from_secs(2)));
}

#[test]
fn the_right_user_gets_in_from_elsewhere() {
    let mut limiter = LoginLimiter::new();
    while wrong(&mut limiter, at(0), HERE, "ada") {}
    assert!(tried(&mut limiter, at(1), HERE, "ada").is_err());
    assert_eq!(tried(&mut limiter, at(1), THERE, "ada"), Ok(()));
    succeeded(&mut limiter, at(1), THERE, "ada");
    assert!(tried(&mut limiter, at(1), HERE, "ada").is_err());
    assert_eq!(tried(&mut limiter, at(1), HERE, "bob"), Ok(()));
}

#[test]
fn tries_sent_together_do_not_slip_through() {
    let mut limiter = LoginLimiter::new();
    let passed = (0..100).filter(|_| tried(&mut limiter, at(0), HERE, "ada").is_ok()).count();
    assert_eq!(passed, TRIES_PER_USER);
}

#[test]
fn success_forgets_the_users_failures_but_not_the_address() {
    let mut limiter = LoginLimiter::new();
    for round in 0..10 {
        for user in ["ada", "bob", "eve"] {
            assert!(wrong(&mut limiter, at(round), HERE, user), "round {round} {user}");
        }
        if round < 9 {
            for user in ["ada", "bob", "eve"] {
                assert_eq!(
                    tried(&mut limiter, at(round), HERE, user),
                    Ok(()),
                    "round {round} {user}"
                );
                succeeded(&mut limiter, at(round), HERE, user);
            }
        }
    }
    // Thirty failures are on the address now, whatever succeeded between.
    assert_eq!(tried(&mut limiter, at(10), HERE, "new"), Err(Duration::from_secs(50)));
    assert_eq!(tried(&mut limiter, at(10), THERE, "new"), Ok(()));
}

#[test]
fn success_over_and_over_is_never_limited() {
    let mut limiter = LoginLimiter::new();
    for i in 0..1000 {
        assert_eq!(tried(&mut limiter, at(i / 100), HERE, "hub"), Ok(()), "{i}");
        succeeded(&mut limiter, at(i / 100), HERE, "hub");
    }
}

#[test]
fn many_users_do_not_help_one_address() {
    let mut limiter = LoginLimiter::new();
    let allowed =
        (0..1000).filter(|i| wrong(&mut limiter, at(0), HERE, &format!("user{i}"))).count();
    assert_eq!(allowed, TRIES_PER_ADDRESS);
}

#[test]
fn an_ipv6_network_is_one_address_and_a_mapped_one_is_ipv4() {
    let mut limiter = LoginLimiter::new();
    let address = |text: &str| text.parse::<IpAddr>().expect("is an address");
    let host = |i: u32| address(&format!("2001:db8::{i:x}"));
    let allowed = (0..20).filter(|i| wrong(&mut limiter, at(0), host(*i), "ada")).count();
    assert_eq!(allowed, TRIES_PER_USER);
    assert_eq!(tried(&mut limiter, at(0), address("2001:db8:0:1::1"), "ada"), Ok(()));

    while wrong(&mut limiter, at(0), HERE, "ada") {}
    assert!(tried(&mut limiter, at(0), address("::ffff:192.0.2.1"), "ada").is_err());
}

#[test]
fn memory_is_bounded_and_the_oldest_goes_first() {
    let mut limiter = LoginLimiter::new();
    let address =
        |i: u64| IpAddr::V4(std::net::Ipv4Addr::from_bits(u32::try_from(i).expect("fits")));
    let many = MAX_REMEMBERED as u64 + 100;
    for i in 0..many {
        let now = Moment::default().after(Duration::from_millis(1000 + i));
        for _ in 0..TRIES_PER_USER {
            assert!(wrong(&mut limiter, now, address(i), "ada"), "{i}");
        }
    }
    let now = Moment::default().after(Duration::from_millis(1000 + many));
    assert_eq!(limiter.evicted(), 200, "a hundred users and their hundred addresses");
    assert!(
        tried(&mut limiter, now, address(many - 1), "ada").is_err(),
        "the newest is remembered"
    );
    assert_eq!(tried(&mut limiter, now, address(0), "ada"), Ok(()), "the oldest was forgotten");
    // A minute later all may go, which is no eviction.
    let later = now.after(Duration::from_secs(61));
    let before = limiter.evicted();
    assert_eq!(tried(&mut limiter, later, address(many + 1), "ada"), Ok(()));
    assert_eq!(limiter.evicted(), before);
    assert_eq!(limiter.users.len(), 1);
}

#[test]
fn a_late_answer_counts_from_the_answer() {
    let mut limiter = LoginLimiter::new();
    for _ in 0..TRIES_PER_USER {
        assert_eq!(tried(&mut limiter, at(0), HERE, "ada"), Ok(()));
    }
    failed(&mut limiter, at(30), HERE, "ada");
    assert_eq!(tried(&mut limiter, at(59), HERE, "ada"), Err(Duration::from_secs(1)));
    assert_eq!(tried(&mut limiter, at(60), HERE, "ada"), Ok(()));
}

/// The password of a user who exists was wrong.
fn guessed(limiter: &mut LoginLimiter, now: Moment, user: &str) -> Admission {
    let admission = limiter.admit(now, HERE, user, true);
    limiter.settle(now, HERE, user, admission, false);
    admission
}

fn use_up_the_address(limiter: &mut LoginLimiter, now: Moment) {
    for made_up in 0..TRIES_PER_ADDRESS + 2 {
        let user = format!("made up {made_up}");
        let admission = limiter.admit(now, HERE, &user, false);
        limiter.settle(now, HERE, &user, admission, false);
    }
    assert!(matches!(limiter.admit(now, HERE, "nobody", false), Admission::Refused(_)));
}

#[test]
fn made_up_names_do_not_keep_a_user_out_who_was_never_here() {
    let mut limiter = LoginLimiter::new();
    use_up_the_address(&mut limiter, at(0));
    let admission = limiter.admit(at(1), HERE, "hub", true);
    assert_eq!(admission, Admission::Quiet(Duration::from_secs(59)));
    limiter.settle(at(1), HERE, "hub", admission, true);
    assert!(matches!(limiter.admit(at(2), HERE, "nobody", false), Admission::Refused(_)));
}

#[test]
fn the_quiet_tries_of_a_user_are_five_as_well() {
    let mut limiter = LoginLimiter::new();
    use_up_the_address(&mut limiter, at(0));
    for _ in 0..TRIES_PER_USER {
        assert!(matches!(guessed(&mut limiter, at(1), "ada"), Admission::Quiet(_)));
    }
    assert!(matches!(guessed(&mut limiter, at(1), "ada"), Admission::Refused(_)));
    // Without a full address the five open ones are all there is.
    let mut limiter = LoginLimiter::new();
    for _ in 0..TRIES_PER_USER {
        assert_eq!(guessed(&mut limiter, at(0), "ada"), Admission::Open);
    }
    assert!(matches!(guessed(&mut limiter, at(0), "ada"), Admission::Refused(_)));
}

#[test]
fn guessing_a_name_from_the_address_of_its_owner_leaves_the_owner_room() {
    let mut limiter = LoginLimiter::new();
    let first = limiter.admit(at(0), HERE, "hub", true);
    limiter.settle(at(0), HERE, "hub", first, true);
    let checked = |limiter: &mut LoginLimiter, now| {
        (0..100).filter(|_| !matches!(guessed(limiter, now, "hub"), Admission::Refused(_))).count()
    };
    for _ in 0..TRIES_PER_TRUSTED - 1 {
        assert!(!matches!(guessed(&mut limiter, at(9), "hub"), Admission::Refused(_)));
    }
    let right = limiter.admit(at(10), HERE, "hub", true);
    assert!(matches!(right, Admission::Quiet(_)), "{right:?}");
    limiter.settle(at(10), HERE, "hub", right, true);
    // The guesser's tries are bounded all the same, and a day later they are few again.
    assert_eq!(checked(&mut limiter, at(100)), TRIES_PER_TRUSTED);
    assert_eq!(checked(&mut limiter, at(10 + 24 * 3600)), TRIES_PER_USER);
}

#[test]
fn what_a_stranger_sees_does_not_depend_on_who_exists() {
    let seen = |admission| match admission {
        Admission::Open => None,
        Admission::Quiet(wait) | Admission::Refused(wait) => Some(wait),
    };
    let answers = |exists: bool, trusted: bool| {
        let mut limiter = LoginLimiter::new();
        if trusted {
            let admission = limiter.admit(at(0), HERE, "x", true);
            limiter.settle(at(0), HERE, "x", admission, true);
        }
        let mut answers = Vec::new();
        for second in 1..400 {
            // Bursts that fill the address, and pauses in which it becomes free.
            let user = if second % 3 == 0 || second % 90 > 50 { "x" } else { "nobody" };
            for _ in 0..1 + (second / 40) % 3 {
                let admission = limiter.admit(at(second), HERE, user, exists && user == "x");
                limiter.settle(at(second), HERE, user, admission, false);
                answers.push(seen(admission));
            }
            let other = format!("{second}");
            let admission = limiter.admit(at(second), HERE, &other, false);
            limiter.settle(at(second), HERE, &other, admission, false);
            answers.push(seen(admission));
        }
        answers
    };
    let of_nobody = answers(false, false);
    assert!(of_nobody.iter().any(Option::is_some) && of_nobody.iter().any(Option::is_none));
    assert_eq!(answers(true, false), of_nobody);
    assert_eq!(answers(true, true), of_nobody);
}

#[test]
fn all_of_loopback_is_one_address() {
    let mut limiter = LoginLimiter::new();
    let loopback = |i: u8| IpAddr::V4(Ipv4Addr::new(127, 0, i, 1));
    let allowed = (0..20).filter(|i| wrong(&mut limiter, at(0), loopback(*i), "ada")).count();
    assert_eq!(allowed, TRIES_PER_USER);
}
