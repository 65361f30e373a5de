//! A private PostgreSQL in the data folder, from the binaries on the machine, for whoever gives no
//! `DATABASE_URL`. Reachable by a socket only, durable, and stopped cleanly with its parent.
//!
//! Nobody trusts the one below: the folder is the starter's, the server's account has `cluster/` and
//! `socket/` in it, and the application's role is no superuser, who could run programs.

mod files;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, User, geteuid};

use files::{make_folder, read_or_make_password, read_small, write_secret};

/// The application's role, and the database that it owns.
const APPLICATION: &str = "leanboard";
const SUPERUSER: &str = "postgres";
/// A first start on a slow disk may recover from a crash.
const START_LIMIT: Duration = Duration::from_secs(30);
const RETRY_PAUSE: Duration = Duration::from_millis(500);
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// A socket's address holds at most 107 bytes, and more comes after the folder's path.
const SOCKET_PATH_LIMIT: usize = 107 - "/socket/.s.PGSQL.5432".len();

#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "no PostgreSQL server was found under /usr/lib/postgresql or on the PATH; install the Debian package `postgresql`, or set DATABASE_URL"
    )]
    NoBinaries,
    #[error(
        "the database in {} was made by PostgreSQL {version}, which is not installed; install the Debian package `postgresql-{version}`", cluster.display()
    )]
    OtherVersion { cluster: PathBuf, version: String },
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{program} failed: {output}")]
    Program {
        program: &'static str,
        output: String,
    },
    #[error("PostgreSQL did not become ready: its log is {}", log.display())]
    NotReady { log: PathBuf },
    #[error(
        "the data folder's path is too long for a socket below it ({length} bytes, at most {SOCKET_PATH_LIMIT}); choose a shorter LEANBOARD_DATA_DIR"
    )]
    PathTooLong { length: usize },
    #[error("cannot create the database: {0}")]
    Database(#[from] super::Error),
}

/// How a server's start went.
enum Started {
    Ready,
    Ended,
    TooSlow,
}

/// A running server. Stops when it is dropped, or when the thread that started it ends.
pub struct Cluster {
    server: Child,
    folder: PathBuf,
    password: String,
    superuser_password: String,
}

impl Cluster {
    /// Starts the cluster that lies in `folder`, which is made if it is not there.
    ///
    /// As root the server runs as the system's `postgres` user, else `nobody`, and besides root the
    /// members of the group `clients` may connect. The calling thread must live as long as the
    /// server is needed: the kernel stops the server with it.
    pub fn start(folder: &Path, clients: Option<Gid>) -> Result<Cluster, EmbeddedError> {
        let folder = absolute(folder)?;
        let cluster_folder = folder.join("cluster");
        let binaries = find_binaries(&cluster_folder)?;
        let length = folder.as_os_str().len();
        if length > SOCKET_PATH_LIMIT {
            return Err(EmbeddedError::PathTooLong { length });
        }
        let account = server_account();
        let owner = account.as_ref().map(|user| user.uid);
        make_folder(&folder, 0o711, Some(geteuid()), None)?;
        let socket_mode = if clients.is_some() { 0o710 } else { 0o700 };
        make_folder(&socket_folder(&folder), socket_mode, owner, clients)?;
        let password = read_or_make_password(&password_file(&folder))?;
        let superuser_password = read_or_make_password(&folder.join("superuser-password"))?;
        if !cluster_folder.exists() {
            create_cluster(
                &binaries,
                &folder,
                &cluster_folder,
                &superuser_password,
                account.as_ref(),
            )?;
        }
        let log = folder.join("postgres.log");
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let server = start_server(&binaries, &folder, &cluster_folder, &log, account.as_ref())?;
            let mut cluster = Cluster {
                server,
                folder: folder.clone(),
                password: password.clone(),
                superuser_password: superuser_password.clone(),
            };
            match cluster.wait_until_ready(&cluster_folder, deadline) {
                Started::Ready => return Ok(cluster),
                // A former server that was killed a moment ago may not be quite gone yet.
                Started::Ended if Instant::now() + RETRY_PAUSE < deadline => {
                    std::thread::sleep(RETRY_PAUSE);
                }
                Started::Ended | Started::TooSlow => return Err(EmbeddedError::NotReady { log }),
            }
        }
    }

    /// The address of the application's database, as the role that owns it and nothing else.
    pub fn url(&self) -> String {
        address(APPLICATION, &self.password, APPLICATION, &self.folder)
    }

    /// The address of any database, as the superuser: for tests, which make their own databases.
    pub fn superuser_url_of(&self, database: &str) -> String {
        address(SUPERUSER, &self.superuser_password, database, &self.folder)
    }

    /// Creates the application's role and its database, or what is missing of them.
    pub async fn prepare(&self) -> Result<(), EmbeddedError> {
        let pool = super::connect(&self.superuser_url_of("postgres"), 1).await?;
        let role = format!(
            "do $$ begin
                 if not exists (select from pg_roles where rolname = '{APPLICATION}') then
                     create role {APPLICATION};
                 end if;
             end $$;
             alter role {APPLICATION} login nosuperuser nocreatedb nocreaterole noreplication
                 password '{}'",
            self.password
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(role))
            .execute(&pool)
            .await?;
        let exists = sqlx::query_scalar!(
            r#"select exists (select from pg_database where datname = $1) as "exists!""#,
            APPLICATION
        )
        .fetch_one(&pool)
        .await?;
        if !exists {
            let database = format!("create database {APPLICATION} owner {APPLICATION}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(database))
                .execute(&pool)
                .await?;
        }
        pool.close().await;
        Ok(())
    }

    /// Whether the server has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.server.try_wait(), Ok(None))
    }

    fn wait_until_ready(&mut self, cluster: &Path, deadline: Instant) -> Started {
        let status = cluster.join("postmaster.pid");
        while Instant::now() < deadline {
            if self.has_ended() {
                return Started::Ended;
            }
            // Line 1 is the server's process id, line 8 its state.
            if let Ok(text) = read_small(&status) {
                let mut lines = text.lines();
                let is_ours = lines.next() == Some(&self.server.id().to_string());
                if is_ours && lines.nth(6).is_some_and(|state| state.trim() == "ready") {
                    return Started::Ready;
                }
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Started::TooSlow
    }

    fn stop(&mut self) {
        // The number of a process that has ended may be somebody else's by now.
        if self.has_ended() {
            return;
        }
        let Ok(pid) = i32::try_from(self.server.id()) else {
            return;
        };
        // SIGINT is PostgreSQL's fast shutdown: sessions are ended, everything is written.
        let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        let deadline = Instant::now() + STOP_LIMIT;
        while Instant::now() < deadline {
            if self.has_ended() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The address of the application's database in `folder`, if a server runs there and the password
/// can be read.
pub fn url_of_running(folder: &Path) -> Option<String> {
    let folder = std::path::absolute(folder).ok()?;
    let password = fs::read_to_string(password_file(&folder)).ok()?;
    socket_folder(&folder)
        .join(".s.PGSQL.5432")
        .exists()
        .then(|| address(APPLICATION, &password, APPLICATION, &folder))
}

fn password_file(folder: &Path) -> PathBuf {
    folder.join("password")
}

fn socket_folder(folder: &Path) -> PathBuf {
    folder.join("socket")
}

fn address(role: &str, password: &str, database: &str, folder: &Path) -> String {
    format!(
        "postgres://{role}:{password}@localhost/{database}?host={}",
        percent_encoded(&socket_folder(folder))
    )
}

/// The binaries of the version that made the cluster; the newest for a new one. Debian keeps each
/// version apart; elsewhere they are on the PATH.
fn find_binaries(cluster: &Path) -> Result<PathBuf, EmbeddedError> {
    let version = read_small(&cluster.join("PG_VERSION")).ok();
    // A number and nothing else: it becomes part of a program's path.
    if let Some(version) = version.and_then(|text| text.trim().parse::<u32>().ok()) {
        let version = version.to_string();
        let debian = Path::new("/usr/lib/postgresql").join(&version).join("bin");
        if debian.join("postgres").exists() {
            return Ok(debian);
        }
        let other = newest_binaries().filter(|_| !Path::new("/usr/lib/postgresql").exists());
        return other.ok_or_else(|| EmbeddedError::OtherVersion {
            cluster: cluster.to_owned(),
            version,
        });
    }
    newest_binaries().ok_or(EmbeddedError::NoBinaries)
}

fn newest_binaries() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, path)| path.join("postgres").exists())
        .collect();
    versions.sort();
    if let Some((_, newest)) = versions.pop() {
        return Some(newest);
    }
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    folder.join("postgres").exists().then_some(folder)
}

/// PostgreSQL refuses to run as root.
fn server_account() -> Option<User> {
    if !geteuid().is_root() {
        return None;
    }
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| User::from_name(name).ok().flatten())
}

fn absolute(folder: &Path) -> Result<PathBuf, EmbeddedError> {
    std::path::absolute(folder).map_err(|source| EmbeddedError::File {
        doing: "find",
        path: folder.to_owned(),
        source,
    })
}

fn command(program: &Path, folder: &Path, account: Option<&User>) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    if let Some(user) = account {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

fn create_cluster(
    binaries: &Path,
    folder: &Path,
    cluster: &Path,
    superuser_password: &str,
    account: Option<&User>,
) -> Result<(), EmbeddedError> {
    // Under another name until it is whole: a first start may be interrupted.
    let partial = &cluster.with_extension("partial");
    let failed_file = |doing| {
        move |source| EmbeddedError::File {
            doing,
            path: partial.clone(),
            source,
        }
    };
    if partial.exists() {
        fs::remove_dir_all(partial).map_err(failed_file("clear"))?;
    }
    let owner = account.map(|user| user.uid);
    make_folder(partial, 0o700, owner, account.map(|user| user.gid))?;
    // For initdb, which runs as the server's account.
    let password_file = folder.join("initdb-password");
    write_secret(&password_file, superuser_password, owner)?;
    let mut initdb = command(&binaries.join("initdb"), folder, account);
    initdb
        .arg(format!("--username={SUPERUSER}"))
        .args(["--auth=scram-sha-256", "--encoding=UTF8"])
        .args(["--locale=C.UTF-8", "--no-instructions"])
        .arg("--pwfile")
        .arg(&password_file)
        .arg("--pgdata")
        .arg(partial);
    let failed = |output: String| EmbeddedError::Program {
        program: "initdb",
        output,
    };
    let output = initdb.output().map_err(|error| failed(error.to_string()));
    let _ = fs::remove_file(&password_file);
    let output = output?;
    if output.status.success() {
        fs::rename(partial, cluster).map_err(failed_file("rename"))
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

fn start_server(
    binaries: &Path,
    folder: &Path,
    cluster: &Path,
    log: &Path,
    account: Option<&User>,
) -> Result<Child, EmbeddedError> {
    let open_log = || {
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(log)
            .map_err(|source| EmbeddedError::File {
                doing: "open",
                path: log.to_owned(),
                source,
            })
    };
    let mut postgres = command(&binaries.join("postgres"), folder, account);
    postgres
        .arg("-D")
        .arg(cluster)
        .arg("-k")
        .arg(socket_folder(folder))
        .args(["-c", "listen_addresses=", "-c", "max_connections=200"])
        // Whoever only knocks does not keep a place.
        .args(["-c", "authentication_timeout=5s"])
        .args(["-c", "cluster_name=leanboard"])
        .stdout(open_log()?)
        .stderr(open_log()?)
        // Out of reach of a terminal's Ctrl-C: it is stopped last, by us.
        .process_group(0);
    // SAFETY: between fork and exec only one async-signal-safe system call is made.
    unsafe {
        postgres
            .pre_exec(|| nix::sys::prctl::set_pdeathsig(Signal::SIGINT).map_err(io::Error::from));
    }
    postgres.spawn().map_err(|error| EmbeddedError::Program {
        program: "postgres",
        output: error.to_string(),
    })
}

fn percent_encoded(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str()
        .as_bytes()
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(*byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
