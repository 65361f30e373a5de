//! `leanboard serve`: the web server, which needs no rights at all.

use clap::Args;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid, setgid, setgroups, setuid};

use super::{Failure, Settings};
use crate::config::ServeSettings;
use crate::db;
use crate::domain::clock::Clock;
use crate::domain::units::Bytes;
use crate::store::Store;
use crate::web;

#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    settings: ServeSettings,
    /// As root: give up all rights and go on as this account
    #[arg(long, value_name = "ACCOUNT", hide = true)]
    run_as: Option<String>,
}

impl Serve {
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        let url = settings.database_url()?;
        let listener = web::bind(self.settings.listen)?;
        if let Some(account) = &self.run_as {
            become_account(account)?;
        }
        actix_web::rt::System::new().block_on(async {
            let db = super::connect(&url, 16).await?;
            db::check_schema(&db).await?;
            let parts = web::Parts {
                db,
                store: Store::local(&settings.data.store_dir())
                    .map_err(|error| error.to_string())?
                    .keeping_free(Bytes::from_mib(self.settings.min_free_mib)),
                clock: Clock::System,
                public_url: self.settings.public_url.clone(),
                sign_up: self.settings.sign_up,
                workers: self.settings.web_workers.into(),
                most_streams: self.settings.event_streams.into(),
                longest_stream: web::LONGEST_STREAM,
            };
            let address = listener.local_addr().map_err(|error| error.to_string())?;
            let server = web::server(parts, listener).map_err(|error| error.to_string())?;
            tracing::info!("listening on http://{address}");
            server
                .await
                .map_err(|error| format!("the web server failed: {error}"))
        })
    }
}

/// Gives up root, for good, before anything is read from the network.
pub fn become_account(name: &str) -> Result<(), Failure> {
    let account = find_account(name)?;
    if !geteuid().is_root() {
        return Err("only root can go on as another account".to_owned());
    }
    setgroups(&[])
        .and_then(|()| setgid(account.gid))
        .and_then(|()| setuid(account.uid))
        // Another account forgets whose death it ends with.
        .and_then(|()| prctl::set_pdeathsig(Signal::SIGTERM))
        .map_err(|errno| format!("cannot go on as `{name}`: {errno}"))
}

/// The account of this name.
pub fn find_account(name: &str) -> Result<User, Failure> {
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user),
        Ok(None) | Err(_) => Err(format!(
            "there is no account `{name}` (--user, LEANBOARD_USER)"
        )),
    }
}
