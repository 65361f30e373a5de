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
use crate::domain::statistics::Interval;
use crate::scoring::{self, BadPredictions, Predictions, ScoreError, Scores, Terms};
use crate::web::figures;

#[derive(Debug, Args)]
#[command(
    after_help = "The file has the columns of the sample submission, as scripts leave it. Ends with 0 \
    if there are scores, and 1 if the predictions, or the bundle, cannot be used."
)]
pub struct ScoreCommand {
    /// The predictions: a submission.csv, or the same in Parquet
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
        if key.spec.metric.is_custom() {
            return Err(Refusal::Other(
                "the competition's metric is a file of its host's, metric.py, which runs in a runner's \
                 sandbox alone: submit the predictions by a script to have them scored"
                    .to_owned(),
            ));
        }
        let unreadable = |error| format!("{} cannot be read: {error}", self.file.display());
        let file = File::open(&self.file).map_err(|error| Refusal::Other(unreadable(error)))?;
        let predictions = Predictions::read_trusted(file, &key.spec, &key.ids)
            .map_err(|error| Refusal::Other(unreadable(error)))?
            .map_err(Refusal::Predictions)?;
        let scores = scoring::score(&key.spec, &key.solution, &predictions);
        let scores = scores.map_err(|error| match error {
            ScoreError::Predictions(bad) => Refusal::Predictions(bad),
            error @ (ScoreError::RowsDiffer { .. }
            | ScoreError::KindsDiffer(_)
            | ScoreError::Elsewhere(_)
            | ScoreError::Undefined(..)
            | ScoreError::NotFinite(_)) => Refusal::Other(error.to_string()),
        })?;
        let parts = parts(&key, &predictions, &scores);
        Ok(match self.json {
            true => vec![document(&key, &parts).to_string()],
            false => lines(&key, &parts),
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

/// Some of the test rows.
struct Part {
    name: &'static str,
    rows: usize,
    score: Score,
    interval: Option<Interval>,
}

fn parts(key: &AnswerKey, predictions: &Predictions, scores: &Scores) -> [Part; 3] {
    let solution = &key.solution;
    let terms = Terms::of(&key.spec, predictions.answers(), solution.answers());
    let part = |name, rows: Vec<usize>, score| Part {
        name,
        rows: rows.len(),
        score,
        interval: terms.as_ref().and_then(|terms| terms.interval(&rows)),
    };
    // For many rows the intervals take as long as the scores.
    std::thread::scope(|scope| {
        let all = scope.spawn(|| part("all", (0..solution.rows()).collect(), scores.all));
        let public = part("public", solution.rows_of(Split::Public), scores.public);
        let private = part("private", solution.rows_of(Split::Private), scores.private);
        match all.join() {
            Ok(all) => [public, private, all],
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn document(key: &AnswerKey, parts: &[Part]) -> serde_json::Value {
    let metric = key.spec.metric.name;
    let mut document = json!({
        "competition": key.spec.slug,
        "metric": metric,
        "direction": key.spec.metric.direction(),
    });
    for part in parts {
        document[part.name] = json!({
            "rows": part.rows,
            "score": part.score,
            "interval": part.interval.map(|ends| json!({ "low": ends.low, "high": ends.high })),
        });
    }
    document
}

fn lines(key: &AnswerKey, parts: &[Part]) -> Vec<String> {
    let metric = key.spec.metric.name;
    let better = match key.spec.metric.direction() {
        Direction::HigherIsBetter => "higher is better",
        Direction::LowerIsBetter => "lower is better",
    };
    let figure = |score: f64| figures::score(metric, score);
    let mut lines = vec![format!("{}: {}, {better}", key.spec.slug, key.spec.metric)];
    for part in parts {
        let range = match part.interval {
            Some(Interval { low, high }) => format!("{}–{}", figure(low), figure(high)),
            None => String::new(),
        };
        let (name, score) = (part.name, part.score.as_f64());
        lines.push(format!(
            "  {name:<8} {score:<20} {range:<16} {} rows",
            part.rows
        ));
    }
    lines.push(match parts.iter().any(|part| part.interval.is_some()) {
        true => "The ranges are bootstrap intervals of 95 %: what other rows of this kind would score.",
        false => "No intervals: the metric is no mean over rows, or there are too few of them.",
    }.to_owned());
    lines
}
