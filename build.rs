//! Compiles the sandbox's init, so that one executable installs everything; the migrations and the
//! harness are compiled in too.

use std::path::PathBuf;
use std::process::Command;
use std::{env, process};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=sandbox/init/src");
    println!("cargo::rerun-if-changed=migrations");
    build_init();
}

/// A static executable needs nothing of the folder tree that it runs in. The library embeds it
/// from `OUT_DIR/leanboard-init`.
fn build_init() {
    let output = PathBuf::from(variable("OUT_DIR")).join("leanboard-init");
    let status = Command::new(variable("RUSTC"))
        .args(["--edition", "2024", "--crate-name", "leanboard_init"])
        .args(["--crate-type", "bin", "--target", &variable("TARGET")])
        .args(["-C", "target-feature=+crt-static", "-C", "panic=abort"])
        .args(["-C", "opt-level=s", "-C", "strip=symbols"])
        .arg("-o")
        .arg(output)
        .arg("sandbox/init/src/main.rs")
        .status();
    match status {
        Ok(status) if status.success() => {}
        failure => {
            println!(
                "cargo::error=the sandbox's init cannot be compiled ({failure:?}); it needs the C library's static archive (Debian: libc6-dev)"
            );
            process::exit(1);
        }
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name} for build scripts"))
}
