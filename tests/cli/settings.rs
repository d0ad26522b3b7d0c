//! Flag over environment over file over default.

use insta::assert_snapshot;

use crate::support::{OF_TESTS, depot, stderr, stdout};

fn config(toml: &str, set_up: impl FnOnce(&mut std::process::Command)) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("depot.toml"), toml).expect("written");
    let mut command = depot();
    for (name, _) in OF_TESTS {
        command.env_remove(name);
    }
    command.current_dir(folder.path()).args(["config", "--config", "depot.toml"]);
    set_up(&mut command);
    let output = command.output().expect("depot runs");
    (output.status.code(), stdout(&output), stderr(&output))
}

#[test]
fn every_value_says_where_it_comes_from() {
    let toml = "gnss = 'tcp://base.local:2000'\nrate = 10\nonce = true\ngps-status-port = 1\nallow-origin = ['https://a.example', 'https://b.example']\n";
    let (code, out, _) = config(toml, |command| {
        command.env("DEPOT_RATE", "max").env("DEPOT_GPS_STATUS_PORT", "2").args(["--gps-status-port", "3"]);
    });
    assert_eq!(code, Some(0));
    assert_snapshot!(out, @r#"
    log = "info"                                          # default
    gnss = "tcp://base.local:2000"                        # file depot.toml
    # baud is not set                                     # default
    no-poll = "false"                                     # default
    rate = "max"                                          # environment DEPOT_RATE
    once = "true"                                         # file depot.toml
    # record is not set                                   # default
    # ring is not set                                     # default
    ring-bytes = "67108864"                               # default
    # rotate-bytes is not set                             # default
    # rotate-every is not set                             # default
    # rotate-keep is not set                              # default
    # record-sync is not set                              # default
    # operator-port is not set                            # default
    data = "depot-data"                                   # default
    host = "127.0.0.1"                                    # default
    gps-status-port = "3"                                 # flag
    discovery-port = "4860"                               # default
    dispatch-port = "4890"                                # default
    database = "sqlite:dispatch.db"                       # default
    ntrip-port = "2101"                                   # default
    no-ntrip = "false"                                    # default
    mountpoint = "ROVER"                                  # default
    # ntrip-users is not set                              # default
    ntrip-host = ""                                       # default
    ntrip-name = ""                                       # default
    ntrip-operator = ""                                   # default
    ntrip-country = ""                                    # default
    ntrip-max-clients = "4096"                            # default
    ntrip-max-per-address = "1024"                        # default
    # base-position is not set                            # default
    base-moved-m = "1"                                    # default
    # push is not set                                     # default
    # raw-port is not set                                 # default
    delivery-s = "10"                                     # default
    resume-after-s = "60"                                 # default
    rover-lost-after-s = "300"                            # default
    keep-tasks-days = "90"                                # default
    # sessions-dir is not set                             # default
    allow-origin = "https://a.example,https://b.example"  # file depot.toml
    max-connections = "10000"                             # default
    max-body-bytes = "1048576"                            # default
    body-timeout-s = "10"                                 # default
    header-timeout-s = "10"                               # default
    max-frame-bytes = "131072"                            # default
    idle-timeout-s = "60"                                 # default
    shutdown-s = "5"                                      # default
    # ready-file is not set                               # default
    seed = "1"                                            # default
    "#);
}

#[test]
fn a_key_that_is_no_setting_is_named_with_the_likely_one() {
    let (code, out, err) = config("gps_status_prt = 1", |_| ());
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert_snapshot!(err, @"depot: the configuration depot.toml has an unknown key gps_status_prt; did you mean gps-status-port?");
}

#[test]
fn a_value_no_setting_takes_is_told_with_its_key() {
    for (toml, expected) in [
        ("gnss = { device = 'auto' }", "table under gnss"),
        ("rate = 'fast'", "--rate"),
        ("gps-status-port = 70000", "--gps-status-port"),
        ("once = 'perhaps'", "--once"),
        ("gnss = ", "is not TOML"),
    ] {
        let (code, _, err) = config(toml, |_| ());
        assert_eq!(code, Some(2), "{toml}: {err}");
        assert!(err.contains(expected) && err.contains("depot.toml"), "{toml}: {err}");
    }
}

#[test]
fn a_value_on_the_command_line_is_not_blamed_on_the_file() {
    let (code, _, err) = config("rate = 1", |command| {
        command.args(["--rate", "fast"]);
    });
    assert_eq!(code, Some(2));
    assert!(!err.contains("depot.toml") && err.contains("--rate"), "{err}");
}

#[test]
fn a_missing_file_is_told() {
    let output = depot().args(["config", "--config", "nowhere.toml"]).output().expect("depot runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("could not read the configuration nowhere.toml"), "{}", stderr(&output));
}

/// What `config` prints can be saved and used.
#[test]
fn what_is_printed_is_a_configuration() {
    let (_, out, _) = config("", |_| ());
    let (code, again, err) = config(&out, |_| ());
    assert_eq!(code, Some(0), "{err}");
    let values =
        |text: &str| text.lines().map(|l| l.split("  #").next().map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(values(&out), values(&again));
}

#[test]
fn a_password_is_not_printed() {
    for url in [
        "postgres://depot:sEcReT@db.local/depot",
        "postgresql:///depot?host=/run/postgresql&user=depot&password=sEcReT",
    ] {
        let (code, out, err) = config("", |command| {
            command.args(["--database", url]);
        });
        assert_eq!((code, out.contains("sEcReT"), err.as_str()), (Some(0), false, ""), "{out}");
        assert!(out.contains("# database holds a password and is not shown"), "{out}");
    }
}
