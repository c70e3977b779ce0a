//! Trees of cgroups made by hand, and a fake Docker.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use super::super::local_socket::Deadline;
use super::super::testing::{Bench, below};
use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

/// The files of a container of kernel 6.12 with all controllers.
const FILES: [(&str, &str); 13] = [
    (
        "cpu.stat",
        "usage_usec 3500000\nuser_usec 2500000\nsystem_usec 1000000\nnice_usec 0\nnr_periods 40\nnr_throttled 4\nthrottled_usec 250000\nnr_bursts 0\nburst_usec 0\n",
    ),
    ("cpu.max", "150000 100000\n"),
    (
        "cpu.pressure",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n",
    ),
    ("memory.current", "104857600\n"),
    ("memory.max", "max\n"),
    ("memory.stat", "anon 1\nfile 2\ninactive_file 4857600\n"),
    ("memory.swap.current", "4096\n"),
    ("memory.events", "low 0\nhigh 0\nmax 0\noom 2\noom_kill 1\noom_group_kill 0\n"),
    ("memory.pressure", ""),
    (
        "io.stat",
        "8:0 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=0 dios=0\n259:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n7:0 \n",
    ),
    ("io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=x\n"),
    ("pids.current", "7\n"),
    ("pids.max", "100\n"),
];

fn put_files(bench: &Bench, group: &str) {
    for (file, content) in FILES {
        bench.write(&format!("sys/fs/cgroup/{group}/{file}"), content);
    }
}

#[test]
fn a_container_is_told_whole() {
    let mut bench =
        Bench::new(&[("recorded/containers", &format!("{ID}\tweb\\040one\tnginx:1\nbad\n"))]);
    put_files(&bench, &format!("system.slice/docker-{ID}.scope"));
    let lines = bench.read(&mut ContainerCollector::new(), 0);
    assert_eq!(bench.faults, []);
    let l = r#"{name="web one",runtime="docker"}"#;
    let mode = |mode: &str| format!(r#"{{mode="{mode}",name="web one",runtime="docker"}}"#);
    let resource = |of: &str| format!(r#"{{name="web one",resource="{of}",runtime="docker"}}"#);
    let mut expected = vec![
        format!("cpu_limit_cores{l} 1.5"),
        format!("cpu_periods_total{l} 40"),
        format!("cpu_seconds_total{} 1", mode("system")),
        format!("cpu_seconds_total{} 2.5", mode("user")),
        format!("cpu_throttled_periods_total{l} 4"),
        format!("cpu_throttled_seconds_total{l} 0.25"),
        format!(r#"info{{id="{ID}",image="nginx:1",name="web one",runtime="docker"}} 1"#),
        format!("io_read_bytes_total{l} 101"),
        format!("io_reads_total{l} 6"),
        format!("io_writes_total{l} 8"),
        format!("io_written_bytes_total{l} 202"),
        format!("memory_bytes{l} 104857600"),
        format!("memory_swap_bytes{l} 4096"),
        format!("memory_working_set_bytes{l} 100000000"),
        format!("oom_kills_total{l} 1"),
        format!("pids{l} 7"),
        format!("pids_limit{l} 100"),
        format!("pressure_stalled_seconds_total{} 0.5", resource("cpu")),
        format!("pressure_waiting_seconds_total{} 1.5", resource("cpu")),
    ];
    expected.sort();
    assert_eq!(below(&lines, "watchfire_container_"), expected);
}

#[test]
fn services_are_told_and_nothing_else_of_the_tree() {
    let mut bench = Bench::new(&[]);
    for group in [
        "system.slice/ssh.service",
        "system.slice/system-getty.slice/getty@tty1.service",
        "user.slice/user-1.slice/user@1.service/app.slice/x.service",
        "init.scope",
    ] {
        put_files(&bench, group);
    }
    let lines = bench.read(&mut ContainerCollector::new(), 0);
    let expected = [
        r#"cpu_seconds_total{name="getty@tty1.service"} 3.5"#,
        r#"cpu_seconds_total{name="ssh.service"} 3.5"#,
        r#"memory_bytes{name="getty@tty1.service"} 104857600"#,
        r#"memory_bytes{name="ssh.service"} 104857600"#,
        r#"pids{name="getty@tty1.service"} 7"#,
        r#"pids{name="ssh.service"} 7"#,
    ];
    assert_eq!(below(&lines, "watchfire_unit_"), expected);
    assert_eq!(lines.len(), expected.len());
}

#[test]
fn names_that_are_the_same_are_told_apart() {
    let mut bench = Bench::new(&[("recorded/containers", &format!("{ID}\tweb\n{OTHER}\tweb\n"))]);
    bench.write(&format!("sys/fs/cgroup/docker/{ID}/pids.current"), "1");
    bench.write(&format!("sys/fs/cgroup/docker/{OTHER}/pids.current"), "2");
    bench.write(&format!("sys/fs/cgroup/machine.slice/libpod-{OTHER}.scope/pids.current"), "3");
    bench.write(r"sys/fs/cgroup/lxc.payload.web/pids.current", "4");
    let lines = bench.read(&mut ContainerCollector::new(), 0);
    let expected = [
        r#"{name="web",runtime="docker"} 1"#,
        r#"{name="web",runtime="lxc"} 4"#,
        r#"{name="web",runtime="podman"} 3"#,
        r#"{name="web-fedcba987654",runtime="docker"} 2"#,
    ];
    assert_eq!(below(&lines, "watchfire_container_pids"), expected);
}

#[test]
fn no_two_containers_share_a_series() {
    let third = format!("0123456789ab{}", "9".repeat(52));
    // The second name of the second and third is the first name of a fourth.
    let fourth = "1".repeat(64);
    let table = format!("{ID}\tweb\n{third}\tweb\n{OTHER}\tweb\n{fourth}\tweb-0123456789ab\n");
    let mut bench = Bench::new(&[("recorded/containers", &table)]);
    for (number, id) in [ID, &third, OTHER, &fourth].into_iter().enumerate() {
        let content = number.to_string();
        bench.write(&format!("sys/fs/cgroup/docker/{id}/pids.current"), &content);
        bench.write(&format!("sys/fs/cgroup/system.slice/docker-{id}.scope/pids.current"), "9");
    }
    let lines = bench.read(&mut ContainerCollector::new(), 0);
    let pids = below(&lines, "watchfire_container_pids{");
    let keys: HashSet<_> = pids.iter().filter_map(|line| line.rsplit_once(' ')).collect();
    let keys: HashSet<_> = keys.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 8, "{lines:?}");
}

#[test]
fn users_cannot_crowd_out_the_others() {
    let bench = &mut Bench::new(&[]);
    let groups = bench.dir.path().join("sys/fs/cgroup");
    for base in ["user.slice/user-1.slice/user@1.service", "system.slice/a.service"] {
        for number in 0..60 {
            let scope = format!("{base}/libpod-{number:064x}.scope");
            std::fs::create_dir_all(groups.join(scope)).unwrap();
        }
    }
    bench.write(&format!("sys/fs/cgroup/system.slice/libpod-{:064x}.scope/pids.current", 7), "1");
    let mut collector = ContainerCollector::new();
    let lines = bench.read(&mut collector, 0);
    let own = r#"{name="000000000000",runtime="podman"} 1"#;
    assert_eq!(below(&lines, "watchfire_container_pids"), [own], "it has the first name");
    assert_eq!(below(&lines, "watchfire_container_info").len(), 1 + MAX_OF_USERS);
    assert!(bench.faults[0].error.contains("56 containers were left out"), "{:?}", bench.faults);
    // Nor by the count of groups.
    collector.tree.most = 20;
    let lines = bench.read(&mut collector, 15_000);
    assert_eq!(below(&lines, "watchfire_container_pids").len(), 1);
}

#[test]
fn containers_come_and_go() {
    let (mut bench, mut collector) = (Bench::new(&[]), ContainerCollector::new());
    assert!(bench.read(&mut collector, 0).is_empty());
    assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    let group = format!("sys/fs/cgroup/docker/{ID}");
    bench.write(&format!("{group}/cpu.stat"), "user_usec 1\nsystem_usec\nx\n");
    let short = r#"{mode="user",name="0123456789ab",runtime="docker"} 0.000001"#;
    let lines = bench.read(&mut collector, 15_000);
    assert_eq!(below(&lines, "watchfire_container_cpu_seconds_total"), [short]);
    std::fs::remove_dir_all(bench.dir.path().join(group)).unwrap();
    assert!(bench.read(&mut collector, 30_000).is_empty());
}

#[test]
fn the_tree_is_found_at_another_place_and_again() {
    let mountinfo = "1 0 0:1 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n2 0 0:2 / /cg rw - cgroup2 none rw\n3 0 0:2 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n";
    let (mut bench, mut collector) = (Bench::new(&[]), ContainerCollector::new());
    bench.write("proc/self/mountinfo", mountinfo);
    assert!(bench.read(&mut collector, 0).is_empty());
    bench.write(&format!("sys/fs/cgroup/unified/docker/{ID}/pids.current"), "1");
    bench.write(&format!("sys/fs/cgroup/docker/{OTHER}/pids.current"), "2");
    let lines = bench.read(&mut collector, 15_000);
    assert_eq!(below(&lines, "watchfire_container_pids").len(), 1);
    assert!(lines.iter().any(|line| line.contains("0123456789ab")), "{lines:?}");
}

#[test]
fn a_machine_without_version_2_has_none() {
    let mut bench = Bench::new(&[("proc/self/mountinfo", "1 0 0:1 / /sys rw - sysfs sysfs rw\n")]);
    bench.write(&format!("sys/fs/cgroup/docker/{ID}/pids.current"), "2");
    assert!(bench.read(&mut ContainerCollector::new(), 0).is_empty());
    assert_eq!(bench.outcome, Some(Outcome::NotHere));
}

#[test]
fn too_many_groups_are_left_out_and_said() {
    let bench = &mut Bench::new(&[]);
    let base = bench.dir.path().join("sys/fs/cgroup/docker");
    for number in 0..super::super::MAX_DEVICES + 3 {
        std::fs::create_dir_all(base.join(format!("{number:064x}"))).unwrap();
    }
    let lines = bench.read(&mut ContainerCollector::new(), 0);
    assert_eq!(lines.len(), super::super::MAX_DEVICES);
    assert!(bench.faults[0].error.starts_with("3 rows"), "{:?}", bench.faults);

    let mut collector = ContainerCollector::new();
    collector.tree.most = 20;
    assert!(bench.read(&mut collector, 0).len() < 20);
    assert!(bench.faults[0].error.contains("cgroups"), "{:?}", bench.faults);
}

/// Answers one request on a socket at `path`.
fn fake_docker(path: &std::path::Path, answer: String) -> std::thread::JoinHandle<String> {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    })
}

#[test]
fn docker_is_asked_for_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run/docker.sock");
    let body = format!(r#"[{{"Id":"{ID}","Names":["/web"],"Image":"nginx:1"}}]"#);
    let server = fake_docker(&path, format!("HTTP/1.0 200 OK\r\n\r\n{body}"));
    let deadline = Deadline::begin(Duration::from_secs(20)).unwrap();
    let running = api::running(&path, &deadline).unwrap();
    let named = Named { name: "web".to_owned(), image: "nginx:1".to_owned() };
    assert_eq!(running, [(ID.to_owned(), named)]);
    assert!(server.join().unwrap().starts_with("GET /containers/json HTTP/1.0\r\n"));
}

#[test]
fn an_endless_answer_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run/docker.sock");
    let answer = format!("HTTP/1.0 200 OK\r\n\r\n{}", "[".repeat(5 << 20));
    drop(fake_docker(&path, answer));
    let deadline = Deadline::begin(Duration::from_secs(20)).unwrap();
    let error = api::running(&path, &deadline).unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
}

#[test]
fn the_files_of_runtimes_tell_names() {
    let bench = Bench::new(&[]);
    let annotations =
        |text: &str| format!(r#"{{"process":{{"env":["A=secret"]}},"annotations":{{{text}}}}}"#);
    bench.write(
        &format!("var/lib/docker/containers/{ID}/config.v2.json"),
        r#"{"Name":"/db","Config":{"Image":"postgres","Env":["A=secret"]}}"#,
    );
    bench.write(
        "var/lib/containers/storage/overlay-containers/containers.json",
        &format!(r#"[{{"id":"{ID}","names":["pod"],"metadata":"{{\"image-name\":\"alpine\"}}"}}]"#),
    );
    bench.write(
        &format!("run/containerd/io.containerd.runtime.v2.task/k8s.io/{ID}/config.json"),
        &annotations(r#""io.kubernetes.cri.container-name":"app","io.kubernetes.cri.sandbox-name":"pod-1","io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.image-name":"app:2""#),
    );
    bench.write(
        &format!("run/containers/storage/overlay-containers/{ID}/userdata/config.json"),
        &annotations(r#""io.kubernetes.pod.name":"pod-1","io.kubernetes.pod.namespace":"shop""#),
    );
    let root = Root::recorded(bench.dir.path());
    let look = |runtime| {
        let container = ContainerRef { runtime, id: ID.as_bytes(), end: 0 };
        files::look(&root, [&container].into_iter())
            .pop()
            .map(|(_, named)| (named.name, named.image))
    };
    let named = |name: &str, image: &str| Some((name.to_owned(), image.to_owned()));
    assert_eq!(look("docker"), named("db", "postgres"));
    assert_eq!(look("podman"), named("pod", "alpine"));
    assert_eq!(look("containerd"), named("shop/pod-1/app", "app:2"));
    assert_eq!(look("cri-o"), named("shop/pod-1/pause", ""));
    assert_eq!(look("kubernetes"), named("shop/pod-1/app", "app:2"));
    let climbing = ContainerRef { runtime: "docker", id: b"../x", end: 0 };
    assert!(files::look(&root, [&climbing].into_iter()).is_empty());
}
