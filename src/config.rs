//! Every setting, its default and its variable. The only reader of the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

pub mod client_file;

/// The prefix of our own variables.
const PREFIX: &str = "LEANBOARD_";

/// Where the database is.
#[derive(Debug, Clone, Args)]
pub struct DatabaseSettings {
    /// PostgreSQL's address. Without it `up` runs a private server in the data folder.
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        global = true
    )]
    pub database_url: Option<String>,
}

/// Where files are kept.
#[derive(Debug, Clone, Args)]
pub struct DataSettings {
    /// The folder of the object store and the private database
    /// [default: /var/lib/leanboard for root, else ~/.local/share/leanboard]
    #[arg(long, env = "LEANBOARD_DATA_DIR", value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,
}

impl DataSettings {
    pub fn data_dir(&self) -> PathBuf {
        if let Some(folder) = &self.data_dir {
            return std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
        }
        match std::env::var_os("HOME") {
            Some(home) if !nix::unistd::geteuid().is_root() => {
                PathBuf::from(home).join(".local/share/leanboard")
            }
            _ => PathBuf::from("/var/lib/leanboard"),
        }
    }

    pub fn store_dir(&self) -> PathBuf {
        self.data_dir().join("store")
    }
}

/// How logs look.
#[derive(Debug, Clone, Args)]
pub struct LogSettings {
    /// What is logged, such as `info` or `leanboard=debug`
    #[arg(
        long,
        env = "LEANBOARD_LOG",
        default_value = "leanboard=info,warn",
        value_name = "FILTER",
        global = true
    )]
    pub log: String,
    /// How lines are written
    #[arg(
        long,
        env = "LEANBOARD_LOG_FORMAT",
        default_value = "text",
        global = true
    )]
    pub log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// The web server.
#[derive(Debug, Clone, Args)]
pub struct ServeSettings {
    /// Address and port to listen on
    #[arg(
        long,
        env = "LEANBOARD_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    pub listen: SocketAddr,
    /// The address people reach it by, such as https://leanboard.example.org: used for links, for
    /// secure cookies and against cross-site posts [default: what the request says]
    #[arg(long, env = "LEANBOARD_PUBLIC_URL", value_name = "URL", value_parser = parse_public_url)]
    pub public_url: Option<String>,
    /// Whether visitors may make accounts
    #[arg(long, env = "LEANBOARD_SIGN_UP", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub sign_up: bool,
    /// Threads that answer requests
    #[arg(long, env = "LEANBOARD_WEB_WORKERS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256), value_name = "N")]
    pub web_workers: u16,
    /// Pages that may be followed live at once, a tenth of them from one address; others ask every two seconds
    #[arg(long, env = "LEANBOARD_EVENT_STREAMS", default_value_t = 500, value_parser = clap::value_parser!(u16), value_name = "N")]
    pub event_streams: u16,
    /// MiB of the store's disk that uploads leave free
    #[arg(long, env = "LEANBOARD_MIN_FREE_MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(..=1 << 30), value_name = "MIB")]
    pub min_free_mib: u64,
}

/// The runner.
#[derive(Debug, Clone, Args)]
pub struct RunnerSettings {
    /// This runner's name, which no other runner of the database has [default: the host name]
    #[arg(long, env = "LEANBOARD_RUNNER_NAME", value_name = "NAME", value_parser = parse_runner_name)]
    pub runner_name: Option<String>,
    /// What builds the walls: crun, runc, or the path of an OCI runtime
    #[arg(
        long,
        env = "LEANBOARD_OCI_RUNTIME",
        default_value = "crun",
        value_name = "ENGINE"
    )]
    pub oci_runtime: String,
    /// The runtime that sandboxes show [default: `runtime` in the data folder]
    #[arg(long, env = "LEANBOARD_RUNTIME_DIR", value_name = "DIR")]
    pub runtime_dir: Option<PathBuf>,
    /// Where sandboxes are built, best in memory
    #[arg(
        long,
        env = "LEANBOARD_ROOMS_DIR",
        default_value = "/run/leanboard",
        value_name = "DIR"
    )]
    pub rooms_dir: PathBuf,
    /// What measures energy
    #[arg(
        long,
        env = "LEANBOARD_METER",
        default_value = "auto",
        value_name = "METER"
    )]
    pub meter: MeterKind,
    /// NVIDIA's management library, where it does not lie where libraries lie
    #[arg(long, env = "LEANBOARD_NVML_LIBRARY", value_name = "FILE")]
    pub nvml_library: Option<PathBuf>,
    /// Where the kernel shows the energy counters of CPUs
    #[arg(
        long,
        env = "LEANBOARD_POWERCAP_DIR",
        default_value = "/sys/class/powercap",
        value_name = "DIR"
    )]
    pub powercap_dir: PathBuf,
    /// Seconds that nothing may be heard of a job between two runs before other runners take it
    #[arg(long, env = "LEANBOARD_LEASE_S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86400), value_name = "SECONDS")]
    pub lease_s: u64,
    /// Take jobs although the machine lacks a wall; every result is marked
    #[arg(long, env = "LEANBOARD_ALLOW_DEGRADED")]
    pub allow_degraded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum MeterKind {
    /// The energy counters that the machine has: of GPUs by NVML, of CPUs by RAPL.
    Auto,
    /// No energy counter: energy is missing, with that reason.
    None,
    /// A scripted fake, for laptops: its results are marked as simulated.
    Fake,
}

/// The supervisor.
#[derive(Debug, Clone, Args)]
pub struct UpSettings {
    /// Start without the demo competition
    #[arg(long, env = "LEANBOARD_NO_DEMO")]
    pub no_demo: bool,
    /// As root: the account that the web server runs as
    #[arg(
        long,
        env = "LEANBOARD_USER",
        default_value = "nobody",
        value_name = "ACCOUNT"
    )]
    pub user: String,
}

/// Which server a participant's commands talk to, and as whom. What is said here goes before what
/// stands in the configuration file.
#[derive(Debug, Clone, Args)]
pub struct ClientSettings {
    /// The server's address [default: as in the configuration file, else http://127.0.0.1:8080]
    #[arg(long, env = "LEANBOARD_SERVER", value_name = "URL", value_parser = parse_public_url)]
    pub server: Option<String>,
    /// An API token, from your account page; better in a variable or in the file that `leanboard
    /// login` writes, because other users of this machine can see flags
    #[arg(
        long,
        env = "LEANBOARD_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        value_parser = Unchecked::of
    )]
    pub token: Option<Unchecked>,
}

/// What is given as a token. It is checked where it is used: whoever reads arguments shows those that
/// are wrong.
#[derive(Clone)]
pub struct Unchecked(String);

impl Unchecked {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "as the reader of arguments wants it"
    )]
    fn of(text: &str) -> Result<Unchecked, std::convert::Infallible> {
        Ok(Unchecked(text.to_owned()))
    }

    /// # Errors
    /// As for any token.
    pub fn check(&self) -> Result<Token, String> {
        Token::parse(&self.0).map_err(|error| format!("--token (LEANBOARD_TOKEN): {error}"))
    }
}

impl std::fmt::Debug for Unchecked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unchecked(…)")
    }
}

/// An API token. It is never shown, not even where a program is searched for faults.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// # Errors
    /// Does not repeat what is no token: it may be one with a slip of the pen.
    pub fn parse(text: &str) -> Result<Token, String> {
        let text = text.trim();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if text.starts_with("lb_") && text.len() <= 200 && text.chars().all(is_plain) {
            Ok(Token(text.to_owned()))
        } else {
            Err("a token begins with `lb_` and has letters, digits, `_` and `-`".into())
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The folder of a user's own configuration: `XDG_CONFIG_HOME`, else `~/.config`.
fn config_home() -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let named = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    named.and_then(absolute).or_else(|| {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        home.and_then(absolute).map(|home| home.join(".config"))
    })
}

/// An origin without a path: scheme, host and perhaps a port.
fn parse_public_url(text: &str) -> Result<String, String> {
    let trimmed = text.trim_end_matches('/');
    let rest = trimmed
        .strip_prefix("https://")
        .or_else(|| trimmed.strip_prefix("http://"))
        .ok_or("it must begin with https:// or http://")?;
    if rest.is_empty() || rest.contains(['/', '?', '#', '@', ' ']) {
        return Err(
            "it must be scheme and host only, such as https://leanboard.example.org".into(),
        );
    }
    Ok(trimmed.to_owned())
}

fn parse_runner_name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if text.is_empty() || text.len() > 40 || !text.chars().all(is_plain) {
        return Err("it must have 1 to 40 letters, digits, `-` or `_`".into());
    }
    Ok(text.to_owned())
}

/// Refuses variables with our prefix that no setting reads: most likely a slip of the pen.
///
/// # Errors
/// Names the first such variable, and the nearest one that exists.
pub fn refuse_unknown_variables(command: &clap::Command) -> Result<(), String> {
    let mut known = Vec::new();
    collect_variables(command, &mut known);
    for (name, _) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        if known.iter().any(|variable| variable == name) {
            continue;
        }
        let nearest = known
            .iter()
            .filter(|variable| variable.starts_with(PREFIX))
            .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
        let hint = nearest
            .map(|nearest| format!("; did you mean `{nearest}`?"))
            .unwrap_or_default();
        return Err(format!(
            "the variable `{name}` is no setting of Leanboard{hint}"
        ));
    }
    Ok(())
}

/// The variables of a command and of all its subcommands.
pub fn collect_variables(command: &clap::Command, into: &mut Vec<String>) {
    for argument in command.get_arguments() {
        if let Some(name) = argument.get_env().and_then(|name| name.to_str()) {
            into.push(name.to_owned());
        }
    }
    for subcommand in command.get_subcommands() {
        collect_variables(subcommand, into);
    }
}
