//! Submissions: made in one call, and shown with every trial.

use actix_multipart::Multipart;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::energy::EnergyDocument;
use crate::db;
use crate::db::accounts::User;
use crate::db::submissions::Committed;
use crate::db::submissions::Submission;
use crate::domain::competition::{Cost, EntryKind, Profile};
use crate::domain::contention::Contention;
use crate::domain::cost::Amount;
use crate::domain::digest::Digest;
use crate::domain::efficiency::Unranked;
use crate::domain::hardware::is_degraded;
use crate::domain::ids::{SubmissionId, SubmissionNumber};
use crate::domain::statistics::Interval;
use crate::domain::submission::FailureClass;
use crate::domain::trial::{Latency, PhaseCost, Trial, median_latency};
use crate::web::App;
use crate::web::advice;
use crate::web::auth::{SignedIn, Viewer};
use crate::web::error::{ApiError, Error, Problem};
use crate::web::forms;
use crate::web::live::{self, PhaseDocument};
use crate::web::lookups::{SubmissionName, find_competition, find_named_submission};
use crate::web::runtimes::RuntimeDocument;
use crate::web::standing::{Place, Standing, find_board};
use crate::web::uploads;

/// What is listed of somebody's submissions over all competitions, at most.
const LATEST_MAX: usize = 100;

#[derive(Serialize)]
struct CreatedDocument {
    id: SubmissionId,
    number: SubmissionNumber,
    url: String,
}

/// 201, with where to look.
pub fn created(committed: Committed) -> HttpResponse {
    let location = format!("/api/v1/submissions/{}", committed.id);
    HttpResponse::Created()
        .insert_header(("Location", location))
        .json(CreatedDocument {
            id: committed.id,
            number: committed.number,
            url: format!("/submissions/{}", committed.id),
        })
}

/// One multipart call with `file` and, if wanted, `description`.
pub async fn create(
    app: Data<App>,
    slug: Path<String>,
    SignedIn(user): SignedIn,
    form: Multipart,
) -> Result<HttpResponse, ApiError> {
    let competition = find_competition(&app, &slug).await?;
    let committed = forms::receive(&app, &competition, &user, form)
        .await
        .map_err(|refused| refused.error)?;
    Ok(created(committed))
}

/// Wall and CPU time of a stretch, in seconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CostDocument {
    wall_s: f64,
    cpu_s: f64,
}

impl From<PhaseCost> for CostDocument {
    fn from(cost: PhaseCost) -> CostDocument {
        CostDocument {
            wall_s: cost.wall.as_secs_f64(),
            cpu_s: cost.cpu.as_secs_f64(),
        }
    }
}

/// What is ranked, in the unit of the competition's kind of cost; in the other it is null.
#[derive(Serialize)]
pub struct AmountDocument {
    cost_s: Option<f64>,
    cost_j: Option<f64>,
}

impl From<Option<Amount>> for AmountDocument {
    fn from(amount: Option<Amount>) -> AmountDocument {
        AmountDocument {
            cost_s: amount.and_then(Amount::in_seconds),
            cost_j: amount.and_then(Amount::in_joules),
        }
    }
}

/// Where it may lie, in the same way; null with too few trials.
#[derive(Serialize)]
pub struct AmountIntervalDocument {
    cost_low_s: Option<f64>,
    cost_high_s: Option<f64>,
    cost_low_j: Option<f64>,
    cost_high_j: Option<f64>,
}

impl AmountIntervalDocument {
    pub fn of(cost: Cost, interval: Option<Interval>) -> AmountIntervalDocument {
        let low = interval.map(|interval| cost.amount(interval.low));
        let high = interval.map(|interval| cost.amount(interval.high));
        AmountIntervalDocument {
            cost_low_s: low.and_then(Amount::in_seconds),
            cost_high_s: high.and_then(Amount::in_seconds),
            cost_low_j: low.and_then(Amount::in_joules),
            cost_high_j: high.and_then(Amount::in_joules),
        }
    }
}

#[derive(Serialize)]
struct SubmissionDocument {
    id: SubmissionId,
    number: SubmissionNumber,
    competition: String,
    team: String,
    kind: EntryKind,
    file_name: String,
    file_size_bytes: u64,
    digest: Digest,
    description: String,
    reference: bool,
    submitted_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    status: &'static str,
    phase: Option<PhaseDocument>,
    /// Its place in the queue while it is queued; 1 is next.
    queue_position: Option<usize>,
    /// Estimates by what the last ones took; null where there are none.
    starts_in_s: Option<u64>,
    ends_in_s: Option<u64>,
    failure: Option<FailureDocument>,
    result: Option<ResultDocument>,
    url: String,
}

#[derive(Serialize)]
struct FailureDocument {
    class: FailureClass,
    code: String,
    message: String,
    uses_quota: bool,
    /// Whose fault it was, and what to try: for people.
    fault: &'static str,
    advice: &'static str,
}

#[derive(Serialize)]
struct ResultDocument {
    /// On the public split.
    score: f64,
    /// Where it may lie with 95 % confidence, for other test rows of the kind; null of metrics that
    /// are no mean over rows.
    score_low: Option<f64>,
    score_high: Option<f64>,
    /// For hosts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    score_private: Option<f64>,
    hardware_class: String,
    /// Whether it was measured without all the walls, and so compares with nothing.
    degraded: bool,
    /// What lay around the model; of one submission alone only.
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<RuntimeDocument>,
    /// On the public efficiency board of this hardware class; of one submission alone only.
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<StandingDocument>,
    /// Per pass over the test inputs: median of the trials. Null for a script, of which only the
    /// total is seen.
    inference: Option<CostDocument>,
    /// A process with one pass, from start to exit: median of the trials.
    total: CostDocument,
    /// Of a function's calls: medians of the trials.
    latency: Option<LatencyDocument>,
    peak_memory_bytes: u64,
    /// Rows that a model was given at once; null for code, and where it was not recorded.
    batch_size: Option<u32>,
    /// Per pass over the test inputs.
    energy: EnergyDocument,
    deterministic: bool,
    /// `standard` once there are trials enough for an interval of the ranked cost.
    profile: Profile,
    #[serde(flatten)]
    cost_interval: AmountIntervalDocument,
    /// The code of the failure of a trial made after the evaluation.
    later_failure: Option<String>,
    trials: Vec<TrialDocument>,
}

/// Where a submission stands, also one that is not its team's line.
#[derive(Serialize)]
struct StandingDocument {
    #[serde(flatten)]
    cost: AmountDocument,
    efficiency: Option<f64>,
    quality: Option<f64>,
    quality_term: Option<f64>,
    cost_term: Option<f64>,
    unranked: Option<Unranked>,
    rank: Option<i32>,
    rank_best: Option<u32>,
    rank_worst: Option<u32>,
    /// How many lines of the board have a rank.
    ranked: usize,
    /// The submission that is the team's line instead.
    behind: Option<BehindDocument>,
}

#[derive(Serialize)]
struct BehindDocument {
    submission: SubmissionId,
    number: SubmissionNumber,
    rank: Option<i32>,
}

#[derive(Serialize)]
struct TrialDocument {
    number: u32,
    passes: u32,
    /// These are null for a script, of which only the total is seen.
    start_up: Option<CostDocument>,
    first_call: Option<CostDocument>,
    /// The whole measured window, all its passes.
    inference: Option<CostDocument>,
    inference_per_pass: Option<CostDocument>,
    finish: Option<CostDocument>,
    total: CostDocument,
    /// Of the calls of the measured window, each of which is seen of a function alone.
    latency: Option<LatencyDocument>,
    peak_memory_bytes: u64,
    /// Of the whole measured window.
    energy: EnergyDocument,
    /// What others did with the CPUs of the measured window meanwhile; null where the kernel did not say.
    contention: Option<ContentionDocument>,
    /// For hosts only: a script chooses every byte that it is made of, and so can tell what it read.
    #[serde(skip_serializing_if = "Option::is_none")]
    predictions_digest: Option<Digest>,
}

/// Shares of all the time that the window's CPUs had, from 0 to 1.
#[derive(Serialize)]
struct ContentionDocument {
    /// Used by others than the sandbox.
    foreign_share: f64,
    /// Taken by the host of a virtual machine.
    steal_share: f64,
    /// Each may be off by as much, because the kernel counts in steps.
    resolution: f64,
    /// Whether the window was disturbed for certain: by more than 1 % and 0.5 %.
    disturbed: bool,
}

impl From<Contention> for ContentionDocument {
    fn from(contention: Contention) -> ContentionDocument {
        ContentionDocument {
            foreign_share: contention.foreign,
            steal_share: contention.steal,
            resolution: contention.resolution,
            disturbed: contention.disturbs(),
        }
    }
}

/// The wall time that so many of a hundred calls did not exceed.
#[derive(Serialize)]
struct LatencyDocument {
    calls: u32,
    p50_s: f64,
    p90_s: f64,
    p99_s: f64,
}

impl From<&Latency> for LatencyDocument {
    fn from(latency: &Latency) -> LatencyDocument {
        LatencyDocument {
            calls: latency.calls,
            p50_s: latency.p50.as_secs_f64(),
            p90_s: latency.p90.as_secs_f64(),
            p99_s: latency.p99.as_secs_f64(),
        }
    }
}

impl TrialDocument {
    fn of(trial: &Trial, is_host: bool) -> TrialDocument {
        let phases = trial.harness_phases();
        TrialDocument {
            number: trial.number,
            passes: trial.passes,
            start_up: phases.map(|phases| phases.start_up.into()),
            first_call: phases.map(|phases| phases.first_call.into()),
            inference: phases.map(|phases| phases.inference.into()),
            inference_per_pass: trial.inference_per_pass().map(CostDocument::from),
            finish: phases.map(|phases| phases.finish.into()),
            total: trial.total().into(),
            latency: trial.latency().map(LatencyDocument::from),
            peak_memory_bytes: trial.peak_memory.as_u64(),
            energy: (&trial.energy).into(),
            contention: trial.contention.map(ContentionDocument::from),
            predictions_digest: is_host.then_some(trial.predictions),
        }
    }
}

/// By its id, or by its number.
pub async fn show(
    app: Data<App>,
    name: Path<SubmissionName>,
    Viewer(viewer): Viewer,
) -> Result<HttpResponse, ApiError> {
    let submission = find_named_submission(&app, *name).await?;
    let trials = db::sessions::list_trials(&app.db, submission.id).await?;
    let outlook = match submission.status.is_final() {
        true => None,
        false => Some(live::look_for(&app, &submission).await?),
    };
    let standing = find_standing(&app, &submission).await?;
    let place = outlook
        .as_ref()
        .and_then(|outlook| outlook.find(submission.id));
    let mut document = document(submission, &trials, viewer.as_ref());
    if let Some(place) = place {
        document.queue_position = place.position;
        document.starts_in_s = place.forecast.starts_in.map(|time| time.as_secs());
        document.ends_in_s = place.forecast.ends_in.map(|time| time.as_secs());
    }
    if let Some(result) = &mut document.result {
        result.standing = standing;
        let sessions = db::sessions::list(&app.db, document.id).await?;
        result.runtime =
            (sessions.last()).and_then(|last| RuntimeDocument::read(&last.fingerprint));
    }
    Ok(HttpResponse::Ok().json(document))
}

async fn find_standing(
    app: &App,
    submission: &Submission,
) -> Result<Option<StandingDocument>, Error> {
    let Some(result) = &submission.result else {
        return Ok(None);
    };
    let competition = db::competitions::find(&app.db, submission.competition)
        .await?
        .ok_or_else(|| Problem::not_found("such competition"))?;
    let spec = &competition.spec;
    let board = find_board(app, &competition, &result.hardware_class).await?;
    let standing = Standing::of(submission, result, spec, &board);
    let efficiency = standing.efficiency.as_ref().ok();
    let ranked = || board.lines.iter().filter(|line| line.rank.is_some());
    let (rank, behind) = match standing.place {
        Place::Ranked(rank) => (Some(rank), None),
        Place::Unranked => (None, None),
        Place::Behind { id, number } => {
            let line = ranked().find(|line| line.submission == id);
            let behind = BehindDocument {
                submission: id,
                number,
                rank: line.and_then(|line| line.rank),
            };
            (None, Some(behind))
        }
    };
    let cost = (result.summary).ranked_cost(spec.measuring.window, spec.efficiency.cost);
    Ok(Some(StandingDocument {
        cost: cost.ok().map(|cost| cost.amount).into(),
        efficiency: efficiency.map(|e| e.value),
        quality: efficiency.map(|e| e.quality),
        quality_term: efficiency.map(|e| e.quality_term),
        cost_term: efficiency.map(|e| e.cost_term),
        unranked: standing.efficiency.err(),
        rank,
        rank_best: standing.range.map(|range| range.best),
        rank_worst: standing.range.map(|range| range.worst),
        ranked: ranked().count(),
        behind,
    }))
}

fn document(submission: Submission, trials: &[Trial], viewer: Option<&User>) -> SubmissionDocument {
    let is_host = viewer.is_some_and(|viewer| viewer.is_host);
    SubmissionDocument {
        id: submission.id,
        number: submission.number,
        competition: submission.competition_slug,
        team: submission.team_name,
        kind: submission.kind,
        file_name: submission.file_name,
        file_size_bytes: submission.artifact_size.as_u64(),
        digest: submission.artifact,
        description: submission.description,
        reference: submission.reference,
        submitted_at: submission.submitted_at,
        finished_at: submission.finished_at,
        status: submission.status.as_str(),
        phase: PhaseDocument::of(submission.status),
        queue_position: None,
        starts_in_s: None,
        ends_in_s: None,
        failure: submission.failure.map(|failure| FailureDocument {
            fault: advice::fault(failure.class),
            advice: advice::what_to_try(&failure, submission.passed_smoke),
            uses_quota: failure.class.uses_quota(),
            class: failure.class,
            code: failure.code,
            message: failure.message,
        }),
        result: submission.result.map(|result| ResultDocument {
            score: result.score_public,
            score_low: (result.score_intervals.public).map(|interval| interval.low),
            score_high: (result.score_intervals.public).map(|interval| interval.high),
            score_private: is_host.then_some(result.score_private),
            degraded: is_degraded(&result.hardware_class),
            hardware_class: result.hardware_class,
            runtime: None,
            standing: None,
            inference: result.summary.inference.map(CostDocument::from),
            total: result.summary.total.into(),
            latency: median_latency(trials).as_ref().map(LatencyDocument::from),
            peak_memory_bytes: result.summary.peak_memory.as_u64(),
            batch_size: result.batch_size,
            energy: (&result.summary.energy).into(),
            deterministic: result.summary.deterministic,
            profile: result.precision.profile(),
            cost_interval: AmountIntervalDocument::of(submission.cost, result.precision.cost),
            later_failure: result.precision.later_failure,
            trials: (trials.iter())
                .map(|trial| TrialDocument::of(trial, is_host))
                .collect(),
        }),
        url: format!("/submissions/{}", submission.id),
    }
}

/// The caller's own submissions in a competition, the latest first, without their trials.
pub async fn list_mine(
    app: Data<App>,
    slug: Path<String>,
    SignedIn(user): SignedIn,
) -> Result<HttpResponse, ApiError> {
    let competition = find_competition(&app, &slug).await?;
    let submissions = match db::teams::find_of_user(&app.db, competition.id, user.id).await? {
        Some(team) => db::submissions::list_of_team(&app.db, team.id).await?,
        None => Vec::new(),
    };
    Ok(list(submissions, &user))
}

/// The caller's latest submissions over all competitions, as above.
pub async fn list_latest(
    app: Data<App>,
    SignedIn(user): SignedIn,
) -> Result<HttpResponse, ApiError> {
    let mut submissions = Vec::new();
    for team in db::teams::list_of_user(&app.db, user.id).await? {
        submissions.extend(db::submissions::list_of_team(&app.db, team).await?);
    }
    submissions.sort_by_key(|submission| std::cmp::Reverse(submission.number));
    submissions.truncate(LATEST_MAX);
    Ok(list(submissions, &user))
}

fn list(submissions: Vec<Submission>, user: &User) -> HttpResponse {
    #[derive(Serialize)]
    struct List {
        submissions: Vec<SubmissionDocument>,
    }
    let submissions = (submissions.into_iter())
        .map(|submission| document(submission, &[], Some(user)))
        .collect();
    HttpResponse::Ok().json(List { submissions })
}

pub async fn cancel(
    app: Data<App>,
    id: Path<SubmissionId>,
    SignedIn(user): SignedIn,
) -> Result<HttpResponse, ApiError> {
    uploads::cancel(&app, &user, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}
