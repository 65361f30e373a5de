//! `leanboard status`: how submissions fare.

use std::process::ExitCode;

use clap::Args;

use super::client::documents::SubmissionDocument;
use super::client::table::{Column, lay_out, width_of_output};
use super::client::{self, Client, ClientError, result};
use super::output::say;
use crate::config::ClientSettings;

const COLUMNS: [Column; 6] = [
    Column::right("number"),
    Column::left("competition").cut(),
    Column::left("submitted").droppable(2),
    Column::left("state"),
    Column::right("score"),
    Column::left("file").cut().droppable(1),
];

#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 if there was something to show, 1 if the server refused or was \
    not reached, and 2 if an argument or a setting is wrong."
)]
pub struct Status {
    /// A submission's number or id; without one, your latest submissions
    submission: Option<String>,
    /// Your submissions to this competition only
    #[arg(long, short, value_name = "SLUG", conflicts_with = "submission")]
    competition: Option<String>,
    #[command(flatten)]
    client: ClientSettings,
}

impl Status {
    pub fn run(self) -> ExitCode {
        client::finish(self.show())
    }

    fn show(&self) -> Result<ExitCode, ClientError> {
        match &self.submission {
            Some(id) => show_one(&Client::new(&self.client)?, id)?,
            None => {
                let client = Client::with_token(&self.client)?;
                show_all(&client.submissions(self.competition.as_deref())?)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show_one(client: &Client, id: &str) -> Result<(), ClientError> {
    let submission = client.submission(id)?;
    let competition = client.competition(&submission.competition)?;
    for line in result::report(client, &submission, &competition) {
        say(line)?;
    }
    Ok(())
}

fn show_all(submissions: &[SubmissionDocument]) -> Result<(), ClientError> {
    if submissions.is_empty() {
        say("You have submitted nothing yet.")?;
        return Ok(());
    }
    let rows: Vec<Vec<String>> = submissions.iter().map(row).collect();
    for line in lay_out(&COLUMNS, &rows, width_of_output()) {
        say(line)?;
    }
    Ok(())
}

fn row(submission: &SubmissionDocument) -> Vec<String> {
    let state = match &submission.failure {
        Some(failure) => format!("{}: {}", submission.status, failure.code),
        None => result::state(submission),
    };
    let score = submission.result.as_ref().map(|scored| scored.score);
    vec![
        submission.number.to_string(),
        submission.competition.clone(),
        submission
            .submitted_at
            .format("%-d %b %Y %H:%M UTC")
            .to_string(),
        state,
        score.map(result::score).unwrap_or_default(),
        submission.file_name.clone(),
    ]
}
