//! Submissions: what was entered, and where it stands.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use super::boards::stored_interval;
use super::competitions::stored_digest;
use super::{Error, Inserted};
use crate::domain::competition::{Cost, EfficiencySpec, EntryKind};
use crate::domain::deepening::Precision;
use crate::domain::digest::Digest;
use crate::domain::energy::Energy;
use crate::domain::ids::{CompetitionId, JobId, SubmissionId, SubmissionNumber, TeamId, UserId};
use crate::domain::score::ScoreIntervals;
use crate::domain::submission::{Failure, FailureClass, Phase, Status};
use crate::domain::trial::{PhaseCost, Summary};
use crate::domain::units::Bytes;

#[derive(Debug)]
pub struct NewSubmission<'a> {
    pub id: SubmissionId,
    pub competition: CompetitionId,
    pub team: TeamId,
    /// `None` for the host's starters.
    pub user: Option<UserId>,
    pub kind: EntryKind,
    pub file_name: &'a str,
    pub description: &'a str,
    pub artifact: Digest,
    pub artifact_size: Bytes,
    /// What the door check found out, as JSON.
    pub model: &'a serde_json::Value,
    pub reference: bool,
    pub submitted_at: DateTime<Utc>,
}

/// A submission by its id and by the number that people quote.
#[derive(Debug, Clone, Copy)]
pub struct Committed {
    pub id: SubmissionId,
    pub number: SubmissionNumber,
}

/// The same team and the same bytes: no new submission, but the first one.
pub async fn insert(
    db: &mut PgConnection,
    submission: &NewSubmission<'_>,
) -> Result<Inserted<SubmissionNumber, Committed>, Error> {
    let number = sqlx::query_scalar!(
        r#"insert into submissions (id, competition_id, team_id, user_id, kind, file_name, description,
               artifact_digest, artifact_size_bytes, model, reference, submitted_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
           on conflict on constraint submissions_artifact_once do nothing
           returning number as "number: SubmissionNumber""#,
        submission.id.0,
        submission.competition.0,
        submission.team.0,
        submission.user.map(|user| user.0),
        submission.kind.as_str(),
        submission.file_name,
        submission.description,
        submission.artifact.as_bytes(),
        submission.artifact_size.as_i64(),
        Json(submission.model) as _,
        submission.reference,
        submission.submitted_at,
    )
    .fetch_optional(&mut *db)
    .await?;
    if let Some(number) = number {
        return Ok(Inserted::New(number));
    }
    let first = sqlx::query_as!(
        Committed,
        r#"select id as "id: SubmissionId", number as "number: SubmissionNumber" from submissions
           where team_id = $1 and artifact_digest = $2"#,
        submission.team.0,
        submission.artifact.as_bytes(),
    )
    .fetch_one(db)
    .await?;
    Ok(Inserted::Duplicate(first))
}

/// How many of the team's submissions since an instant count against its daily limit: all but those
/// that were cancelled before a runner took them, and those that failed through no fault of the
/// team's; where a metric failed, all but its first run.
pub async fn count_against_quota(
    db: impl PgExecutor<'_>,
    team: TeamId,
    since: DateTime<Utc>,
) -> Result<u32, Error> {
    let count = sqlx::query_scalar!(
        r#"select coalesce(sum(case when failure_class = 'metric' then charges - 1 else charges end), 0)
               as "count!"
           from submissions
           join jobs on jobs.submission_id = submissions.id
           where team_id = $1 and purpose = 'evaluate' and queued_at >= $2
             and (jobs.state <> 'cancelled' or jobs.attempt > 0)
             and jobs.failure_class is distinct from 'infrastructure'
             and jobs.failure_class is distinct from 'noise'"#,
        team.0,
        since,
    )
    .fetch_one(db)
    .await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A submission with all that is known of it.
#[derive(Debug, Clone)]
pub struct Submission {
    pub id: SubmissionId,
    pub number: SubmissionNumber,
    pub competition: CompetitionId,
    pub competition_slug: String,
    pub competition_title: String,
    /// What its competition ranks.
    pub cost: Cost,
    pub team: TeamId,
    pub team_name: String,
    pub kind: EntryKind,
    pub file_name: String,
    pub description: String,
    pub artifact: Digest,
    pub artifact_size: Bytes,
    pub model: serde_json::Value,
    pub reference: bool,
    pub submitted_at: DateTime<Utc>,
    pub job: JobId,
    pub status: Status,
    pub attempt: i32,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// Whether the latest smoke run ended well, so that what fails fails on hidden inputs.
    pub passed_smoke: bool,
    pub finished_at: Option<DateTime<Utc>>,
    /// Once it is scored.
    pub result: Option<Scored>,
}

/// What measuring and scoring a submission came to.
#[derive(Debug, Clone)]
pub struct Scored {
    pub hardware_class: String,
    pub score_public: f64,
    /// For the host's eyes until the competition is over.
    pub score_private: f64,
    pub score_intervals: ScoreIntervals,
    pub summary: Summary,
    pub precision: Precision,
    /// Rows that a model was given at once, where it is known.
    pub batch_size: Option<u32>,
}

struct Row {
    id: SubmissionId,
    number: SubmissionNumber,
    competition_id: CompetitionId,
    slug: String,
    title: String,
    efficiency: Json<EfficiencySpec>,
    team_id: TeamId,
    team_name: String,
    kind: String,
    file_name: String,
    description: String,
    artifact_digest: Vec<u8>,
    artifact_size_bytes: i64,
    model: Json<serde_json::Value>,
    reference: bool,
    submitted_at: DateTime<Utc>,
    job_id: JobId,
    state: String,
    attempt: i32,
    phase: Option<String>,
    trial: Option<i32>,
    trials: Option<i32>,
    failure_class: Option<String>,
    failure_code: Option<String>,
    failure_message: Option<String>,
    passed_smoke: bool,
    finished_at: Option<DateTime<Utc>>,
    hardware_class: Option<String>,
    score_public: Option<f64>,
    score_private: Option<f64>,
    score_public_low: Option<f64>,
    score_public_high: Option<f64>,
    score_private_low: Option<f64>,
    score_private_high: Option<f64>,
    inference_wall_s: Option<f64>,
    inference_cpu_s: Option<f64>,
    total_wall_s: Option<f64>,
    total_cpu_s: Option<f64>,
    peak_memory_bytes: Option<i64>,
    energy: Option<Json<Energy>>,
    measured_trials: Option<i32>,
    deterministic: Option<bool>,
    cost_low: Option<f64>,
    cost_high: Option<f64>,
    later_failure: Option<String>,
    batch_size: Option<i32>,
}

pub async fn find(db: impl PgExecutor<'_>, id: SubmissionId) -> Result<Option<Submission>, Error> {
    let rows = select(db, Some(id), None).await?;
    Ok(rows.into_iter().next())
}

/// Which submission has this number.
pub async fn find_id_of_number(
    db: impl PgExecutor<'_>,
    number: SubmissionNumber,
) -> Result<Option<SubmissionId>, Error> {
    sqlx::query_scalar!(
        r#"select id as "id: SubmissionId" from submissions where number = $1"#,
        number.0,
    )
    .fetch_optional(db)
    .await
}

/// A team's submissions, the latest first.
pub async fn list_of_team(db: impl PgExecutor<'_>, team: TeamId) -> Result<Vec<Submission>, Error> {
    select(db, None, Some(team)).await
}

async fn select(
    db: impl PgExecutor<'_>,
    id: Option<SubmissionId>,
    team: Option<TeamId>,
) -> Result<Vec<Submission>, Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select submissions.id as "id: SubmissionId", number as "number: SubmissionNumber",
               submissions.competition_id as "competition_id: CompetitionId",
               competitions.slug, competitions.spec ->> 'title' as "title!",
               competitions.spec -> 'efficiency' as "efficiency!: Json<EfficiencySpec>",
               team_id as "team_id: TeamId", teams.name as team_name, kind, file_name,
               submissions.description, artifact_digest, artifact_size_bytes,
               model as "model: Json<serde_json::Value>", reference, submitted_at,
               jobs.id as "job_id: JobId", jobs.attempt, phase, trial, jobs.trials,
               case when state = 'running' and lease_until < now() then 'queued' else state end as "state!",
               failure_class, failure_code, failure_message,
               exists (
                   select from smoke_runs
                   where job_id = jobs.id and smoke_runs.attempt = jobs.attempt and outcome = 'ok'
               ) as "passed_smoke!",
               finished_at,
               summaries.hardware_class as "hardware_class?", score_public as "score_public?",
               score_private as "score_private?", score_public_low as "score_public_low?",
               score_public_high as "score_public_high?", score_private_low as "score_private_low?",
               score_private_high as "score_private_high?", inference_wall_s as "inference_wall_s?",
               inference_cpu_s as "inference_cpu_s?", total_wall_s as "total_wall_s?",
               total_cpu_s as "total_cpu_s?", peak_memory_bytes as "peak_memory_bytes?",
               energy as "energy?: Json<Energy>", summaries.trials as "measured_trials?",
               deterministic as "deterministic?", cost_low as "cost_low?",
               cost_high as "cost_high?", later_failure as "later_failure?",
               batch_size as "batch_size?"
           from submissions
           join competitions on competitions.id = submissions.competition_id
           join teams on teams.id = submissions.team_id
           join jobs on jobs.submission_id = submissions.id and jobs.purpose = 'evaluate'
           left join summaries on summaries.submission_id = submissions.id
           where ($1::uuid is null or submissions.id = $1) and ($2::uuid is null or team_id = $2)
           order by number desc"#,
        id.map(|id| id.0),
        team.map(|team| team.0),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Submission::from).collect())
}

impl From<Row> for Submission {
    fn from(row: Row) -> Submission {
        let result = scored(&row);
        Submission {
            status: status(&row.state, row.phase.as_deref(), row.trial, row.trials),
            failure: failure(row.failure_class, row.failure_code, row.failure_message),
            passed_smoke: row.passed_smoke,
            id: row.id,
            number: row.number,
            competition: row.competition_id,
            competition_slug: row.slug,
            competition_title: row.title,
            cost: row.efficiency.0.cost,
            team: row.team_id,
            team_name: row.team_name,
            kind: stored_kind(&row.kind),
            file_name: row.file_name,
            description: row.description,
            artifact: stored_digest(&row.artifact_digest),
            artifact_size: Bytes::from_i64(row.artifact_size_bytes),
            model: row.model.0,
            reference: row.reference,
            submitted_at: row.submitted_at,
            job: row.job_id,
            attempt: row.attempt,
            finished_at: row.finished_at,
            result,
        }
    }
}

fn scored(row: &Row) -> Option<Scored> {
    Some(Scored {
        hardware_class: row.hardware_class.clone()?,
        score_public: row.score_public?,
        score_private: row.score_private?,
        score_intervals: ScoreIntervals {
            public: stored_interval(row.score_public_low, row.score_public_high),
            private: stored_interval(row.score_private_low, row.score_private_high),
        },
        summary: Summary {
            inference: stored_cost(row.inference_wall_s, row.inference_cpu_s),
            total: stored_cost(row.total_wall_s, row.total_cpu_s)?,
            peak_memory: Bytes::from_i64(row.peak_memory_bytes?),
            energy: row.energy.as_ref()?.0.clone(),
            trials: u32::try_from(row.measured_trials?).unwrap_or(0),
            deterministic: row.deterministic?,
        },
        precision: Precision {
            cost: stored_interval(row.cost_low, row.cost_high),
            later_failure: row.later_failure.clone(),
        },
        batch_size: row.batch_size.map(i32::unsigned_abs),
    })
}

/// The tables' checks allow no other.
pub(super) fn stored_kind(kind: &str) -> EntryKind {
    match kind {
        "predict" => EntryKind::Predict,
        "script" => EntryKind::Script,
        "tflite" => EntryKind::Tflite,
        _ => EntryKind::Onnx,
    }
}

/// Seconds as they were stored, if they were.
pub(super) fn stored_cost(wall_s: Option<f64>, cpu_s: Option<f64>) -> Option<PhaseCost> {
    Some(whole_cost(wall_s?, cpu_s?))
}

/// A duration is never negative or not a number.
pub(super) fn whole_cost(wall_s: f64, cpu_s: f64) -> PhaseCost {
    let duration = |seconds| std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    PhaseCost {
        wall: duration(wall_s),
        cpu: duration(cpu_s),
    }
}

/// A job's state; the table's checks keep the columns consistent.
pub(super) fn status(
    state: &str,
    named: Option<&str>,
    trial: Option<i32>,
    trials: Option<i32>,
) -> Status {
    match state {
        "queued" => Status::Queued,
        "running" => Status::Running(phase(named.unwrap_or_default(), trial, trials)),
        "scored" => Status::Scored,
        "cancelled" => Status::Cancelled,
        _ => Status::Failed,
    }
}

pub(super) fn phase(name: &str, trial: Option<i32>, trials: Option<i32>) -> Phase {
    let count = |number: Option<i32>| number.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    match name {
        "warm-up" => Phase::WarmUp,
        "trial" => Phase::Trial {
            number: count(trial),
            of: count(trials),
        },
        "scoring" => Phase::Scoring,
        _ => Phase::Smoke,
    }
}

fn failure(
    class: Option<String>,
    code: Option<String>,
    message: Option<String>,
) -> Option<Failure> {
    let class = match class?.as_str() {
        "participant" => FailureClass::Participant,
        "metric" => FailureClass::Metric,
        "noise" => FailureClass::Noise,
        _ => FailureClass::Infrastructure,
    };
    Some(Failure {
        class,
        code: code?,
        message: message?,
    })
}
