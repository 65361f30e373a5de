//! `leanboard submit`: sends a file, waits for its result and prints it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::client::documents::{Created, Problem, SubmissionDocument};
use super::client::progress::{Progress, Upload};
use super::client::{self, Client, ClientError, result};
use super::output::say;
use super::tokio_runtime;
use crate::config::ClientSettings;
use crate::domain::names::clean_file_name;
use crate::domain::units::Bytes;

/// While it waits: many may wait at the same time.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// While it is measured, which few are at the same time: a trial takes little more than half a
/// second, and each should be seen.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// A server that is started anew comes back within this time.
const LOST_MAX: Duration = Duration::from_secs(60);
/// The board hears of a result a moment after it is stored.
const RANK_WAIT_MAX: Duration = Duration::from_secs(10);
/// As shells have it for what Ctrl-C ended.
const INTERRUPTED: u8 = 130;

#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 if the submission was scored (with --no-wait, if it was \
    queued), 1 if it was refused, failed or was cancelled or the connection was lost, 2 if an \
    argument or a setting is wrong, and 130 on Ctrl-C, which leaves it as it is, queued or running."
)]
pub struct Submit {
    /// The file to submit
    file: PathBuf,
    /// The competition's slug, as in its address
    #[arg(long, short, value_name = "SLUG")]
    competition: String,
    /// What you did, for your own overview and for others
    #[arg(long, short, value_name = "TEXT", default_value = "")]
    description: String,
    /// Do not wait for the result
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    client: ClientSettings,
}

impl Submit {
    pub fn run(self) -> ExitCode {
        client::finish(self.submit())
    }

    fn submit(&self) -> Result<ExitCode, ClientError> {
        let client = Client::with_token(&self.client)?;
        let mut progress = Progress::on_standard_error();
        let created = self.send(&client, &mut progress)?;
        let queued = format!("Queued as submission {}", created.number);
        if self.no_wait {
            say(format!("{queued}: {}", client.page(&created.url)))?;
            return Ok(ExitCode::SUCCESS);
        }
        progress.say(&queued);
        let runtime = tokio_runtime()?;
        let outcome = runtime.block_on(wait(&client, &created, &mut progress));
        // A question that is still on its way to the server is not waited for.
        runtime.shutdown_background();
        outcome
    }

    fn send(&self, client: &Client, progress: &mut Progress) -> Result<Created, ClientError> {
        let (file, size) = client::open(&self.file)?;
        let name = clean_file_name(&self.file.to_string_lossy());
        let started = client.start_upload(&self.competition, &name)?;
        if size > started.max_size_bytes {
            let detail = format!(
                "The file is larger than this competition takes: {} of at most {}.",
                Bytes::new(size),
                Bytes::new(started.max_size_bytes)
            );
            let server = client.server();
            let problem = Problem::new(413, "upload_too_large", detail, server);
            return Err(ClientError::Refused(Box::new(problem)));
        }
        let mut upload = Upload::new(file, progress, &name, size);
        let sent = client.send(&started, &mut upload, size);
        if let Err(error) = sent {
            drop(upload);
            progress.clear();
            return Err(nothing_submitted(error));
        }
        upload.finish();
        client
            .commit(&started.id, &self.description)
            .map_err(|error| match error {
                // It may have arrived, and its answer not.
                ClientError::Lost(text) => ClientError::Lost(format!(
                    "{text}\nWhether the file was submitted is not known: look with `leanboard \
                     status --competition {}`, and submit it again if it is not there.",
                    self.competition
                )),
                other => other,
            })
    }
}

/// Where the connection broke in the middle of a file, it is certain that nothing came of it.
fn nothing_submitted(error: ClientError) -> ClientError {
    match error {
        ClientError::Lost(text) => {
            ClientError::Lost(format!("{text}\nNothing was submitted: try it again."))
        }
        other => other,
    }
}

async fn wait(
    client: &Client,
    created: &Created,
    progress: &mut Progress,
) -> Result<ExitCode, ClientError> {
    let number = created.number;
    let waited = tokio::select! {
        waited = until_final(client, &created.id, progress) => Some(waited),
        _ = tokio::signal::ctrl_c() => None,
    };
    progress.clear();
    match waited {
        Some(Ok(submission)) => {
            let competition = client.competition(&submission.competition)?;
            for line in result::report(client, &submission, &competition) {
                say(line)?;
            }
            Ok(match submission.status.as_str() {
                "scored" => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            })
        }
        Some(Err(ClientError::Lost(text))) => Err(ClientError::Lost(format!(
            "{text}\nThe file is submitted, as number {number}. See later how it fared: leanboard \
             status {number}"
        ))),
        Some(Err(error)) => Err(error),
        None => {
            progress.say(&format!(
                "\nSubmission {number} is left as it is, queued or running. See how it fares: \
                 leanboard status {number}\nIts report: {}",
                client.page(&created.url)
            ));
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

/// Looks again and again until nothing will change any more, and shows what does.
async fn until_final(
    client: &Client,
    id: &str,
    progress: &mut Progress,
) -> Result<SubmissionDocument, ClientError> {
    let begun_at = Instant::now();
    let mut heard_at = Instant::now();
    let mut final_since = None;
    loop {
        let mut pause = LOOK_EVERY;
        match look(client, id).await {
            Ok(submission) => {
                heard_at = Instant::now();
                let state = result::state(&submission);
                if submission.status != "queued" {
                    pause = WATCH_EVERY;
                }
                match submission.status.as_str() {
                    "queued" | "running" => progress.show(&with_time(&state, begun_at, progress)),
                    _ => {
                        let since = *final_since.get_or_insert_with(Instant::now);
                        if !lacks_its_rank(&submission) || since.elapsed() > RANK_WAIT_MAX {
                            return Ok(submission);
                        }
                    }
                }
            }
            Err(error) if may_pass(&error) && heard_at.elapsed() < LOST_MAX => {
                progress.show("The connection is lost; trying again …");
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause).await;
    }
}

/// On a terminal the time shows that something is going on; in a log each line would be new.
fn with_time(state: &str, begun_at: Instant, progress: &Progress) -> String {
    match progress.is_terminal() {
        true => format!("{state}  ({} s)", begun_at.elapsed().as_secs()),
        false => state.to_owned(),
    }
}

async fn look(client: &Client, id: &str) -> Result<SubmissionDocument, ClientError> {
    let (client, id) = (client.clone(), id.to_owned());
    tokio::task::spawn_blocking(move || client.submission(&id))
        .await
        .map_err(|error| ClientError::Failed(error.to_string()))?
}

fn may_pass(error: &ClientError) -> bool {
    match error {
        ClientError::Lost(_) => true,
        ClientError::Refused(problem) => problem.status >= 500,
        // Such as the page of what stands before a server that is being started anew.
        ClientError::Failed(_) => true,
        ClientError::Usage(_) => false,
    }
}

/// Whether it counts but is not on the board yet.
fn lacks_its_rank(submission: &SubmissionDocument) -> bool {
    let result = submission.result.as_ref();
    let standing = result.and_then(|result| result.standing.as_ref());
    standing.is_some_and(|standing| {
        standing.rank.is_none() && standing.behind.is_none() && standing.unranked.is_none()
    })
}
