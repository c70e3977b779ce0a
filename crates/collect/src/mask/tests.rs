use proptest::prelude::*;

use super::*;

fn line(arguments: &[&str]) -> String {
    command_line(arguments.join("\0").as_bytes())
}

/// No secret of the list may be left, and the mask must stand there.
fn hides(arguments: &[&str]) {
    let line = line(arguments);
    assert!(!line.contains("HUNTER") && !line.contains("hunter"), "{line}");
    assert!(line.contains(MASK), "{line}");
}

#[test]
fn the_case_of_the_abuse_list() {
    let shown = line(&[
        "sh",
        "-c",
        "sleep 99",
        "--password=HUNTER2",
        "-pHUNTER2",
        "Authorization: Bearer HUNTER2",
        "postgres://u:HUNTER2@h/",
    ]);
    assert_eq!(shown, "sh -c sleep 99 --password=*** -p*** Authorization: *** postgres://u:***@h/");
}

#[test]
fn every_listed_word_with_every_separator() {
    let words = [
        "password",
        "passwd",
        "mysql_pwd",
        "access_token",
        "auth_token",
        "api_key",
        "apikey",
        "secret",
        "credentials",
        "stripetoken",
    ];
    for word in words {
        for name in [word.to_owned(), word.to_uppercase(), word.replace('_', "-")] {
            hides(&["app", &format!("--{name}=HUNTER2")]);
            hides(&["app", &format!("--{name}"), "HUNTER2"]);
            hides(&["app", &format!("-{name}"), "HUNTER2"]);
            hides(&["app", &name, "HUNTER2"]);
            hides(&["app", &format!("{name}=HUNTER2")]);
            hides(&["app", &format!("{name}: HUNTER2")]);
            hides(&["sh", "-c", &format!("app --x 1 --{name} HUNTER2 -v")]);
            hides(&["sh", "-c", &format!("app --x 1 --{name}='HUNTER 2' -v")]);
            hides(&["app", &format!("{{\"user\": 1, \"{name}\": \"HUNTER 2\"}}")]);
            hides(&["app", &format!("http://h/?a=1&{name}=HUNTER2")]);
            hides(&["app", &format!("--my-{name}=HUNTER2")]);
            hides(&["app", &format!("--{name}-value=HUNTER2")]);
        }
    }
}

#[test]
fn options_and_variables_of_the_kind() {
    for argument in [
        "--token=HUNTER2",
        "--authToken=HUNTER2",
        "--db.pass=HUNTER2",
        "PGPASSWORD=HUNTER2",
        "AWS_SECRET_ACCESS_KEY=HUNTER2",
        "--password=HUNTER with spaces & signs",
        "X-Api-Key: HUNTER2",
        "Cookie: session=HUNTER2; other=HUNTER3",
        "authorization: basic HUNTER2",
        "Bearer HUNTER2",
        "pw=HUNTER2",
    ] {
        hides(&["app", argument]);
        hides(&["sh", "-c", &format!("run '{argument}' now")]);
    }
    hides(&["openssl", "enc", "-pass", "pass:HUNTER2"]);
    hides(&["app", "Authorization:", "Bearer", "HUNTER2"]);
    hides(&["app", "Authorization:", "Basic", "HUNTER2"]);
    hides(&["app", "--password", "--token", "HUNTER2"]);
    hides(&["app", "--token", "", "--password", "HUNTER2"]);
}

#[test]
fn a_header_inside_a_shell_command() {
    let shown = line(&["sh", "-c", "curl -H \"Authorization: Bearer HUNTER2\" http://h/x -v"]);
    assert_eq!(shown, "sh -c curl -H \"Authorization: ***\" http://h/x -v");
    hides(&["sh", "-c", "app Authorization: Bearer HUNTER2 more"]);
}

#[test]
fn short_options_of_known_tools() {
    hides(&["mysql", "-uroot", "-phunter"]);
    hides(&["/usr/bin/mysqldump", "-p12hunter"]);
    hides(&["sh", "-c", "cd /x; mysql -u root -phunter db"]);
    hides(&["sshpass", "-p", "hunter", "ssh", "h"]);
    hides(&["sshpass", "-phunter", "ssh", "h"]);
    hides(&["redis-cli", "-a", "hunter", "PING"]);
    hides(&["curl", "-u", "me:hunter", "http://h/"]);
    hides(&["docker", "login", "-u", "me", "-p", "hunter"]);
    hides(&["ldapsearch", "-w", "hunter"]);
    assert_eq!(line(&["mysql", "-p123456"]), "mysql -p***");
    assert_eq!(line(&["mysql", "-ppass word"]), "mysql -p***");
}

#[test]
fn a_login_is_masked_behind_its_colon() {
    for (arguments, shown) in [
        (&["tool", "-u", "admin:HUNTER2"][..], "tool -u admin:***"),
        (&["tool", "-U", "my admin:HUN:TE R2"], "tool -U my admin:***"),
        (&["curl", "--user", "admin:HUNTER2", "http://h/"], "curl --user admin:*** http://h/"),
        (&["curl", "-s", "--user=admin:HUNTER2"], "curl -s --user=admin:***"),
        (&["curl", "--proxy-user", "admin:HUNTER2"], "curl --proxy-user admin:***"),
        (&["curl", "--user", "HUNTER2:"], "curl --user ***"),
        (&["wget", "--http-user=admin:HUNTER2", "h"], "wget --http-user=admin:*** h"),
        (&["http", "--auth", "admin:HUNTER2", "h"], "http --auth admin:*** h"),
        (&["ab", "--basic-auth", "1:HUNTER2"], "ab --basic-auth 1:***"),
        (&["sh", "-c", "x --user admin:HUNTER2 h"], "sh -c x --user admin:*** h"),
        (&["sh", "-c", "x -u 'admin:HUNTER 2' h"], "sh -c x -u 'admin:***' h"),
        (&["sh", "-c", "x --user=admin:HUNTER2 h"], "sh -c x --user=admin:*** h"),
        (&["x -u admin:HUNTER2 h"], "x -u admin:*** h"),
        (&["curl", "-u", "admin:HUNTER2"], "curl -u ***"),
        (&["curl", "-uadmin:HUNTER2"], "curl -u***"),
    ] {
        assert_eq!(line(arguments), shown);
        assert_eq!(command_line(&mask_arguments(arguments.join("\0").as_bytes())), shown);
    }
    for arguments in [
        &["sudo", "-u", "www-data", "id"][..],
        &["docker", "run", "-u", "1000:1000", "nginx"],
        &["docker", "run", "--user=1000:1000", "nginx"],
        &["docker", "run", "--user", "33", "nginx"],
        &["sh", "-c", "docker run -u 1000:1000 nginx a:b"],
        &["mysqld", "--user=mysql", "--port=3306"],
        &["journalctl", "-u", "nginx.service"],
        &["tool", "-u", "http://host:80/x"],
        &["tool", "-u"],
        &["python3", "-u", "/srv/app.py", "a:b"],
    ] {
        assert_eq!(line(arguments), arguments.join(" "));
    }
}

#[test]
fn what_is_no_secret_stays() {
    for arguments in [
        &["ssh", "-p22", "host"][..],
        &["gcc", "-pthread", "-pipe", "x.c"],
        &["docker", "run", "-p8080:80/tcp", "nginx"],
        &["ps", "-p", "123"],
        &["find", "/", "-print", "-perm", "644"],
        &["mysql", "-h", "db", "-P", "3306"],
        &["nginx: worker process"],
        &["loginctl", "show-session", "-p", "Name"],
        &["postgres: walwriter"],
        &["/usr/lib/gnome-secret", "--start"],
        &["app", "http://host:8080/path?x=1", "user@host"],
        &["git", "clone", "ssh://git@host/x"],
        &["java", "-Xmx2g", "-Dport=80", "tokenizer"],
        &["app", "/run/secrets/file", "--compass=north"],
    ] {
        assert_eq!(line(arguments), arguments.join(" "));
    }
}

#[test]
fn addresses_keep_all_but_the_secret() {
    assert_eq!(line(&["x", "amqp://u:HUNTER2@h:5672/v"]), "x amqp://u:***@h:5672/v");
    assert_eq!(line(&["x", "amqp://u:HUN/TE@R2@h/v"]), "x amqp://u:***@h/v");
    assert_eq!(line(&["x", "--db=redis://:HUNTER2@h/0"]), "x --db=redis://:***@h/0");
    assert_eq!(line(&["x", "https://HUNTER2HUNTER2HUNTER2@h/r"]), "x https://***@h/r");
    assert_eq!(line(&["x", "ftp://u:HUNTER2@h", "http://a/b"]), "x ftp://u:***@h http://a/b");
}

#[test]
fn tokens_are_known_by_their_form() {
    assert_eq!(line(&["x", "ghp_0123456789abcdef0123"]), "x ***");
    assert_eq!(line(&["x", "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl"]), "x ***");
    assert_eq!(line(&["x", "ghp_short"]), "x ghp_short");
}

#[test]
fn a_title_that_a_program_gave_itself() {
    assert_eq!(command_line(b"worker --token HUNTER2 idle\0\0\0\0"), "worker --token *** idle");
    assert_eq!(command_line(b""), "");
    assert_eq!(command_line(b"\0\0"), "");
}

#[test]
fn quotes_are_counted_from_the_begin_of_an_argument() {
    hides(&["sh", "-c", "a=\"b\" token='HUNTER 2' pw=\"HUNTER 2\" x"]);
    let shown = line(&["sh", "-c", "a 'b token=HUNTER 2' pw=HUNTER c \"pw=HUNTER 2\" pw=HUNTER d"]);
    assert_eq!(shown, "sh -c a 'b token=***' pw=*** c \"pw=***\" pw=*** d");
    let shown = line(&["sh", "-c", "x \"it's pw=HUNTER 2\" end"]);
    assert_eq!(shown, "sh -c x \"it's pw=***\" end");
}

#[test]
fn control_characters_cannot_reach_a_terminal() {
    assert_eq!(line(&["a", "b\n\x1b[2Jc\u{9b}d"]), "a b??[2Jc?d");
    hides(&["sh", "-c", "true\nmysql\t-phunter\n--password\nHUNTER2\n"]);
}

#[test]
fn masking_twice_changes_nothing_more() {
    let raw = b"sh\0--password=a b\0--token\0x\0-pA1b2c3\0Authorization:\0Bearer\0y\0a://b:c@d\0";
    let once = mask_arguments(raw);
    assert_eq!(mask_arguments(&once), once);
    assert!(once.ends_with(b"a://b:***@d\0"));
    assert_eq!(mask_arguments(b""), b"");
}

proptest! {
    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(mask_arguments(&bytes).last().is_none_or(|&byte| byte == 0));
        prop_assert!(command_line(&bytes).len() <= crate::MAX_COMMAND_BYTES);
    }

    #[test]
    fn pieces_in_any_order_do_not_panic(
        pieces in proptest::collection::vec(
            prop::sample::select(vec![
                "password", "--token", "-p", "=", ":", "://", "@", "'", "\"", "\\", " ", "\0",
                "Bearer", "é", "mysql", "x", "\u{fffd}", "{", "&",
            ]),
            0..24,
        )
    ) {
        let raw = pieces.concat();
        let arguments = |bytes: &[u8]| bytes.split(|&byte| byte == 0).count();
        let masked = mask_arguments(raw.trim_end_matches('\0').as_bytes());
        // A masked secret is still one argument.
        prop_assert!(masked.is_empty() || arguments(&masked) == arguments(raw.trim_end_matches('\0').as_bytes()) + 1);
    }

    #[test]
    fn the_value_of_an_option_never_shows(value in "[!-~]{6,20}9", before in "[a-z -]{0,12}") {
        let shown = line(&["app", &before, &format!("--password={value}"), "--secret", &value]);
        let start = before.len();
        prop_assert!(!shown.get(start..).unwrap_or("").contains(&value), "{}", shown);
    }
}
