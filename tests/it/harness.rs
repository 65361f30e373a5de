//! The harness has tests of its own, in Python, which run with what it runs with.

use std::process::Command;

use crate::support::runtime;

#[test]
fn the_harness_passes_its_own_tests() {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut tests = Command::new(runtime().join("bin/python"));
    tests.args([
        "-B",
        "-m",
        "unittest",
        "discover",
        "-s",
        "sandbox/harness/tests",
    ]);
    let output = tests.current_dir(root).env_clear().output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && log.contains("\nOK"), "{log}");
}
