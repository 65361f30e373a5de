//! The energy that CPU packages count themselves (RAPL), through the kernel's powercap tree.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Absent, Device, Identity, Sample};

/// The counter is renewed about once in a millisecond (Intel's Software Developer's Manual, volume
/// 3B, "RAPL interfaces"). Twice that, so that one late renewal is not taken for the device's tick.
const LAG: Duration = Duration::from_millis(2);

/// All CPU packages of a machine, as one device.
#[derive(Debug)]
pub struct RaplDevice {
    identity: Identity,
    packages: Vec<Package>,
}

/// One socket, or one die of it.
#[derive(Debug)]
struct Package {
    /// Such as "package-0".
    name: String,
    energy: PathBuf,
    /// The counter's largest value: one more is 0.
    range: u64,
    /// What the counter said last.
    previous: u64,
    /// The sum of what it has counted since it was found, wraps made good. A wrap while nobody reads
    /// is not seen; nothing is measured then.
    counted: u64,
}

impl RaplDevice {
    /// The packages below a powercap tree. `None` where there is none, as on most virtual machines.
    ///
    /// Only domains named `intel-rapl:N` whose name is `package-*`, on AMD's processors, too: `psys`
    /// contains the packages, and `intel-rapl:N:M` (cores, memory) is part of one or is not there
    /// everywhere. `intel-rapl-mmio:N` is a second door to the same counters.
    pub fn find(root: &Path) -> Result<Option<RaplDevice>, Absent> {
        let entries = match fs::read_dir(root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(root, &error)),
        };
        let mut packages: Vec<Package> = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(root, &error))?;
            let is_zone = (entry.file_name().to_str())
                .and_then(|name| name.strip_prefix("intel-rapl:"))
                .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
            if is_zone && let Some(package) = Package::find(&entry.path())? {
                packages.push(package);
            }
        }
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        packages.dedup_by(|a, b| a.name == b.name);
        if packages.is_empty() {
            return Ok(None);
        }
        let names: Vec<_> = packages.iter().map(|it| it.name.as_str()).collect();
        Ok(Some(RaplDevice {
            identity: Identity {
                name: format!("RAPL {}", names.join(" + ")),
                scope: "CPU package".to_owned(),
                simulated: false,
                lag: LAG,
                gpu: None,
            },
            packages,
        }))
    }

    /// In microjoules, all packages. A package that cannot be read is not left out.
    fn count(&mut self) -> Result<u64, Absent> {
        let mut sum = 0;
        for package in &mut self.packages {
            sum += package.count()?;
        }
        Ok(sum)
    }
}

impl Device for RaplDevice {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn sample(&mut self) -> Sample {
        Sample {
            at: Instant::now(),
            counter: self.count(),
            power: Err(Absent("RAPL counts energy only".to_owned())),
        }
    }
}

impl Package {
    /// `None` if the zone is not a package.
    fn find(zone: &Path) -> Result<Option<Package>, Absent> {
        let name_file = zone.join("name");
        let name =
            fs::read_to_string(&name_file).map_err(|error| unreadable(&name_file, &error))?;
        let name = name.trim();
        if !name.starts_with("package-") {
            return Ok(None);
        }
        let range = read_number(&zone.join("max_energy_range_uj"))?;
        let energy = zone.join("energy_uj");
        Ok(Some(Package {
            name: name.to_owned(),
            previous: read_number(&energy)?,
            energy,
            range,
            counted: 0,
        }))
    }

    fn count(&mut self) -> Result<u64, Absent> {
        let now = read_number(&self.energy)?;
        if now > self.range {
            return Err(Absent(format!(
                "{} says {now}, more than its range of {} µJ: it cannot be trusted",
                self.energy.display(),
                self.range
            )));
        }
        self.counted += match now.checked_sub(self.previous) {
            Some(since) => since,
            None => self.range.saturating_sub(self.previous) + now,
        };
        self.previous = now;
        Ok(self.counted)
    }
}

fn read_number(path: &Path) -> Result<u64, Absent> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    text.trim().parse().map_err(|_| {
        let start: String = text.trim().chars().take(40).collect();
        Absent(format!(
            "{} says “{start}”, which is no number: look at the kernel’s log",
            path.display()
        ))
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Absent {
    let path = path.display();
    Absent(match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "{path} may be read by root only, as since Linux 5.10: run the runner as root, or let its \
             account read that file"
        ),
        io::ErrorKind::NotFound => format!(
            "{path} is gone: load the kernel’s module intel_rapl_msr and start the runner again"
        ),
        _ => format!("{path} cannot be read: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A powercap tree in a folder of its own.
    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(zones: &[(&str, &str)]) -> Tree {
            let tree = Tree(tempfile::tempdir().unwrap());
            for (zone, name) in zones {
                fs::create_dir(tree.path(zone)).unwrap();
                tree.write(zone, "name", &format!("{name}\n"));
                tree.write(zone, "max_energy_range_uj", "262143328850\n");
                tree.write(zone, "energy_uj", "1000\n");
            }
            tree
        }

        fn path(&self, file: &str) -> PathBuf {
            self.0.path().join(file)
        }

        fn write(&self, zone: &str, file: &str, text: &str) {
            fs::write(self.path(zone).join(file), text).unwrap();
        }

        fn counts(&self, zone: &str, microjoules: u64) {
            self.write(zone, "energy_uj", &format!("{microjoules}\n"));
        }

        fn device(&self) -> RaplDevice {
            RaplDevice::find(self.0.path()).unwrap().unwrap()
        }
    }

    #[test]
    fn packages_are_summed_and_nothing_is_counted_twice() {
        let tree = Tree::new(&[
            ("intel-rapl:0", "package-0"),
            ("intel-rapl:0:0", "core"),
            ("intel-rapl:0:1", "dram"),
            ("intel-rapl:1", "package-1"),
            ("intel-rapl:2", "psys"),
            ("intel-rapl-mmio:0", "package-0"),
        ]);
        fs::create_dir(tree.path("dtpm")).unwrap();
        let mut device = tree.device();
        assert_eq!(device.identity().name, "RAPL package-0 + package-1");
        assert_eq!(device.identity().scope, "CPU package");
        assert_eq!(device.sample().counter, Ok(0));
        for zone in ["intel-rapl:0:0", "intel-rapl:2", "intel-rapl-mmio:0"] {
            tree.counts(zone, 999_999);
        }
        tree.counts("intel-rapl:0", 1_500);
        tree.counts("intel-rapl:1", 3_000);
        assert_eq!(device.sample().counter, Ok(2_500));
        assert!(device.sample().power.is_err());
    }

    #[test]
    fn each_package_wraps_by_itself_and_no_more_than_61_microjoules_are_lost() {
        let tree = Tree::new(&[("intel-rapl:0", "package-0"), ("intel-rapl:1", "package-1")]);
        // A unit is 1/2^14 J, as the kernel rounds it; 2^32 of them make the range.
        let units = |count: u64| count * 61_035 / 1_000;
        assert_eq!(units(u64::from(u32::MAX)), 262_143_328_850);
        tree.counts("intel-rapl:0", units(u64::from(u32::MAX) - 100));
        let mut device = tree.device();
        // No wrap: exact.
        tree.counts("intel-rapl:1", 1_000_000);
        assert_eq!(device.sample().counter, Ok(999_000));
        // One wrap: of 100 + 1 + 50 units the step over the end is lost.
        tree.counts("intel-rapl:0", units(50));
        let counted = device.sample().counter.unwrap() - 999_000;
        let lost = units(151) - counted;
        println!("lost in one wrap: {lost} µJ");
        assert!(lost <= 61, "{lost}");
        // It counts on from there.
        tree.counts("intel-rapl:0", units(50) + 7);
        assert_eq!(device.sample().counter, Ok(999_000 + counted + 7));
    }

    #[test]
    fn a_machine_without_packages_has_no_such_device() {
        let find = |tree: &Tree| RaplDevice::find(tree.0.path()).unwrap();
        assert!(find(&Tree::new(&[])).is_none());
        assert!(find(&Tree::new(&[("intel-rapl:0", "psys")])).is_none());
        assert!(find(&Tree::new(&[("intel-rapl-mmio:0", "package-0")])).is_none());
        let nowhere = Path::new("/nowhere/powercap");
        assert!(RaplDevice::find(nowhere).unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_read_is_a_reason_that_names_the_file_and_never_a_number() {
        let zone = "intel-rapl:0";
        let zones = [(zone, "package-0"), ("intel-rapl:1", "package-1")];
        let breaks: [(&str, fn(&Tree, &str), &str); 4] = [
            (
                "energy_uj",
                |it, file| it.write("intel-rapl:0", file, "?"),
                "no number",
            ),
            (
                "energy_uj",
                |it, file| it.write("intel-rapl:0", file, ""),
                "no number",
            ),
            (
                "energy_uj",
                |it, file| it.write("intel-rapl:0", file, "262143328851"),
                "more than its range",
            ),
            (
                "energy_uj",
                |it, file| fs::remove_file(it.path("intel-rapl:0").join(file)).unwrap(),
                "is gone",
            ),
        ];
        for (file, spoil, words) in breaks {
            let tree = Tree::new(&zones);
            let mut device = tree.device();
            spoil(&tree, file);
            tree.counts("intel-rapl:1", 5_000);
            let reason = device.sample().counter.unwrap_err().0;
            let path = tree.path(zone).join(file);
            assert!(reason.starts_with(path.to_str().unwrap()), "{reason}");
            assert!(reason.contains(words), "{reason}");
        }
        for file in ["name", "max_energy_range_uj", "energy_uj"] {
            let tree = Tree::new(&zones);
            fs::remove_file(tree.path(zone).join(file)).unwrap();
            let reason = RaplDevice::find(tree.0.path()).unwrap_err().0;
            let path = tree.path(zone).join(file);
            assert!(reason.starts_with(path.to_str().unwrap()), "{reason}");
        }
        // Root may read everything, so that a test cannot take the permission away.
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let path = Path::new("/sys/class/powercap/intel-rapl:0/energy_uj");
        let reason = unreadable(path, &denied).0;
        assert!(reason.starts_with(path.to_str().unwrap()), "{reason}");
        assert!(reason.contains("run the runner as root"));
    }
}
