//! The systemd units: nothing that would break the walls, no setting that does not exist, and what
//! systemd itself thinks of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use clap::CommandFactory;
use leanboard::cli::Cli;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/systemd");
const SERVER: &str = "leanboard-server.service";
const RUNNER: &str = "leanboard-runner.service";

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(FOLDER).join(name)).unwrap()
}

/// Each `Key=value` of a unit, in order.
fn options(name: &str) -> Vec<(String, String)> {
    read(name)
        .lines()
        .filter(|line| !line.starts_with(['#', '[']) && !line.is_empty())
        .map(|line| line.split_once('=').unwrap())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn values<'a>(options: &'a [(String, String)], key: &str) -> Vec<&'a str> {
    let of_key = options.iter().filter(|(name, _)| name == key);
    of_key.map(|(_, value)| value.as_str()).collect()
}

#[test]
fn the_runner_s_unit_has_nothing_that_breaks_the_walls_or_that_runs_pay_for() {
    let runner = options(RUNNER);
    let breaks_the_walls = [
        "ProcSubset",
        "ProtectControlGroups",
        "ProtectKernelTunables",
        "RestrictSUIDSGID",
        "UMask",
        "User",
    ];
    // Each of these installs a filter of system calls, which every sandbox would inherit.
    let filters = [
        "LockPersonality",
        "MemoryDenyWriteExecute",
        "PrivateDevices",
        "ProtectClock",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "RestrictAddressFamilies",
        "RestrictNamespaces",
        "RestrictRealtime",
        "SystemCallArchitectures",
        "SystemCallFilter",
        "SystemCallLog",
    ];
    for forbidden in breaks_the_walls.iter().chain(&filters) {
        assert!(values(&runner, forbidden).is_empty(), "{forbidden}");
    }
    for (key, value) in [
        ("Delegate", "yes"),
        ("KillMode", "mixed"),
        ("NoNewPrivileges", "yes"),
        ("OOMPolicy", "continue"),
        ("ProtectSystem", "strict"),
        ("ReadWritePaths", "/var/lib/leanboard/runner"),
        ("RuntimeDirectoryMode", "0711"),
    ] {
        assert_eq!(values(&runner, key), [value], "{key}");
    }
}

#[test]
fn the_web_server_s_unit_has_no_rights_and_writes_its_store_alone() {
    let server = options(SERVER);
    for (key, value) in [
        ("User", "leanboard"),
        ("CapabilityBoundingSet", ""),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ReadWritePaths", "/var/lib/leanboard/store"),
    ] {
        assert_eq!(values(&server, key), [value], "{key}");
    }
}

#[test]
fn the_units_start_commands_of_the_program_with_settings_that_exist() {
    for name in [SERVER, RUNNER] {
        let unit = options(name);
        let start = values(&unit, "ExecStart").join("\n");
        let words = start.split(' ').map(str::to_owned);
        assert!(start.starts_with("/usr/local/bin/leanboard "), "{start}");
        let parsed = Cli::command().try_get_matches_from(words);
        assert!(parsed.is_ok(), "{start}: {parsed:?}");
        assert_eq!(
            values(&unit, "EnvironmentFile"),
            ["/etc/leanboard/leanboard.env"]
        );
    }
    let known = leanboard::cli::variables();
    let example = read("leanboard.env.example");
    let named: Vec<&str> = example
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once('='))
        .map(|(name, _)| name)
        .collect();
    assert!(named.contains(&"DATABASE_URL"));
    for name in named {
        assert!(known.iter().any(|setting| setting == name), "{name}");
    }
}

#[test]
fn systemd_finds_no_fault_with_the_units() {
    // The program and the environment file stand where the units want them only after deployment.
    let folder = tempfile::tempdir().unwrap();
    for name in [SERVER, RUNNER] {
        let unit = read(name).replace("/usr/local/bin/leanboard", "/bin/true");
        fs::write(folder.path().join(name), unit).unwrap();
    }
    let verify = Command::new("systemd-analyze")
        .arg("verify")
        .args([SERVER, RUNNER].map(|name| folder.path().join(name)))
        .output();
    let Ok(verify) = verify else {
        println!("skipped: systemd-analyze is not installed");
        return;
    };
    let said = String::from_utf8_lossy(&verify.stderr);
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("leanboard"))
        .collect();
    assert_eq!(ours, Vec::<&str>::new());
    assert!(verify.status.success(), "{said}");
}
