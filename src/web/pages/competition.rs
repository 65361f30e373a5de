//! A competition's overview and its data.

use actix_files::NamedFile;
use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use chrono::{DateTime, Utc};

use super::error::PageError;
use super::figures::{self, Figure};
use super::frame::Frame;
use super::markdown::Prose;
use super::masthead::{Masthead, Tab};
use crate::db;
use crate::db::competitions::CompetitionFile;
use crate::domain::competition::{
    CompetitionSpec, Cost, Direction, EntryKind, Profile, Scenario, TaskKind, Window,
};
use crate::web::App;
use crate::web::boards::BoardScale;
use crate::web::error::{Error, Problem};
use crate::web::lookups::find_competition;

#[derive(Template, WebTemplate)]
#[template(path = "competitions/overview.html")]
pub struct OverviewPage {
    frame: Frame,
    masthead: Masthead,
    description: Prose,
    rules: Prose,
}

impl OverviewPage {
    fn spec(&self) -> &CompetitionSpec {
        &self.masthead.spec
    }

    fn is_single_stream(&self) -> bool {
        self.spec().measuring.scenario == Scenario::SingleStream
    }

    fn better(&self) -> &'static str {
        match self.spec().metric.direction() {
            Direction::HigherIsBetter => "higher is better",
            Direction::LowerIsBetter => "lower is better",
        }
    }

    fn benchmark(&self) -> String {
        figures::constant(self.spec().metric.benchmark)
    }

    fn prediction(&self) -> String {
        let task = &self.spec().task;
        match task.kind {
            TaskKind::Label => {
                format!("One of {} labels for each row", task.classes.len())
            }
            TaskKind::Value => match task.targets().len() {
                1 => "One number for each row".to_owned(),
                targets => format!("{targets} numbers for each row"),
            },
            TaskKind::Probability if task.classes.len() == 2 => {
                format!("The probability of {} for each row", task.classes[1])
            }
            TaskKind::Probability => {
                format!(
                    "The probabilities of {} classes for each row",
                    task.classes.len()
                )
            }
            TaskKind::List => "Ids for each row, the best guess first".to_owned(),
            TaskKind::Text => "A text for each row".to_owned(),
        }
    }

    fn cost(&self) -> &'static str {
        cost_in_words(self.spec().efficiency.cost)
    }

    fn window(&self) -> &'static str {
        match self.spec().measuring.window {
            Window::Inference => {
                "for one steady pass over the hidden test inputs, after the model is loaded"
            }
            Window::Total => {
                "for a process with one pass over the hidden test inputs, from start to exit"
            }
        }
    }

    fn profile(&self) -> &'static str {
        let measuring = &self.spec().measuring;
        match (measuring.profile, measuring.deepen) {
            (Profile::Quick | Profile::Standard, true) => {
                "quick: one warm-up and three trials; then, by an idle runner, up to thirty. The median \
                 counts"
            }
            (Profile::Quick | Profile::Standard, false) => {
                "quick: one warm-up and three trials; the median counts"
            }
        }
    }

    fn file_in_words(&self) -> String {
        file_in_words(&self.spec().entries.kinds)
    }

    fn time(&self) -> Figure {
        figures::duration(self.spec().limits.time)
    }
}

/// What is uploaded to a competition that takes these kinds.
pub fn file_in_words(kinds: &[EntryKind]) -> String {
    let files: Vec<&str> = kinds
        .iter()
        .map(|kind| match kind {
            EntryKind::Onnx => "one self-contained .onnx file",
            EntryKind::Tflite => "one .tflite file",
            EntryKind::Predict => "a .zip with predict.py",
            EntryKind::Script => "a .zip with main.py",
        })
        .collect();
    files.join(" or ")
}

/// What a competition counts as the cost.
pub fn cost_in_words(cost: Cost) -> &'static str {
    match cost {
        Cost::Cpu => "CPU time",
        Cost::Time => "wall time",
        Cost::Energy => "energy",
    }
}

/// The same on a board whose energies were made up.
pub fn cost_on_board(cost: Cost, scale: &BoardScale) -> &'static str {
    match scale {
        BoardScale::Frozen(scale) if scale.is_simulated() => "simulated energy",
        BoardScale::Frozen(_) | BoardScale::Pending | BoardScale::Degenerate(_) => {
            cost_in_words(cost)
        }
    }
}

pub async fn overview(
    app: Data<App>,
    slug: Path<String>,
    frame: Frame,
) -> Result<OverviewPage, PageError> {
    let competition = find_competition(&app, &slug).await?;
    Ok(OverviewPage {
        frame,
        masthead: Masthead::new(&competition.spec, app.clock.now(), Tab::Overview),
        description: Prose::of(&competition.description),
        rules: Prose::of(&competition.rules),
    })
}

#[derive(Template, WebTemplate)]
#[template(path = "competitions/data.html")]
pub struct DataPage {
    frame: Frame,
    masthead: Masthead,
    files: Vec<CompetitionFile>,
}

impl DataPage {
    /// A file's name without the folder that all of them lie in.
    fn name<'a>(&self, file: &'a CompetitionFile) -> &'a str {
        file.path.strip_prefix(FOLDER).unwrap_or(&file.path)
    }

    fn size(&self, file: &CompetitionFile) -> Figure {
        figures::bytes(file.size)
    }

    fn digest(&self, file: &CompetitionFile) -> String {
        file.digest.to_string()
    }
}

/// The folder of a bundle that participants download.
const FOLDER: &str = "data/";
/// The folder of example entries, some of which they may.
const STARTERS: &str = "starter/";

pub async fn data(app: Data<App>, slug: Path<String>, frame: Frame) -> Result<DataPage, PageError> {
    let competition = find_competition(&app, &slug).await?;
    let mut files = db::competitions::list_public_files(&app.db, competition.id).await?;
    // Starters are offered where they are uploaded.
    files.retain(|file| file.path.starts_with(FOLDER));
    Ok(DataPage {
        frame,
        masthead: Masthead::new(&competition.spec, app.clock.now(), Tab::Data),
        files,
    })
}

pub async fn download(
    app: Data<App>,
    path: Path<(String, String)>,
) -> Result<NamedFile, PageError> {
    let (slug, name) = path.into_inner();
    send(&app, &slug, FOLDER, &name).await
}

/// A starter that its host made public; the others are not found.
pub async fn download_starter(
    app: Data<App>,
    path: Path<(String, String)>,
) -> Result<NamedFile, PageError> {
    let (slug, name) = path.into_inner();
    send(&app, &slug, STARTERS, &name).await
}

/// Before a competition opens, nothing of its bundle is handed out.
pub fn refuse_unless_open(spec: &CompetitionSpec, now: DateTime<Utc>) -> Result<(), Error> {
    if now < spec.opens_at {
        return Err(Problem::forbidden(
            "competition_not_open",
            "The data can be downloaded once the competition is open.",
        )
        .into());
    }
    Ok(())
}

async fn send(app: &App, slug: &str, folder: &str, name: &str) -> Result<NamedFile, PageError> {
    let competition = find_competition(app, slug).await?;
    refuse_unless_open(&competition.spec, app.clock.now())?;
    let path = format!("{folder}{name}");
    if name.contains(char::is_control) {
        return Err(Problem::not_found("such file in this competition").into());
    }
    let file = db::competitions::find_public_file(&app.db, competition.id, &path)
        .await?
        .ok_or_else(|| Problem::not_found(format!("file `{name}` in this competition")))?;
    let bytes = app.store.open(&file.digest).await?;
    let file_name = name.rsplit('/').next().unwrap_or_default().to_owned();
    let file = NamedFile::from_file(bytes, name)
        .map_err(|error| Error::Internal(format!("{path} cannot be sent: {error}")))?;
    Ok(file.set_content_disposition(ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(file_name)],
    }))
}
