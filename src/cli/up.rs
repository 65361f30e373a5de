//! `leanboard up`: a supervisor for one machine. Starts the database, the web server without
//! rights and the runner with the rights that the walls need, starts again what ends by itself, and
//! stops everything when it is stopped or killed.

mod demo;
mod part;

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, lchown};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use nix::unistd::{User, geteuid};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::serve::find_account;
use super::{Failure, Settings, connect, runtime, tokio_runtime};
use crate::config::{RunnerSettings, ServeSettings, UpSettings};
use crate::db;
use crate::db::embedded::Cluster;
use crate::web;
use part::Part;

/// How often the database is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    up: UpSettings,
    #[command(flatten)]
    serve: ServeSettings,
    #[command(flatten)]
    runner: RunnerSettings,
}

impl Up {
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        // On this one thread, because the kernel ends our children when the thread that started
        // them ends.
        tokio_runtime()?.block_on(self.supervise(settings))
    }

    async fn supervise(self, settings: &Settings) -> Result<(), Failure> {
        let mut stop = Stop::on_signals()?;
        // Said at once if the port is taken, and not by a part that is started again and again.
        drop(web::bind(self.serve.listen)?);
        self.make_folders(settings)?;
        match &self.runner.runtime_dir {
            // A folder that somebody named is theirs: never made anew over what is there.
            Some(named) => runtime::check(named)?,
            None => runtime::prepare(&runtime::default_folder(settings))?,
        }
        let mut database = Database::start(&self, settings)?;
        let url = database.prepare().await?;
        let pool = connect(&url, 2).await?;
        db::migrate(&pool)
            .await
            .map_err(|error| format!("the database's schema cannot be changed: {error}"))?;
        if !self.up.no_demo {
            demo::seed(settings, &url, &pool).await?;
        }
        pool.close().await;

        let mut serve = Part::start(part::serve(&self, settings, &url)?)?;
        let mut runner = Part::start(part::runner(&self, settings, &url)?)?;
        let mut is_announced = false;
        loop {
            tokio::select! {
                () = stop.wait() => break,
                result = serve.keep_up() => result?,
                result = runner.keep_up() => result?,
                () = tokio::time::sleep(LOOK_EVERY) => {
                    database.start_again_if_ended(&self, settings)?;
                    is_announced = is_announced || self.announce();
                }
            }
        }
        eprintln!("\nStopping …");
        tokio::join!(serve.stop(), runner.stop());
        drop(database);
        Ok(())
    }

    /// Says where to look, once there is something to see.
    fn announce(&self) -> bool {
        let is_up = std::net::TcpStream::connect(self.serve.listen).is_ok();
        if is_up {
            eprintln!(
                "\nLeanboard is at http://{}  (Ctrl-C stops it)\n",
                self.serve.listen
            );
        }
        is_up
    }

    fn runtime_folder(&self, settings: &Settings) -> std::path::PathBuf {
        let named = self.runner.runtime_dir.clone();
        named.unwrap_or_else(|| runtime::default_folder(settings))
    }

    /// The web server's account, which only root can give it.
    fn account(&self) -> Result<Option<User>, Failure> {
        let is_root = geteuid().is_root();
        is_root.then(|| find_account(&self.up.user)).transpose()
    }

    /// The private database, for the web server's account and ourselves.
    fn start_cluster(&self, settings: &Settings) -> Result<Cluster, Failure> {
        let clients = self.account()?.map(|account| account.gid);
        Cluster::start(&settings.postgres_dir(), clients).map_err(|error| error.to_string())
    }

    /// The data folder and the store in it, which as root belongs to the web server's account.
    fn make_folders(&self, settings: &Settings) -> Result<(), Failure> {
        let data = settings.data.data_dir();
        make_folder(&data, 0o711)?;
        let store = settings.data.store_dir();
        make_folder(&store, 0o700)?;
        if let Some(account) = self.account()? {
            lchown(
                &store,
                Some(account.uid.as_raw()),
                Some(account.gid.as_raw()),
            )
            .map_err(|error| format!("cannot give {} away: {error}", store.display()))?;
            check_searchable(&data)?;
        }
        Ok(())
    }
}

fn make_folder(folder: &Path, mode: u32) -> Result<(), Failure> {
    let failed = |error| {
        format!(
            "cannot make {} (--data-dir, LEANBOARD_DATA_DIR): {error}",
            folder.display()
        )
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(folder)
        .map_err(failed)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(mode)).map_err(failed)
}

/// The web server and the database run as accounts without rights, which must find the way.
fn check_searchable(folder: &Path) -> Result<(), Failure> {
    for ancestor in folder.ancestors() {
        let mode = fs::metadata(ancestor).map_or(0, |metadata| metadata.permissions().mode());
        if mode & 0o001 == 0 {
            return Err(format!(
                "the data folder {} lies below {}, which other accounts cannot enter; choose \
                 another with --data-dir (LEANBOARD_DATA_DIR)",
                folder.display(),
                ancestor.display()
            ));
        }
    }
    Ok(())
}

/// The database that was named, or a private one.
enum Database {
    Named(String),
    Private(Cluster),
}

impl Database {
    fn start(up: &Up, settings: &Settings) -> Result<Database, Failure> {
        match &settings.database.database_url {
            Some(url) => Ok(Database::Named(url.clone())),
            None => Ok(Database::Private(up.start_cluster(settings)?)),
        }
    }

    /// The database's address, once there is a database.
    async fn prepare(&self) -> Result<String, Failure> {
        match self {
            Database::Named(url) => Ok(url.clone()),
            Database::Private(cluster) => {
                cluster.prepare().await.map_err(|error| error.to_string())?;
                Ok(cluster.url())
            }
        }
    }

    fn start_again_if_ended(&mut self, up: &Up, settings: &Settings) -> Result<(), Failure> {
        if let Database::Private(cluster) = self
            && cluster.has_ended()
        {
            tracing::error!("the private PostgreSQL ended by itself; starting it again");
            *cluster = up.start_cluster(settings)?;
        }
        Ok(())
    }
}

/// Ctrl-C, a service manager's word, or a closed terminal.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Stop {
    fn on_signals() -> Result<Stop, Failure> {
        let on = |kind| signal(kind).map_err(|error| format!("cannot hear signals: {error}"));
        Ok(Stop {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hang_up: on(SignalKind::hangup())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
