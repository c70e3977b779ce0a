use proptest::prelude::*;

use super::secrets::without_secrets;
use super::*;

fn points(mountinfo: &str) -> Vec<(String, bool)> {
    let found = with_data(mountinfo.as_bytes());
    found
        .into_iter()
        .map(|mount| (String::from_utf8(mount.mount_point).unwrap(), mount.may_ask))
        .collect()
}

#[test]
fn a_line_with_optional_fields_and_escapes_is_read() {
    let line =
        br"36 35 98:0 /sub /mnt/my\040disk rw,noatime shared:1 master:2 - ext4 /dev/sd\134a ro,x";
    let mount = Mount::parse(line).unwrap();
    assert_eq!(mount.mount_point, b"/mnt/my disk");
    assert_eq!(mount.source, br"/dev/sd\a");
    assert_eq!(mount.kind, "ext4");
    assert!(mount.read_only && mount.may_ask);
}

#[test]
fn pseudo_filesystems_and_container_mounts_are_left_out() {
    let mountinfo = "\
1 0 254:0 / / rw - ext4 /dev/vda rw
2 1 0:5 / /proc rw - proc proc rw
3 1 0:6 / /run/user/1000 rw - tmpfs tmpfs rw
4 1 0:7 / /tmp rw - tmpfs tmpfs rw
5 1 0:8 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
6 1 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro
7 1 254:0 /x /etc/hosts rw - ext4 /dev/vda rw
8 1 0:9 / /runner rw - tmpfs tmpfs rw
9 1 8:9 / /var/lib/docker rw - ext4 /dev/sdc rw
";
    let expected =
        ["/", "/runner", "/tmp", "/var/lib/docker"].map(|point| (point.to_owned(), true));
    assert_eq!(points(mountinfo), expected);
}

#[test]
fn a_device_is_listed_once_at_its_shortest_mount_point() {
    let mountinfo = "\
1 0 8:1 /data /srv/www/data rw - ext4 /dev/sda1 rw
2 0 8:1 / /srv rw - ext4 /dev/sda1 rw
3 0 8:1 /b /bbb rw - ext4 /dev/sda1 rw
";
    assert_eq!(points(mountinfo), [("/bbb".to_owned(), true)]);
}

#[test]
fn network_and_user_space_mounts_and_what_is_below_them_are_not_asked() {
    let mountinfo = "\
1 0 8:9 / / rw - ext4 /dev/sda9 rw
2 1 0:50 / /mnt/nfs rw - nfs4 server:/x rw
3 2 8:1 / /mnt/nfs/local rw - ext4 /dev/sda1 rw
4 1 0:51 / /mnt/box rw - fuse.sshfs me@there: rw
5 1 8:2 / /mnt/ntfs rw - fuseblk /dev/sda2 rw
6 1 8:3 / /mnt/nfsx rw - ext4 /dev/sda3 rw
7 1 0:52 / /mnt/new rw - nobodyknowsfs what rw
";
    let asked: Vec<_> =
        points(mountinfo).into_iter().filter(|(_, ask)| *ask).map(|(point, _)| point).collect();
    assert_eq!(asked, ["/", "/mnt/nfsx"]);
    assert_eq!(points(mountinfo).len(), 7);
    let elsewhere = format!("{mountinfo}7 1 8:1 / /a/longer/way/to/it rw - ext4 /dev/sda1 rw\n");
    assert!(points(&elsewhere).contains(&("/a/longer/way/to/it".to_owned(), true)));
}

#[test]
fn a_stacked_mount_is_asked_when_what_it_stands_on_is() {
    let asked = |options: &str| {
        let mountinfo = format!(
            "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
             2 1 0:50 / /mnt/nfs rw - nfs4 server:/x rw\n\
             3 1 0:51 / /mnt/my\\040box rw - fuse.sshfs me@there: rw\n\
             4 1 7:1 / /rom ro - squashfs /dev/loop0 ro\n\
             5 1 0:60 / /merged rw - overlay overlay rw,{options}\n"
        );
        points(&mountinfo).contains(&("/merged".to_owned(), true))
    };
    assert!(asked("lowerdir=/mnt/nfs/l,upperdir=/up,workdir=/w"));
    assert!(asked("lowerdir=/rom/a:/mnt/nfs/l"));
    assert!(asked("lowerdir+=/rom/a,lowerdir+=/mnt/nfs/l"));
    assert!(!asked("lowerdir=/l,upperdir=/mnt/my\\040box/up,workdir=/w"));
    assert!(!asked("lowerdir=/mnt/nfs/l:/l"));
    assert!(!asked("ro"));
    // In a container the folders are named as the host sees them.
    let inside = "1 0 0:60 / / rw - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d\n";
    assert_eq!(points(inside), [("/".to_owned(), true)]);
    let below = "6 1 8:2 / /data rw - ext4 /dev/sda2 rw\n";
    assert_eq!(points(&format!("{inside}{below}")).len(), 2);
    assert!(points(&format!("{inside}{below}")).iter().all(|(_, asked)| *asked));
}

#[test]
fn sources_are_shown_without_their_secrets() {
    for (source, shown) in [
        ("curlftpfs#ftp://ada:HUNTER2@host/", "curlftpfs#ftp://ada:***@host/"),
        ("https://ada:HUN/TER2@dav.example/x", "https://ada:***@dav.example/x"),
        ("//ada%HUNTER2@nas/share", "//ada%***@nas/share"),
        (r"//ada%HUN\040TER2@nas/share", "//ada%***@nas/share"),
        ("//WORK;ada:HUNTER2@nas/share", "//WORK;ada:***@nas/share"),
        ("ada:HUNTER2@host:/x", "ada:***@host:/x"),
        ("smb,password=HUNTER2", "smb,password=***"),
        ("ada@host:/x", "ada@host:/x"),
        ("//nas/share", "//nas/share"),
        ("server:/export/a@b", "server:/export/a@b"),
        ("[fe80::1%eth0]:/x", "[fe80::1%eth0]:/x"),
        ("tank/data@snap:1", "tank/data@snap:1"),
        ("/dev/mapper/vg-token", "/dev/mapper/vg-token"),
    ] {
        let line = format!("1 0 0:1 / /x rw - fuse.x {source} rw");
        let mount = Mount::parse(line.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(mount.source).unwrap(), shown);
    }
    let odd = Mount::parse(b"1 0 0:1 / /x rw - ext4 /dev/\xff\\011 rw").unwrap();
    assert_eq!(odd.source, b"/dev/\xff\t");
}

#[test]
fn recorded_mounts_hold_no_secrets() {
    let line = br"9 1 0:9 / /mnt/my\040nas rw shared:1 - cifs //ada%HUNTER2@nas/my\040share rw,vers=3,username=ada,password=HUN,TER2,uid=0
garbage HUNTER2
";
    let kept = r"9 1 0:9 / /mnt/my\040nas rw shared:1 - cifs //ada%***@nas/my\040share rw,vers=3,username=ada,password=***,***,uid=0
";
    assert_eq!(String::from_utf8(without_secrets(line)).unwrap(), kept);
    let plain = b"1 0 254:0 / / rw - ext4 /dev/vda rw,errors=remount-ro\n";
    assert_eq!(without_secrets(plain), plain);
    let url = b"1 0 0:9 / /x rw - fuse.x none rw,url=http://a:HUNTER2@b/\n";
    assert_eq!(without_secrets(url), b"1 0 0:9 / /x rw - fuse.x none rw,url=http://a:***@b/\n");
}

#[test]
fn the_last_mount_hides_those_at_the_same_place() {
    let mountinfo = "\
1 0 8:1 / /data rw - ext4 /dev/sda1 rw
2 1 8:2 / /data rw - xfs /dev/sdb1 rw
";
    let found = with_data(mountinfo.as_bytes());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kind, "xfs");
}

proptest! {
    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        with_data(&bytes);
    }

    #[test]
    fn words_in_any_order_do_not_panic(text in "([0-9:]{1,3}|/[a-z]{0,3}|-|ext4|nfs|ro| |\n){0,60}") {
        with_data(text.as_bytes());
    }
}
