//! The command line: a table of contents of what the program does.

mod check;
pub(crate) mod client;
mod competition;
mod leaderboard;
mod login;
mod metrics;
mod migrate;
mod output;
mod runner;
mod runtime;
mod score;
mod serve;
mod status;
mod submit;
mod up;
mod user;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use sqlx::PgPool;

use crate::config::{self, DataSettings, DatabaseSettings, LogSettings};
use crate::db;
use crate::db::embedded;
use crate::telemetry;

/// Leanboard: competitions that rank models by what they cost as well as by how well they predict.
#[derive(Debug, Parser)]
#[command(name = "leanboard", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

/// What every command can be told.
#[derive(Debug, Clone, clap::Args)]
struct Settings {
    #[command(flatten)]
    database: DatabaseSettings,
    #[command(flatten)]
    data: DataSettings,
    #[command(flatten)]
    log: LogSettings,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything on this machine: database, web server, runner and the demo
    Up(up::Up),
    /// Run the web server
    Serve(serve::Serve),
    /// Run submissions and measure them
    Runner(runner::RunnerCommand),
    /// Bring the database's schema up to this version
    Migrate,
    /// Manage accounts
    #[command(subcommand)]
    User(user::UserCommand),
    /// Manage competitions
    #[command(subcommand)]
    Competition(competition::CompetitionCommand),
    /// Check an entry as a server's door does, without running it
    Check(check::CheckCommand),
    /// Score a file of predictions against a bundle's solution
    Score(score::ScoreCommand),
    /// List the built-in metrics
    Metrics,
    /// Manage what lies around models in their sandboxes
    #[command(subcommand)]
    Runtime(runtime::RuntimeCommand),
    /// Submit a file, wait for its result and print it
    Submit(submit::Submit),
    /// Show one submission, or your latest ones
    Status(status::Status),
    /// Show a competition's leaderboard
    Leaderboard(leaderboard::Leaderboard),
    /// Keep a server's address and an API token for the commands above
    Login(login::Login),
}

/// A sentence for whoever sits at the terminal.
type Failure = String;

/// Runs the program.
pub fn main() -> ExitCode {
    if let Err(failure) = config::refuse_unknown_variables(&Cli::command()) {
        eprintln!("error: {failure}");
        return ExitCode::from(2);
    }
    let cli = Cli::parse();
    // What sandboxes read must be readable by everybody, whatever the caller's habits; secrets are
    // created with a mode of their own.
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let result = telemetry::start(&cli.settings.log).and_then(|()| run(cli.command, &cli.settings));
    result.unwrap_or_else(|failure| {
        eprintln!("error: {failure}");
        ExitCode::FAILURE
    })
}

fn run(command: Command, settings: &Settings) -> Result<ExitCode, Failure> {
    let done = match command {
        Command::Up(command) => command.run(settings),
        Command::Serve(command) => command.run(settings),
        Command::Runner(command) => command.run(settings),
        Command::Migrate => migrate::run(settings),
        Command::User(command) => command.run(settings),
        Command::Competition(command) => command.run(settings),
        Command::Metrics => metrics::run(),
        Command::Runtime(command) => command.run(settings),
        Command::Check(command) => return command.run(),
        Command::Score(command) => return command.run(),
        // These have codes of their own, which scripts can tell apart.
        Command::Submit(command) => return Ok(command.run()),
        Command::Status(command) => return Ok(command.run()),
        Command::Leaderboard(command) => return Ok(command.run()),
        Command::Login(command) => return Ok(command.run()),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// The names of all variables that settings are read from.
pub fn variables() -> Vec<String> {
    let mut names = Vec::new();
    config::collect_variables(&Cli::command(), &mut names);
    names.sort();
    names.dedup();
    names
}

impl Settings {
    /// The database's address: as it is set, else that of the private server that `up` runs.
    fn database_url(&self) -> Result<String, Failure> {
        if let Some(url) = &self.database.database_url {
            return Ok(url.clone());
        }
        let folder = self.postgres_dir();
        embedded::url_of_running(&folder).ok_or_else(|| {
            format!(
                "no database: set DATABASE_URL, or start `leanboard up`, whose private PostgreSQL \
                 lies in {} (only the account that started it can use it)",
                folder.display()
            )
        })
    }

    fn postgres_dir(&self) -> std::path::PathBuf {
        self.data.data_dir().join("postgres")
    }

    async fn connect(&self, connections: u32) -> Result<PgPool, Failure> {
        connect(&self.database_url()?, connections).await
    }
}

async fn connect(url: &str, connections: u32) -> Result<PgPool, Failure> {
    db::connect(url, connections)
        .await
        .map_err(|error| format!("the database cannot be reached (DATABASE_URL): {error}"))
}

/// A runtime for commands that mostly wait.
fn tokio_runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))
}
