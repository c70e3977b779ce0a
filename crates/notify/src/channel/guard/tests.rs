use super::*;

fn allowed(hosts: &[&str]) -> Allowed {
    Allowed::new(hosts.iter().map(|host| host.parse().expect(host)).collect())
}

fn check(allowed: &Allowed, url: &str, way: Way) -> Result<(), String> {
    let url = Url::parse(url).expect(url);
    allowed.check(&url, way).map_err(|error| error.to_string())
}

#[test]
fn what_is_not_the_public_internet_is_refused_however_it_is_written() {
    for url in [
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0/",
        "https://10.0.0.1/",
        "https://172.31.255.255/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://192.0.2.1/",
        "https://198.19.0.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]:22/",
        "https://[::ffff:8.8.8.8]/",
        "https://[::127.0.0.1]/",
        "https://[fe80::1]/",
        "https://[fec0::1]/",
        "https://[fc00::1]/",
        "https://[fdff::1]/",
        "https://[ff02::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b:1::1]/",
        "https://[2001:db8::1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001::1]/",
        "https://[100::1]/",
        "https://[4000::1]/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://hub.localhost/",
        "https://１２７.０.０.１/",
    ] {
        for way in [Way::Direct, Way::Plain, Way::Proxy] {
            let error = check(&Allowed::default(), url, way).expect_err(url);
            assert!(error.contains("[notify] allow"), "{url}: {error}");
        }
    }
}

#[test]
fn the_public_internet_is_reached_over_tls_or_a_proxy() {
    for url in ["https://8.8.8.8/", "https://[2606:4700::1111]/", "https://example.org/"] {
        assert_eq!(check(&Allowed::default(), url, Way::Direct), Ok(()), "{url}");
        assert_eq!(check(&Allowed::default(), url, Way::Proxy), Ok(()), "{url}");
        let error = check(&Allowed::default(), url, Way::Plain).expect_err(url);
        assert!(error.contains("without TLS"), "{error}");
    }
}

#[test]
fn what_is_allowed_is_reached_by_any_way() {
    let allowed = allowed(&["10.1.2.0/24", "::1", "chat.intern.example", "192.168.7.7"]);
    for url in [
        "http://10.1.2.200/",
        "http://[::ffff:10.1.2.3]/",
        "http://[::1]:8080/",
        "http://Chat.Intern.Example./",
        "http://192.168.7.7/",
    ] {
        assert_eq!(check(&allowed, url, Way::Plain), Ok(()), "{url}");
    }
    for url in ["http://10.1.3.1/", "http://127.0.0.1/", "http://192.168.7.8/", "http://localhost"]
    {
        check(&allowed, url, Way::Direct).expect_err(url);
    }
}

#[test]
fn of_a_name_only_fitting_addresses_are_left() {
    let ips = |list: &[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
    let public = Allowed::default();
    let mixed = ips(&["127.0.0.1", "8.8.8.8", "::1"]);
    assert_eq!(public.of_name("a.example", mixed.clone(), Way::Direct), Ok(ips(&["8.8.8.8"])));
    public.of_name("a.example", ips(&["10.0.0.1"]), Way::Direct).unwrap_err();
    public.of_name("a.example", ips(&["8.8.8.8"]), Way::Plain).unwrap_err();
    let named = allowed(&["a.example"]);
    assert_eq!(named.of_name("A.example", mixed.clone(), Way::Plain), Ok(mixed));
    let network = allowed(&["10.0.0.0/8"]);
    let some = ips(&["10.9.9.9", "8.8.8.8"]);
    assert_eq!(network.of_name("a.example", some, Way::Plain), Ok(ips(&["10.9.9.9"])));
}

#[test]
fn entries_are_networks_addresses_and_names() {
    for (entry, shown) in [
        ("10.0.0.0/8", "10.0.0.0/8"),
        (" ::1 ", "::1"),
        ("Chat.Intern.Example", "chat.intern.example"),
        ("localhost", "localhost"),
    ] {
        assert_eq!(entry.parse::<AllowedHost>().unwrap().to_string(), shown);
    }
    for bad in ["", "0.0.0.0/0", "::/0", "10.0.0.1/8", "chat:8080", "http://chat", "a b", "*"] {
        assert!(bad.parse::<AllowedHost>().is_err(), "{bad}");
    }
}
