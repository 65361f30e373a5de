//! `leanboard runner`: the process with the rights that the walls need.

use std::fs::DirBuilder;
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::{Failure, Settings, runtime};
use crate::config::{MeterKind, RunnerSettings};
use crate::db;
use crate::domain::clock::Clock;
use crate::domain::digest::Digest;
use crate::meter::{self, FakeDevice, Meter};
use crate::runner::{self, Parts, Runner};
use crate::sandbox::{self, Engine, Walls, WallsOptions};
use crate::session::{Bench, Runtime};
use crate::store::Store;

#[derive(Debug, Args)]
pub struct RunnerCommand {
    #[command(flatten)]
    settings: RunnerSettings,
    /// Take one job, if there is one, and end
    #[arg(long)]
    once: bool,
    /// End when standard input does: the supervisor holds the other end
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

impl RunnerCommand {
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        // Before there is a second thread: mount namespaces belong to threads.
        sandbox::enter_private_mounts().map_err(|error| error.to_string())?;
        if self.until_stdin_closes {
            end_with_stdin();
        }
        let url = settings.database_url()?;
        let runtime = self
            .settings
            .runtime_dir
            .clone()
            .unwrap_or_else(|| runtime::default_folder(settings));
        let runtime = runtime::open(&runtime)?;
        let name = self.settings.runner_name.clone().unwrap_or_else(host_name);
        let failed = |error: runner::JobError| error.to_string();
        let folder = settings.data.data_dir().join("runner").join(&name);
        let machine_lock = self.settings.rooms_dir.join("machine.lock");
        let bench = self.set_up_bench(&name, runtime, &folder, &machine_lock)?;
        let tokio = super::tokio_runtime()?;
        // What ends outside of a future, such as a connection, ends in this context.
        let handle = tokio.handle().clone();
        let _context = handle.enter();
        let db = tokio.block_on(async {
            let db = super::connect(&url, 3).await?;
            db::check_schema(&db).await?;
            Ok::<_, Failure>(db)
        })?;
        let parts = Parts {
            name,
            db,
            store: Store::local(&settings.data.store_dir()).map_err(|error| error.to_string())?,
            clock: Clock::System,
            bench,
            folder,
            machine_lock,
            lease: Duration::from_secs(self.settings.lease_s),
        };
        let mut runner = Runner::start(tokio, parts).map_err(failed)?;
        if self.once {
            return runner.run_once().map_err(failed);
        }
        match runner.run().map_err(failed)? {}
    }

    /// Walls, meter and harness. Nobody measures meanwhile: the walls are tried out.
    fn set_up_bench(
        &self,
        name: &str,
        runtime: Runtime,
        folder: &Path,
        machine_lock: &Path,
    ) -> Result<Bench, Failure> {
        make_rooms_dir(&self.settings.rooms_dir)?;
        let _quiet = runner::lock(machine_lock).map_err(|error| error.to_string())?;
        let walls = Walls::raise(WallsOptions {
            engine: engine(&self.settings.oci_runtime),
            allow_degraded: self.settings.allow_degraded,
            uid_range_start: uid_range_start(name),
            ..WallsOptions::new(self.settings.rooms_dir.join(name))
        })
        .map_err(|error| error.to_string())?;
        for missing in walls.degraded() {
            tracing::warn!(missing, "a wall is missing; results carry this mark");
        }
        runner::empty_folder(folder).map_err(|error| error.to_string())?;
        let meter = match self.settings.meter {
            MeterKind::Auto => {
                let library = self.settings.nvml_library.as_deref();
                let found = meter::find(library, &self.settings.powercap_dir);
                for absent in &found.absent {
                    tracing::info!(%absent, "an energy counter is missing");
                }
                for device in &found.devices {
                    let identity = device.identity();
                    tracing::info!(device = identity.name, "its energy is measured");
                }
                Meter::new(found.devices, found.absent)
            }
            MeterKind::None => Meter::none(),
            MeterKind::Fake => Meter::new(vec![Box::new(FakeDevice::pulsing())], Vec::new()),
        };
        Bench::set_up(walls, meter, runtime, folder).map_err(|error| error.to_string())
    }
}

/// A range of 65,536 user ids for each runner, far from those of accounts: runners of different
/// names hardly ever share one.
fn uid_range_start(name: &str) -> u32 {
    let digest = Digest::of(name.as_bytes());
    let slot = u32::from(digest.as_bytes()[0]) << 4 | u32::from(digest.as_bytes()[1] >> 4);
    0x7000_0000 + (slot << 16)
}

fn make_rooms_dir(folder: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o711).create(folder);
    made.map_err(|error| {
        format!(
            "cannot create {} (--rooms-dir, LEANBOARD_ROOMS_DIR): {error}",
            folder.display()
        )
    })
}

fn engine(name: &str) -> Engine {
    match name {
        "crun" => Engine::Crun,
        "runc" => Engine::Runc,
        path => Engine::Path(path.into()),
    }
}

/// The host's name, with what a runner's name may not have replaced.
fn host_name() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    let name: String = name
        .to_string_lossy()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
    match name.trim_matches('-') {
        "" => "runner".to_owned(),
        name => name.to_owned(),
    }
}

/// A supervisor that may not signal us, because we are root and it is not, can still let go of our
/// standard input. So does one that is killed.
fn end_with_stdin() {
    std::thread::spawn(|| {
        let mut buffer = [0; 64];
        while matches!(std::io::stdin().read(&mut buffer), Ok(read) if read > 0) {}
        // Sandboxes end with us, and the next start gives the job back.
        std::process::exit(0);
    });
}
