//! `leanboard login`: keeps the server's address and a token where the other commands find them.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::thread;

use clap::Args;
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};

use super::client::{self, Client, ClientError};
use super::output::say;
use crate::config::client_file;
use crate::config::{ClientSettings, Token};

#[derive(Debug, Args)]
#[command(
    after_help = "The token is read from standard input. Ends with 0 if the server knows it, \
    1 if it does not or was not reached, and 2 if an argument or a setting is wrong."
)]
pub struct Login {
    #[command(flatten)]
    client: ClientSettings,
}

impl Login {
    pub fn run(self) -> ExitCode {
        client::finish(self.login())
    }

    fn login(&self) -> Result<ExitCode, ClientError> {
        let server = Client::new(&self.client)?.server().to_owned();
        let token = match &self.client.token {
            Some(given) => given.check().map_err(ClientError::Usage)?,
            None => ask(&server)?,
        };
        // One that the server does not know is not kept.
        Client::of(server.clone(), Some(token.clone())).submissions(None)?;
        let path = client_file::write(&server, &token)?;
        say(format!(
            "{server} knows this token; it is kept in {}",
            path.display()
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn ask(server: &str) -> Result<Token, ClientError> {
    let is_terminal = io::stdin().is_terminal();
    if is_terminal {
        eprintln!("Make a token on {server}/account and paste it here; it is not shown:");
    }
    let line = match is_terminal {
        true => read_unseen(),
        false => io::read_to_string(io::stdin()),
    };
    let line = line.map_err(|error| ClientError::Usage(format!("no token: {error}")))?;
    Token::parse(&line).map_err(ClientError::Usage)
}

/// A line that the terminal does not show while it is typed.
fn read_unseen() -> io::Result<String> {
    let input = io::stdin();
    let before = termios::tcgetattr(&input)?;
    let mut unseen = before.clone();
    unseen.local_flags.remove(LocalFlags::ECHO);
    let ends = SigSet::from_iter([
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
    ]);
    ends.thread_block()?;
    restore_on(ends, before.clone());
    termios::tcsetattr(&input, SetArg::TCSAFLUSH, &unseen)?;
    let mut line = String::new();
    let read = input.read_line(&mut line);
    termios::tcsetattr(&input, SetArg::TCSANOW, &before)?;
    ends.thread_unblock()?;
    read.map(|_| line)
}

/// Whoever gives up at the prompt gets the terminal back as it was.
fn restore_on(ends: SigSet, before: Termios) {
    thread::spawn(move || {
        let Ok(signal) = ends.wait() else { return };
        // Nothing is left to tell it to, and the signal ends the program.
        let _ = termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &before);
        let _ = ends.thread_unblock();
        let _ = raise(signal);
    });
}
