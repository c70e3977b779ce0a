use std::os::unix::fs::symlink;

use super::super::testing::{Bench, below};
use super::*;

const H0: &str = "sys/class/hwmon/hwmon0/";

/// A chip `hwmon0` with these files.
fn bench(files: &[(&str, &str)]) -> Bench {
    let bench = Bench::new(&[]);
    for (file, content) in files {
        bench.write(&format!("{H0}{file}"), content);
    }
    bench
}

fn read(bench: &mut Bench) -> Vec<String> {
    bench.read(&mut HwmonCollector::new(), 0)
}

fn link(bench: &Bench, target: &str, place: &str) {
    let place = bench.dir.path().join(place);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    symlink(target, place).unwrap();
}

#[test]
fn every_sort_has_its_unit() {
    let mut bench = bench(&[
        ("name", "nct6779\n"),
        ("temp1_input", "-5500\n"),
        ("temp1_crit", "95000\n"),
        ("temp1_crit_alarm", "1\n"),
        ("temp1_label", "Core 0\n"),
        ("in0_input", "1744\n"),
        ("in0_alarm", "0\n"),
        ("in0_beep", "1\n"),
        ("curr1_input", "2500\n"),
        ("power1_average", "180000000\n"),
        ("power1_average_interval", "1500\n"),
        ("energy1_input", "1500000\n"),
        ("humidity1_input", "45000\n"),
        ("fan2_input", "1098\n"),
        ("fan2_target", "1200\n"),
        ("fan2_div", "8\n"),
        ("pwm2", "128\n"),
        ("pwm2_enable", "5\n"),
        ("pwm2_auto_point1_pwm", "153\n"),
        ("freq1_input", "300000000\n"),
        ("freq1_label", "sclk\n"),
        ("intrusion0_alarm", "1\n"),
        ("update_interval", "1000\n"),
        ("uevent", ""),
    ]);
    let expected = [
        r#"chip_names{chip="nct6779",chip_name="nct6779"} 1"#,
        r#"curr_amps{chip="nct6779",sensor="curr1"} 2.5"#,
        r#"energy_joule_total{chip="nct6779",sensor="energy1"} 1.5"#,
        r#"fan_div{chip="nct6779",sensor="fan2"} 8"#,
        r#"fan_rpm{chip="nct6779",sensor="fan2"} 1098"#,
        r#"fan_target_rpm{chip="nct6779",sensor="fan2"} 1200"#,
        r#"freq_freq_mhz{chip="nct6779",sensor="sclk"} 300"#,
        r#"humidity{chip="nct6779",sensor="humidity1"} 0.45"#,
        r#"in_alarm{chip="nct6779",sensor="in0"} 0"#,
        r#"in_beep_enabled{chip="nct6779",sensor="in0"} 1"#,
        r#"in_volts{chip="nct6779",sensor="in0"} 1.744"#,
        r#"intrusion_alarm{chip="nct6779",sensor="intrusion0"} 1"#,
        r#"power_average_interval_seconds{chip="nct6779",sensor="power1"} 1.5"#,
        r#"power_average_watt{chip="nct6779",sensor="power1"} 180"#,
        r#"pwm_enable{chip="nct6779",sensor="pwm2"} 5"#,
        r#"pwm{chip="nct6779",sensor="pwm2"} 128"#,
        r#"sensor_label{chip="nct6779",label="Core 0",sensor="temp1"} 1"#,
        r#"sensor_label{chip="nct6779",label="sclk",sensor="freq1"} 1"#,
        r#"temp_celsius{chip="nct6779",sensor="temp1"} -5.5"#,
        r#"temp_crit_alarm_celsius{chip="nct6779",sensor="temp1"} 1"#,
        r#"temp_crit_celsius{chip="nct6779",sensor="temp1"} 95"#,
    ];
    assert_eq!(below(&read(&mut bench), "node_hwmon_"), expected);
    assert!(bench.faults.is_empty());
}

#[test]
fn the_label_of_a_chip_is_that_of_its_device() {
    let mut bench = Bench::new(&[]);
    let real = "sys/devices/platform/coretemp.1/hwmon/hwmon0";
    bench.write(&format!("{real}/temp1_input"), "30000\n");
    bench.write(&format!("{real}/name"), "coretemp\n");
    link(&bench, "../../devices/platform/coretemp.1/hwmon/hwmon0", "sys/class/hwmon/hwmon0");
    link(&bench, "../../../coretemp.1", &format!("{real}/device"));
    let lines = read(&mut bench);
    let expected = r#"{chip="platform_coretemp_1",sensor="temp1"} 30"#;
    assert_eq!(below(&lines, "node_hwmon_temp_celsius"), [expected]);
    // A recorded root has the folder itself, and a link that leads nowhere.
    for target in
        ["../../../devices/platform/coretemp.1", "../../../../sys/devices/platform/coretemp.1"]
    {
        let mut bench = self::bench(&[("temp1_input", "30000\n")]);
        link(&bench, target, &format!("{H0}device"));
        assert_eq!(below(&read(&mut bench), "node_hwmon_temp_celsius"), [expected]);
    }
}

#[test]
fn chips_of_one_device_are_told_apart() {
    let mut bench = Bench::new(&[]);
    for (chip, name) in [("hwmon0", "asus"), ("hwmon1", "asus_sensors"), ("hwmon2", "asus")] {
        bench.write(&format!("sys/class/hwmon/{chip}/temp1_input"), "1000\n");
        bench.write(&format!("sys/class/hwmon/{chip}/name"), name);
        link(
            &bench,
            "../../../devices/platform/asus-wmi",
            &format!("sys/class/hwmon/{chip}/device"),
        );
    }
    let lines = read(&mut bench);
    let expected = [
        r#"{chip="platform_asus_wmi_asus_hwmon0",sensor="temp1"} 1"#,
        r#"{chip="platform_asus_wmi_asus_hwmon2",sensor="temp1"} 1"#,
        r#"{chip="platform_asus_wmi_asus_sensors",sensor="temp1"} 1"#,
    ];
    assert_eq!(below(&lines, "node_hwmon_temp_celsius"), expected);
}

#[test]
fn a_chip_without_a_name_has_that_of_its_folder() {
    let mut bench = bench(&[("temp1_input", "1000")]);
    assert_eq!(read(&mut bench), [r#"node_hwmon_temp_celsius{chip="hwmon0",sensor="temp1"} 1"#]);
}

#[test]
fn sensors_in_the_folder_of_the_device_are_found() {
    let mut bench = bench(&[("device/fan1_input", "900\n"), ("device/power", "on\n")]);
    assert_eq!(read(&mut bench), [r#"node_hwmon_fan_rpm{chip="hwmon0",sensor="fan1"} 900"#]);
}

#[test]
fn what_cannot_be_read_is_left_out_until_it_can() {
    let mut bench = bench(&[("temp1_input", "garbage"), ("temp2_input", ""), ("temp4_max", "x")]);
    // Reading a folder fails, as a sensor that does not answer does.
    std::fs::create_dir(bench.dir.path().join(format!("{H0}temp3_input"))).unwrap();
    let mut collector = HwmonCollector::new();
    assert!(bench.read(&mut collector, 0).is_empty());
    assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::Read), 0));
    bench.write(&format!("{H0}temp2_input"), "2000\n");
    let lines = bench.read(&mut collector, 15_000);
    assert_eq!(lines, [r#"node_hwmon_temp_celsius{chip="hwmon0",sensor="temp2"} 2"#]);
}

#[test]
fn limits_are_read_again_only_now_and_then() {
    let mut bench = bench(&[("temp1_max", "80000\n")]);
    let mut collector = HwmonCollector::new();
    bench.read(&mut collector, 0);
    bench.write(&format!("{H0}temp1_max"), "90000\n");
    let mut values = Vec::new();
    for turn in 1..=u64::from(PLAN_AGAIN) {
        let lines = bench.read(&mut collector, turn * 15_000);
        values.push(lines[0].ends_with(" 90"));
    }
    assert_eq!(values.iter().position(|&new| new), Some(19));
    // A chip that comes is seen at once.
    bench.write("sys/class/hwmon/hwmon1/temp1_input", "1000\n");
    assert_eq!(bench.read(&mut collector, 400_000).len(), 2);
    std::fs::remove_dir_all(bench.dir.path().join("sys/class/hwmon/hwmon0")).unwrap();
    assert_eq!(bench.read(&mut collector, 500_000).len(), 1);
}

#[test]
fn a_machine_without_sensors() {
    let mut bench = Bench::new(&[]);
    assert!(read(&mut bench).is_empty());
    assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    std::fs::create_dir_all(bench.dir.path().join("sys/class/hwmon")).unwrap();
    read(&mut bench);
    assert_eq!(bench.outcome, Some(Outcome::NotHere));
}
