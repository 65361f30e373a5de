//! A Python script that makes an entry of one's own, written for one competition: it reads its
//! training data, and saves a model that keeps its contract.

use actix_web::HttpResponse;
use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::{Data, Path};
use askama::Template;

use super::competition::refuse_unless_open;
use super::error::PageError;
use crate::domain::competition::{CompetitionSpec, EntryKind, Metric, Scenario, TaskKind};
use crate::domain::table::TableFormat;
use crate::web::App;
use crate::web::contracts::{self, Contract};
use crate::web::error::Problem;
use crate::web::lookups::find_competition;

/// The longest line of the script's lists.
const LINE_CHARS: usize = 96;

#[derive(Debug, Template)]
#[template(path = "competitions/starter.py", escape = "none")]
pub struct StarterScript<'a> {
    spec: &'a CompetitionSpec,
    contract: &'a Contract,
}

impl<'a> StarterScript<'a> {
    /// `None` where no model can be made of what can be downloaded, or none is taken.
    pub fn new(spec: &'a CompetitionSpec, contract: &'a Contract) -> Option<StarterScript<'a>> {
        let can_show = match spec.task.kind {
            TaskKind::Label => true,
            TaskKind::Value => spec.task.targets().len() == 1,
            TaskKind::Probability | TaskKind::List | TaskKind::Text => false,
        };
        let is_for = spec.entries.kinds.contains(&EntryKind::Onnx) && contract.has_training_data;
        // It reads CSV, in which no row has an array.
        let is_csv = TableFormat::of(&spec.task.sample) == TableFormat::Csv;
        (is_for && can_show && is_csv).then_some(StarterScript { spec, contract })
    }

    fn numbers(&self) -> String {
        list(self.contract.numeric().map(|column| &column.name))
    }

    fn texts(&self) -> String {
        let columns = self.contract.columns.iter();
        list(
            columns
                .filter(|column| !column.kind.is_numeric())
                .map(|column| &column.name),
        )
    }

    /// Whether there is a column of text, so that the model takes each column as an input.
    fn has_texts(&self) -> bool {
        self.contract
            .columns
            .iter()
            .any(|column| !column.kind.is_numeric())
    }

    fn has_numbers(&self) -> bool {
        self.contract.numeric().next().is_some()
    }

    fn is_label_task(&self) -> bool {
        match self.spec.task.kind {
            TaskKind::Label => true,
            TaskKind::Value | TaskKind::Probability | TaskKind::List | TaskKind::Text => false,
        }
    }

    fn is_single_stream(&self) -> bool {
        self.spec.measuring.scenario == Scenario::SingleStream
    }

    fn target(&self) -> String {
        self.spec
            .task
            .targets()
            .iter()
            .map(|target| literal(target))
            .collect()
    }

    /// Whether every class is a whole number as Python writes it, so that the model may answer with
    /// integers.
    fn has_whole_classes(&self) -> bool {
        let classes = &self.spec.task.classes;
        let is_whole = |class: &String| {
            class
                .parse::<i64>()
                .is_ok_and(|number| number.to_string() == *class)
        };
        classes.iter().all(is_whole)
    }

    fn number_type(&self) -> &'static str {
        match self.contract.fits_float32() {
            true => "float32",
            false => "float64",
        }
    }

    fn tensor_type(&self) -> &'static str {
        match self.contract.fits_float32() {
            true => "FloatTensorType",
            false => "DoubleTensorType",
        }
    }

    fn sample(&self) -> String {
        literal(self.spec.task.sample.rsplit('/').next().unwrap_or_default())
    }
}

/// A text as Python reads it; JSON's are among those.
fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A Python list, on as many lines as it needs.
fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let mut lines = vec![String::new()];
    for name in names {
        let item = format!("{},", literal(name));
        match lines.last_mut() {
            Some(line) if line.len() + item.len() < LINE_CHARS => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(&item);
            }
            _ => lines.push(item),
        }
    }
    match lines.as_slice() {
        [line] => format!("[{}]", line.trim_end_matches(',')),
        lines => format!("[\n    {}\n]", lines.join("\n    ")),
    }
}

pub async fn download(app: Data<App>, slug: Path<String>) -> Result<HttpResponse, PageError> {
    let competition = find_competition(&app, &slug).await?;
    refuse_unless_open(&competition.spec, app.clock.now())?;
    let contract = contracts::find(&app, &competition).await?;
    let script = StarterScript::new(&competition.spec, &contract)
        .ok_or_else(|| Problem::not_found("starter script for this competition"))?
        .render()?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header(ContentDisposition {
            disposition: DispositionType::Attachment,
            parameters: vec![DispositionParam::Filename("starter.py".to_owned())],
        })
        .body(script + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_python_reads_them() {
        let names = ["a", "say \"x\"", "ä\n"].map(str::to_owned);
        assert_eq!(list(names.iter()), r#"["a", "say \"x\"", "ä\n"]"#);
        assert_eq!(list([].iter()), "[]");
        let many: Vec<String> = (0..40).map(|at| format!("column_{at}")).collect();
        let lines = list(many.iter());
        assert!(lines.starts_with("[\n    \"column_0\",") && lines.ends_with(",\n]"));
        assert!(lines.lines().all(|line| line.len() <= LINE_CHARS + 4));
    }
}
