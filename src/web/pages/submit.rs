//! The form that a submission is uploaded with.

use std::iter;
use std::sync::Arc;

use actix_multipart::Multipart;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;

use super::competition::{cost_on_board, file_in_words};
use super::error::PageError;
use super::figures::{self, Figure};
use super::frame::{Frame, OwnFrame};
use super::machine::{self, Machine};
use super::masthead::{Masthead, Tab};
use super::starter_script::StarterScript;
use super::{page, see_other};
use crate::db;
use crate::db::boards::BoardLine;
use crate::db::competitions::Competition;
use crate::domain::clock::start_of_day;
use crate::domain::competition::{
    CompetitionSpec, EntryKind, Metric, Scenario, Starter, TaskKind, Window,
};
use crate::domain::ranking::Board;
use crate::domain::split::Split;
use crate::web::App;
use crate::web::boards::{self, BoardView, Wanted};
use crate::web::contracts::{self, Contract};
use crate::web::error::{Error, Problem};
use crate::web::forms::{self, RefusedForm};
use crate::web::lookups::find_competition;
use crate::web::runtimes::RuntimeDocument;
use crate::web::uploads::BAD_DESCRIPTION;

#[derive(Template)]
#[template(path = "competitions/submit.html")]
struct SubmitPage {
    frame: Frame,
    masthead: Masthead,
    /// How many submissions the reader's team has made today.
    used_today: u32,
    description: String,
    refused: Option<Problem>,
    contract: Arc<Contract>,
    /// The public efficiency board, for what the starters came to.
    board: Arc<BoardView>,
    /// Of the latest runner that is alive.
    machine: Option<Machine>,
    /// What that machine shows to its sandboxes.
    runtime: Option<RuntimeDocument>,
    script: Option<String>,
}

/// A file of the host's that can be downloaded, and uploaded again.
struct Offer<'a> {
    starter: &'a Starter,
    address: String,
    size: Figure,
    /// What it came to when the host entered it.
    line: Option<&'a BoardLine>,
    score: Option<String>,
    cost: Option<Figure>,
}

impl Offer<'_> {
    fn name(&self) -> &str {
        self.starter
            .file
            .rsplit('/')
            .next()
            .unwrap_or(&self.starter.file)
    }

    fn rank(&self) -> Option<i32> {
        self.line?.rank
    }
}

/// A stretch of a run, and whether the ranking counts it.
struct Stretch {
    name: &'static str,
    what: &'static str,
    counts: bool,
    /// Whose stretch it is, where kinds are taken that differ in this.
    kinds: Vec<EntryKind>,
}

impl SubmitPage {
    async fn read(app: &App, competition: &Competition, frame: Frame) -> Result<SubmitPage, Error> {
        let now = app.clock.now();
        let team = match frame.viewer() {
            Some(viewer) => db::teams::find_of_user(&app.db, competition.id, viewer.id).await?,
            None => None,
        };
        let used_today = match team {
            Some(team) => {
                db::submissions::count_against_quota(&app.db, team.id, start_of_day(now)).await?
            }
            None => 0,
        };
        let contract = contracts::find(app, competition).await?;
        let wanted = Wanted {
            board: Board::Efficiency,
            split: Split::Public,
            hardware_class: None,
        };
        let board = boards::find(app, competition.spec.slug.as_str(), None, wanted).await?;
        let machine = db::runners::find_latest_alive(&app.db).await?;
        let script = StarterScript::new(&competition.spec, &contract)
            .filter(|_| now >= competition.spec.opens_at);
        Ok(SubmitPage {
            frame,
            script: script.map(|script| script.render()).transpose()?,
            contract,
            board,
            runtime: machine.as_ref().and_then(RuntimeDocument::read),
            machine: machine.as_ref().and_then(Machine::read),
            masthead: Masthead::new(&competition.spec, now, Tab::Submit),
            used_today,
            description: String::new(),
            refused: None,
        })
    }

    fn spec(&self) -> &CompetitionSpec {
        &self.masthead.spec
    }

    fn left_today(&self) -> u32 {
        self.spec().daily_limit.saturating_sub(self.used_today)
    }

    fn file_error(&self) -> Option<&Problem> {
        (self.refused.as_ref()).filter(|problem| problem.code != BAD_DESCRIPTION)
    }

    fn description_error(&self) -> Option<&Problem> {
        (self.refused.as_ref()).filter(|problem| problem.code == BAD_DESCRIPTION)
    }

    /// The first submission of the same bytes, if that is what was wrong.
    fn first_submission(&self) -> Option<&str> {
        self.refused.as_ref()?.members.get("url")?.as_str()
    }

    fn largest_upload_bytes(&self) -> u64 {
        self.spec().entries.max_size().as_u64()
    }

    /// What may be chosen, as browsers want it.
    fn accepted(&self) -> String {
        let kinds = self.spec().entries.kinds.iter();
        let endings = kinds.filter_map(|kind| match kind {
            EntryKind::Onnx => Some(".onnx"),
            EntryKind::Tflite => Some(".tflite"),
            EntryKind::Predict | EntryKind::Script => None,
        });
        // Code is one, and a model may be in one.
        let endings: Vec<&str> = endings.chain([".zip"]).collect();
        endings.join(",")
    }

    fn file_in_words(&self) -> String {
        file_in_words(&self.spec().entries.kinds)
    }

    fn time(&self) -> String {
        figures::round_seconds(self.spec().limits.time.as_secs_f64())
    }

    fn plural_of_columns(&self) -> &'static str {
        match self.spec().task.predicted_columns() {
            [_] => "",
            _ => "s",
        }
    }

    /// Within which a function is imported and loaded.
    fn start_up_time(&self) -> String {
        let limits = &self.spec().limits;
        figures::round_seconds(limits.start_up.min(limits.time).as_secs_f64())
    }

    /// What a call of a function may take, where that is limited.
    fn batch_time(&self) -> Option<String> {
        let limit = self.spec().limits.batch;
        limit.map(|limit| figures::round_seconds(limit.as_secs_f64()))
    }

    fn is_single_stream(&self) -> bool {
        match self.spec().measuring.scenario {
            Scenario::SingleStream => true,
            Scenario::Offline => false,
        }
    }

    fn size_limit(&self) -> Figure {
        figures::bytes(self.spec().entries.max_size())
    }

    fn memory_limit(&self) -> Figure {
        figures::bytes(self.spec().limits.memory)
    }

    fn cpus(&self) -> String {
        figures::counted(i64::from(self.spec().limits.cpus), "core")
    }

    /// The starters that their host made public, once they can be downloaded.
    fn offers(&self) -> Vec<Offer<'_>> {
        let starters = self.spec().starter.iter().filter(|starter| starter.public);
        starters
            .filter_map(|starter| {
                let mut files = self.contract.files.iter();
                let file = files.find(|file| file.path == starter.file)?;
                let mut lines = self.board.lines.iter();
                let line = lines.find(|line| line.team_name == starter.team);
                Some(Offer {
                    starter,
                    address: format!("{}/{}", self.masthead.address(), file.path),
                    size: figures::bytes(file.size),
                    score: line.map(|line| figures::score(self.spec().metric.name, line.score)),
                    cost: line.and_then(|line| line.cost).map(figures::amount),
                    line,
                })
            })
            .collect()
    }

    /// The packages that a model may meet; pinned ones where no runner is at work to tell.
    fn libraries(&self) -> Vec<machine::Fact> {
        match &self.machine {
            Some(machine) if !machine.libraries().is_empty() => machine.libraries(),
            Some(_) | None => machine::pinned(),
        }
    }

    /// The array of all numeric columns: how many, and of which type.
    fn features(&self) -> Option<(usize, &'static str)> {
        match self.contract.numeric().count() {
            0 => None,
            columns => Some((columns, self.contract.features_type())),
        }
    }

    /// The columns that are listed one by one.
    fn columns(&self) -> &[contracts::Column] {
        match self.contract.columns.as_slice() {
            few if few.len() <= COLUMNS_LISTED => few,
            many => &many[..COLUMNS_SHOWN],
        }
    }

    fn columns_left_out(&self) -> usize {
        self.contract.columns.len() - self.columns().len()
    }

    fn cost_name(&self) -> &'static str {
        cost_on_board(self.spec().efficiency.cost, &self.board.scale)
    }

    /// What a run is made of, for each kind that is taken.
    fn stretches(&self) -> Vec<Stretch> {
        let kinds = &self.spec().entries.kinds;
        let is_total = match self.spec().measuring.window {
            Window::Total => true,
            Window::Inference => false,
        };
        let smoke = Stretch {
            name: "Smoke run",
            what: "on the public sample, before anything is measured; you are shown what it printed",
            counts: false,
            kinds: Vec::new(),
        };
        // Models of either format are run alike.
        let alike = kinds.chunk_by(|a, b| a.is_model() && b.is_model());
        let is_one = kinds.iter().all(|kind| kind.is_model()) || kinds.len() == 1;
        let measured = alike.flat_map(|kinds| {
            let own = match is_one {
                true => Vec::new(),
                false => kinds.to_vec(),
            };
            let stretch = move |(name, what, counts)| Stretch {
                name,
                what,
                counts,
                kinds: own.clone(),
            };
            stretches_of(kinds[0], is_total).into_iter().map(stretch)
        });
        iter::once(smoke).chain(measured).collect()
    }

    /// Of what wall time and CPU time are told.
    fn measured_stretch(&self) -> &'static str {
        let kinds = &self.spec().entries.kinds;
        match (
            kinds.iter().any(|kind| kind.is_driven_by_harness()),
            kinds.contains(&EntryKind::Script),
        ) {
            (true, true) => "each stretch, of a script the whole run",
            (false, true) => "the whole run",
            (_, false) => "each stretch",
        }
    }

    /// What a cell of a submission holds.
    fn cells(&self) -> String {
        let spec = self.spec();
        match spec.task.kind {
            TaskKind::Label => format!("one of {}", spec.task.classes.join(", ")),
            TaskKind::Value if spec.metric.name.needs_positive() => {
                "a finite number not below 0".to_owned()
            }
            TaskKind::Value => "a finite number".to_owned(),
            TaskKind::Probability if spec.task.classes.len() == 2 => {
                format!("the probability of {}, from 0 to 1", spec.task.classes[1])
            }
            TaskKind::Probability => {
                "the probability of the column’s class, from 0 to 1; those of a row add up to 1"
                    .to_owned()
            }
            TaskKind::List => "ids, the best guess first, separated by spaces".to_owned(),
            TaskKind::Text => "the text".to_owned(),
        }
    }
}

/// The stretches of a run that are told apart: name, what it is, and whether it is ranked.
fn stretches_of(kind: EntryKind, is_total: bool) -> Vec<(&'static str, &'static str, bool)> {
    match kind {
        EntryKind::Onnx | EntryKind::Tflite => vec![
            (
                "Start-up",
                "process start until model and inputs are loaded",
                is_total,
            ),
            (
                "First call",
                "the first pass over the hidden test inputs",
                is_total,
            ),
            (
                "Steady inference",
                "one pass over the hidden test inputs, once warm: many passes, divided by their number",
                !is_total,
            ),
            ("Finish", "predictions written, process ended", is_total),
        ],
        EntryKind::Predict => vec![
            (
                "Start-up",
                "process start until the code is imported and has loaded",
                is_total,
            ),
            (
                "First call",
                "with rows of the public sample, which may take longer than the others",
                is_total,
            ),
            (
                "Steady inference",
                "one pass over the hidden test inputs, call by call: handed over, computed, answered",
                true,
            ),
            ("Finish", "the process ended", is_total),
        ],
        EntryKind::Script => vec![(
            "The whole run",
            "from start to exit, reading the hidden test inputs and writing the predictions included",
            is_total,
        )],
    }
}

/// Columns up to which all are listed one by one.
const COLUMNS_LISTED: usize = 16;
/// Columns that are listed of more: they are mostly alike.
const COLUMNS_SHOWN: usize = 3;

pub async fn show(
    app: Data<App>,
    slug: Path<String>,
    frame: Frame,
) -> Result<HttpResponse, PageError> {
    let competition = find_competition(&app, &slug).await?;
    let form = SubmitPage::read(&app, &competition, frame).await?;
    page(StatusCode::OK, &form)
}

pub async fn create(
    app: Data<App>,
    slug: Path<String>,
    OwnFrame { frame, user }: OwnFrame,
    form: Multipart,
) -> Result<HttpResponse, PageError> {
    let competition = find_competition(&app, &slug).await?;
    let RefusedForm { error, description } =
        match forms::receive(&app, &competition, &user, form).await {
            Ok(committed) => return Ok(see_other(&format!("/submissions/{}", committed.id))),
            Err(refused) => refused,
        };
    let Error::Refused(problem) = error else {
        return Err(error.into());
    };
    let again = SubmitPage {
        description,
        refused: Some(problem.clone()),
        ..SubmitPage::read(&app, &competition, frame).await?
    };
    page(problem.status, &again)
}
