//! The pinned wheels, installed for the interpreter of an image whatever the host's is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::{Failure, REQUIREMENTS, list, remove, run};
use crate::domain::digest::Digest;
use crate::domain::runtime::Package;

/// Debian's, because nothing of anybody's home can be seen in a sandbox.
pub const PYTHON: &str = "/usr/bin/python3";
pub const VENV_REMEDY: &str = "install the Debian package `python3-venv`";
/// glibc 2.36 is Debian 12's, and no wheel asks for an older one than 2.17.
const GLIBC: std::ops::RangeInclusive<u32> = 17..=36;

/// Installs the wheels into `target` and says which they were. `tools` is a folder for pip itself.
///
/// pip takes its index, its certificates and its proxy from the host's configuration.
pub fn install(target: &Path, tools: &Path) -> Result<Vec<Package>, Failure> {
    run(
        Command::new(PYTHON).args(["-I", "-m", "venv"]).arg(tools),
        VENV_REMEDY,
    )?;
    let list = tools.join("requirements.txt");
    let report = tools.join("report.json");
    fs::write(&list, REQUIREMENTS)
        .map_err(|error| format!("cannot write {}: {error}", list.display()))?;
    let mut pip = Command::new(tools.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-input"])
        .args(["--disable-pip-version-check", "--no-compile"])
        // All of them are listed, and what they ask for is asked for of the host's Python.
        .args(["--require-hashes", "--no-deps"])
        .args(["--only-binary", ":all:", "--implementation", "cp"])
        .args(["--python-version", "3.11"])
        .args(["--abi", "cp311", "--abi", "abi3", "--abi", "none"])
        .args(["--platform", "any"]);
    let machine = std::env::consts::ARCH;
    pip.args(["--platform", &format!("manylinux2014_{machine}")]);
    for minor in GLIBC {
        pip.args(["--platform", &format!("manylinux_2_{minor}_{machine}")]);
    }
    pip.arg("--target").arg(target);
    pip.arg("--report").arg(&report);
    pip.arg("--requirement").arg(&list);
    run(&mut pip, VENV_REMEDY)?;
    forget_programs(target)?;
    let report = fs::read_to_string(&report)
        .map_err(|error| format!("cannot read {}: {error}", report.display()))?;
    read_report(&report)
}

/// Removes the programs of the packages, whose first lines name the interpreter of `tools`, and the
/// hashes of them, so that an image does not depend on where it was built.
fn forget_programs(target: &Path) -> Result<(), Failure> {
    remove(&target.join("bin"))?;
    for package in list(target)? {
        let record = package.join("RECORD");
        if record.exists() {
            let failed = |error| format!("cannot change {}: {error}", record.display());
            let text = fs::read_to_string(&record).map_err(failed)?;
            fs::write(&record, without_programs(&text)).map_err(failed)?;
        }
    }
    Ok(())
}

fn without_programs(record: &str) -> String {
    let lines = record.lines().filter(|line| !line.contains("../bin/"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// What pip says that it installed, by name.
fn read_report(text: &str) -> Result<Vec<Package>, Failure> {
    #[derive(Deserialize)]
    struct Report {
        install: Vec<Installed>,
    }
    #[derive(Deserialize)]
    struct Installed {
        metadata: Metadata,
        download_info: Download,
    }
    #[derive(Deserialize)]
    struct Metadata {
        name: String,
        version: String,
    }
    #[derive(Deserialize)]
    struct Download {
        archive_info: Archive,
    }
    #[derive(Deserialize)]
    struct Archive {
        hashes: BTreeMap<String, String>,
    }
    let report: Report = serde_json::from_str(text)
        .map_err(|error| format!("pip's report cannot be read: {error}"))?;
    let mut packages = Vec::new();
    for installed in report.install {
        let Metadata { name, version } = installed.metadata;
        let hash = installed.download_info.archive_info.hashes;
        let sha256: Option<Digest> = hash.get("sha256").and_then(|hash| hash.parse().ok());
        let sha256 =
            sha256.ok_or_else(|| format!("pip does not say which wheel of {name} it took"))?;
        packages.push(Package {
            name,
            version,
            sha256,
        });
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_forgets_programs_alone() {
        let kept = "numpy/__init__.py,sha256=a,1\nnumpy/bin/x.py,sha256=b,1\n";
        let record = format!("../../bin/f2py,sha256=c,200\n{kept}");
        assert_eq!(without_programs(&record), kept);
    }

    #[test]
    fn a_wheel_is_known_by_the_hash_that_pip_took() {
        let wheel = |name: &str, hashes: serde_json::Value| {
            json!({
                "metadata": {"name": name, "version": "2.4.6"},
                "download_info": {"url": "…", "archive_info": {"hashes": hashes}},
            })
        };
        let hash = Digest::of(b"wheel").to_string();
        let report = json!({"install": [
            wheel("numpy", json!({"sha256": hash})),
            wheel("joblib", json!({"sha256": hash, "md5": "0"})),
        ]});
        let packages = read_report(&report.to_string()).unwrap();
        let names: Vec<&str> = packages
            .iter()
            .map(|package| package.name.as_str())
            .collect();
        assert_eq!(names, ["joblib", "numpy"]);
        assert_eq!(packages[0].sha256, Digest::of(b"wheel"));
        let silent = json!({"install": [wheel("numpy", json!({}))]});
        assert!(
            read_report(&silent.to_string())
                .unwrap_err()
                .contains("numpy")
        );
    }
}
