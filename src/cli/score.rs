//! `leanboard score`: what a file of predictions scores, said to a host, without a server.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Failure;
use super::output::say;
use crate::competitions::AnswerKey;
use crate::domain::competition::Direction;
use crate::domain::score::Score;
use crate::domain::split::Split;
use crate::scoring::{self, BadPredictions, Predictions, ScoreError, Scores};

#[derive(Debug, Args)]
#[command(
    after_help = "The file has the columns of the sample submission, as scripts leave it. Ends with 0 \
    if there are scores, and 1 if the predictions, or the bundle, cannot be used."
)]
pub struct ScoreCommand {
    /// The predictions: a submission.csv
    file: PathBuf,
    /// The bundle's folder, of which competition.toml and the solution are read
    #[arg(long, value_name = "DIR")]
    competition: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Why there are no scores.
enum Refusal {
    Predictions(BadPredictions),
    /// The host's mistake, or the machine's.
    Other(Failure),
}

impl ScoreCommand {
    pub fn run(self) -> Result<ExitCode, Failure> {
        match self.score() {
            Ok(lines) => {
                for line in lines {
                    say(line)?;
                }
                Ok(ExitCode::SUCCESS)
            }
            Err(Refusal::Predictions(bad)) if self.json => {
                let error = json!({ "code": bad.fault.as_str(), "message": bad.message });
                say(json!({ "error": error }))?;
                Ok(ExitCode::FAILURE)
            }
            Err(Refusal::Predictions(bad)) => Err(bad.message),
            Err(Refusal::Other(failure)) => Err(failure),
        }
    }

    fn score(&self) -> Result<Vec<String>, Refusal> {
        let key = read_key(&self.competition).map_err(Refusal::Other)?;
        let unreadable = |error| format!("{} cannot be read: {error}", self.file.display());
        let file = File::open(&self.file).map_err(|error| Refusal::Other(unreadable(error)))?;
        let predictions = Predictions::read_submission(file, &key.spec, &key.ids)
            .map_err(Refusal::Predictions)?;
        let scores = scoring::score(&key.spec, &key.solution, &predictions);
        let scores = scores.map_err(|error| match error {
            ScoreError::Predictions(bad) => Refusal::Predictions(bad),
            error @ (ScoreError::RowsDiffer { .. }
            | ScoreError::KindsDiffer(_)
            | ScoreError::Undefined(..)
            | ScoreError::NotFinite(_)) => Refusal::Other(error.to_string()),
        })?;
        Ok(match self.json {
            true => vec![document(&key, &scores).to_string()],
            false => lines(&key, &scores),
        })
    }
}

fn read_key(folder: &Path) -> Result<AnswerKey, Failure> {
    AnswerKey::read(folder).map_err(|findings| {
        let lines = findings.iter().map(|finding| format!("\n  {finding}"));
        let lines: String = lines.collect();
        format!("{} cannot be scored by:{lines}", folder.display())
    })
}

/// Each part of the test rows with its number of rows and its score.
fn parts(key: &AnswerKey, scores: &Scores) -> [(&'static str, usize, Score); 3] {
    let rows = |split| key.solution.rows_of(split).len();
    [
        ("public", rows(Split::Public), scores.public),
        ("private", rows(Split::Private), scores.private),
        ("all", key.solution.rows(), scores.all),
    ]
}

fn document(key: &AnswerKey, scores: &Scores) -> serde_json::Value {
    let metric = key.spec.metric.name;
    let mut document = json!({
        "competition": key.spec.slug,
        "metric": metric,
        "direction": metric.direction(),
    });
    for (name, rows, score) in parts(key, scores) {
        document[name] = json!({ "rows": rows, "score": score });
    }
    document
}

fn lines(key: &AnswerKey, scores: &Scores) -> Vec<String> {
    let metric = key.spec.metric.name;
    let better = match metric.direction() {
        Direction::HigherIsBetter => "higher is better",
        Direction::LowerIsBetter => "lower is better",
    };
    let mut lines = vec![format!("{}: {metric}, {better}", key.spec.slug)];
    for (name, rows, score) in parts(key, scores) {
        lines.push(format!("  {name:<8} {score:<20} {rows} rows"));
    }
    lines
}
