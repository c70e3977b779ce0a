use super::*;

/// Feeds checks each 100 ms and gives the changes as (millisecond, presence).
fn quiet(machine: &mut PresenceMachine, from_ms: u64, to_ms: u64) -> Vec<(u64, Presence)> {
    (from_ms..=to_ms)
        .step_by(100)
        .filter_map(|ms| machine.check(at(ms)).map(|change| (ms, change.to)))
        .collect()
}

#[test]
fn each_goodbye_has_its_limit() {
    for (goodbye, expected) in [
        (Goodbye::Reboot, vec![(301_000, Presence::Down)]),
        (Goodbye::Upgrade, vec![(61_000, Presence::Down)]),
        (Goodbye::Stop, vec![(4000, Presence::Late), (6000, Presence::AgentDown)]),
    ] {
        let mut machine = heard();
        let change = machine.said_goodbye(at(1000), goodbye).map(|change| change.to);
        let leaves = (goodbye != Goodbye::Stop).then_some(Presence::Leaving);
        assert_eq!(change, leaves, "{goodbye:?}");
        assert_eq!(quiet(&mut machine, 1000, 400_000), expected, "{goodbye:?}");
    }
}

#[test]
fn the_first_word_counts_and_no_other_lengthens_it() {
    let mut machine = heard();
    assert!(machine.said_goodbye(at(1000), Goodbye::Upgrade).is_some());
    for ms in (2000..60_000).step_by(1000) {
        assert_eq!(machine.said_goodbye(at(ms), Goodbye::Reboot), None);
        assert_eq!(machine.said_goodbye(at(ms), Goodbye::Stop), None);
    }
    assert_eq!(quiet(&mut machine, 60_000, 70_000), [(61_000, Presence::Down)]);
}

#[test]
fn a_planned_stop_is_told_as_one_and_once() {
    let mut machine = heard();
    assert_eq!(machine.said_goodbye(at(1000), Goodbye::Stop), None, "it is no leaving");
    machine.observe(sight(1010, Sight::StreamClosed));
    machine.observe(sight(1100, Sight::Refused));
    machine.check(at(4000));
    let told = machine.check(at(6000)).expect("nobody watches it now");
    assert_eq!(told.to, Presence::AgentDown);
    assert_eq!(told.last_sign, Some(moment(1000)), "the goodbye is a sign of life");
    assert!(crate::cause(&told).starts_with("The agent was stopped on the server"));
    machine.observe(sight(9000, Sight::Refused));
    assert_eq!(quiet(&mut machine, 6100, 60_000), [], "once");
    assert_eq!(machine.sign_of_life(at(61_000)).map(|up| up.to), Some(Presence::Up));
}

#[test]
fn a_stop_of_a_server_in_trouble_does_not_tell_it_as_back() {
    let mut machine = heard();
    machine.check(at(5000));
    assert_eq!(machine.presence(), Presence::Down);
    assert_eq!(machine.said_goodbye(at(6000), Goodbye::Stop), None);
    assert_eq!(machine.pulse(at(6100)), None, "one that the goodbye overtook");
    assert_eq!(quiet(&mut machine, 6100, 60_000), [(11_000, Presence::AgentDown)]);
}

/// Datagrams and the stream are two ways, so a pulse may come after the goodbye that
/// was said after it (fault F6).
#[test]
fn a_pulse_that_a_goodbye_overtook_does_not_bring_the_server_back() {
    for goodbye in Goodbye::ALL {
        let mut machine = heard();
        machine.said_goodbye(at(1000), goodbye);
        let after = machine.presence();
        assert_eq!(machine.pulse(at(3999)), None, "{goodbye:?}");
        assert_eq!((machine.presence(), machine.last_sign()), (after, Some(moment(1000))));
        machine.pulse(at(4000));
        assert_eq!(machine.presence(), Presence::Up, "one so late is a new one: {goodbye:?}");
        assert_eq!(machine.last_sign(), Some(moment(4000)));
    }
    let mut back = heard();
    back.said_goodbye(at(1000), Goodbye::Upgrade);
    assert!(back.sign_of_life(at(1200)).is_some(), "a new stream's first word counts at once");
    assert_eq!(back.pulse(at(1300)), None);
    assert_eq!(back.last_sign(), Some(moment(1300)));
}

#[test]
fn the_hubs_standstill_does_not_shorten_a_reboot_nor_age_a_pulse() {
    let mut machine = heard();
    machine.said_goodbye(at(1000), Goodbye::Reboot);
    assert_eq!(machine.pulse(stalled(13_000, 10_000)), None, "it lay in the socket meanwhile");
    assert_eq!(machine.check(stalled(310_999, 10_000)), None);
    let late = machine.check(stalled(311_000, 10_000)).expect("it did not come back");
    assert_eq!((late.to, late.hub_stalled), (Presence::Down, Duration::from_secs(10)));
    assert!(crate::cause(&late).starts_with("It said that it reboots and did not come back"));
}

/// The monotonic clock of the hub's machine began after the goodbye.
#[test]
fn a_reboot_of_the_hubs_machine_lengthens_no_goodbye() {
    let minute = Moment { monotonic: Duration::from_secs(60), unix_ms: 1_700_000_000_000 };
    for (stood_still, ago, judged) in [(0, 200, 100), (0, 20, 280), (7, 200, 100), (0, 9999, 5)] {
        let stalled = Duration::from_secs(stood_still);
        let at = |seconds| HubTime { at: minute.after(Duration::from_secs(seconds)), stalled };
        let server = ServerName::new("web-1").unwrap();
        let (limits, ago) = (PresenceLimits::default(), Duration::from_secs(ago));
        let mut machine =
            PresenceMachine::restored_leaving(server, limits, Goodbye::Reboot, ago, at(0));
        let mut next = Vec::new();
        let told = (0..400).find_map(|second| {
            next.extend(machine.next_check().filter(|_| machine.presence() == Presence::Leaving));
            machine.check(at(second)).map(|change| (second, change.to))
        });
        assert_eq!(told, Some((judged, Presence::Down)), "{ago:?}");
        let last = next.last().expect("there was one").since(minute);
        assert!(last <= Duration::from_secs(judged), "it is looked at in time: {last:?}");
    }
}
