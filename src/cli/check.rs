//! `leanboard check`: what can be known of an entry without running it, said to a participant, without a
//! server.

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Failure;
use super::output::say;
use crate::competitions::Feed;
use crate::domain::units::Bytes;
use crate::entries::tensors::TensorSpec;
use crate::entries::{self, Checked, Content, Rejection};
use crate::web::pages::figures;

#[derive(Debug, Args)]
#[command(
    after_help = "The same check stands at the door of a server. Ends with 0 if the file would pass it, and 1 \
    if it would not, or cannot be read."
)]
pub struct CheckCommand {
    /// The entry: a model file, or a zip
    file: PathBuf,
    /// The bundle's folder, of which competition.toml and the public sample are read
    #[arg(long, value_name = "DIR")]
    competition: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl CheckCommand {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let feed = self.feed()?;
        let file = File::open(&self.file).map_err(|error| self.unreadable(&error))?;
        let size = file.metadata().map_err(|error| self.unreadable(&error))?;
        let size = Bytes::new(size.len());
        let limit = feed.spec.entries.max_size();
        if size > limit {
            return Err(format!(
                "{} has {size}, and {} takes {limit} at most",
                self.file.display(),
                feed.spec.slug
            ));
        }
        let columns: Vec<_> = (feed.columns.iter())
            .map(|(name, kind)| (name.as_str(), *kind))
            .collect();
        let checked = entries::check(file, size, &feed.spec.entries, &std::env::temp_dir())
            .map_err(|error| self.unreadable(&error))?
            .and_then(|checked| {
                entries::fit::check(&checked, &columns, &feed.spec.task, feed.spec.most_rows())?;
                Ok(checked)
            });
        match checked {
            Ok(checked) => self.passed(&feed, &checked, size),
            Err(rejection) => self.refused(&rejection),
        }
    }

    fn feed(&self) -> Result<Feed, Failure> {
        Feed::read(&self.competition).map_err(|findings| {
            let lines = findings.iter().map(|finding| format!("\n  {finding}"));
            let lines: String = lines.collect();
            let folder = self.competition.display();
            format!("{folder} cannot be checked against:{lines}")
        })
    }

    fn unreadable(&self, error: &std::io::Error) -> Failure {
        format!("{} cannot be read: {error}", self.file.display())
    }

    fn passed(&self, feed: &Feed, checked: &Checked, size: Bytes) -> Result<ExitCode, Failure> {
        let kind = checked.kind().as_str();
        if self.json {
            say(json!({ "kind": kind, "size_bytes": size.as_u64(), "model": checked }))?;
            return Ok(ExitCode::SUCCESS);
        }
        say(format!(
            "{}: {}, {kind}: {} would take it",
            self.file.display(),
            figures::bytes(size).text(),
            feed.spec.slug
        ))?;
        for line in facts(checked) {
            say(format!("  {line}"))?;
        }
        say(
            "It was not run: what only running shows, such as rows that get lost, comes up in the smoke run.",
        )?;
        Ok(ExitCode::SUCCESS)
    }

    fn refused(&self, rejection: &Rejection) -> Result<ExitCode, Failure> {
        if self.json {
            let code = rejection.code.as_str();
            let error = json!({ "code": code, "message": rejection.message });
            say(json!({ "error": error }))?;
            return Ok(ExitCode::FAILURE);
        }
        Err(format!(
            "{} ({})",
            rejection.message,
            rejection.code.as_str()
        ))
    }
}

fn facts(checked: &Checked) -> Vec<String> {
    let tensors = |inputs: &[TensorSpec], outputs: &[TensorSpec]| {
        let line = |what: &str, tensor: &TensorSpec| format!("{what:<9}{tensor}");
        let inputs = inputs.iter().map(|tensor| line("input", tensor));
        let outputs = outputs.iter().map(|tensor| line("output", tensor));
        inputs.chain(outputs).collect::<Vec<String>>()
    };
    let size = |parameters: u64, nodes: u64| {
        format!(
            "{:<9}{} parameters, {} operators",
            "holds",
            figures::count(parameters),
            figures::count(nodes)
        )
    };
    let batch = checked
        .manifest
        .as_ref()
        .and_then(|manifest| manifest.batch_size);
    let batch = batch.map(|rows| format!("{:<9}{rows} rows at once", "asks for"));
    let facts = match &checked.content {
        Content::Onnx(model) => {
            let mut lines = tensors(&model.inputs, &model.outputs);
            lines.push(size(model.parameter_count, model.node_count));
            lines
        }
        Content::Tflite(model) => {
            let mut lines = tensors(&model.inputs, &model.outputs);
            lines.push(size(model.parameter_count, model.node_count));
            lines
        }
        Content::Predict(code) | Content::Script(code) => vec![format!(
            "{:<9}{} files, {} unpacked",
            "holds",
            code.file_count,
            figures::bytes(Bytes::new(code.unpacked_bytes)).text()
        )],
    };
    facts.into_iter().chain(batch).collect()
}
