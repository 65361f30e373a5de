//! `leanboard user`: makes accounts without the web page.

use clap::Subcommand;

use super::output::say;
use super::{Failure, Settings, tokio_runtime};
use crate::db;
use crate::db::Inserted;
use crate::domain::names;
use crate::web::auth::{self, Secret};

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make an account; prints its password and an API token, once
    Create {
        /// The account's name
        name: String,
        /// It sees the private board, private scores and the logs of smoke runs
        #[arg(long)]
        host: bool,
    },
}

impl UserCommand {
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        match self {
            UserCommand::Create { name, host } => create(settings, &name, host),
        }
    }
}

fn create(settings: &Settings, name: &str, is_host: bool) -> Result<(), Failure> {
    let name = names::parse_user_name(name).map_err(|error| error.to_string())?;
    let password = Secret::password();
    let hash = auth::hash_password(password.as_str()).map_err(|error| error.to_string())?;
    let token = Secret::token();
    tokio_runtime()?.block_on(async {
        let pool = settings.connect(1).await?;
        let failed = |error: db::Error| format!("the account cannot be made: {error}");
        let mut transaction = pool.begin().await.map_err(failed)?;
        let user = db::accounts::insert_user(&mut *transaction, &name, &hash, is_host)
            .await
            .map_err(failed)?;
        let Inserted::New(user) = user else {
            return Err(format!("there is an account named `{name}` already"));
        };
        db::accounts::insert_token(&mut *transaction, user, "command line", &token.digest())
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        say(format!("name      {name}"))?;
        say(format!("password  {}", password.as_str()))?;
        say(format!("token     {}", token.as_str()))?;
        say("Both are shown this once. Send the token as `Authorization: Bearer …`.")
    })
}
