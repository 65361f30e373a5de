//! What was measured: sessions and their trials, the summaries, and the smoke runs' logs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use super::Error;
use super::competitions::stored_digest;
use super::jobs::Claim;
use super::submissions::{stored_cost, whole_cost};
use crate::domain::competition::Profile;
use crate::domain::contention::Contention;
use crate::domain::deepening::{EndOfTurn, Precision};
use crate::domain::energy::Energy;
use crate::domain::ids::{JobId, SessionId, SubmissionId};
use crate::domain::score::ScoreIntervals;
use crate::domain::trial::{HarnessPhases, Latency, PhaseCost, Phases, Summary, Trial};
use crate::domain::units::Bytes;

#[derive(Debug)]
pub struct NewSession<'a> {
    pub hardware_class: &'a str,
    pub profile: Profile,
    /// The environment it was measured in.
    pub fingerprint: &'a serde_json::Value,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    /// Of a session that deepens.
    pub end: Option<EndOfTurn>,
    pub trials: &'a [Trial],
}

/// Adds a session with its trials. Part of the recording transaction.
pub async fn insert(
    db: &mut PgConnection,
    claim: &Claim,
    session: &NewSession<'_>,
) -> Result<SessionId, Error> {
    let id = SessionId::new();
    sqlx::query!(
        "insert into sessions (id, submission_id, job_id, attempt, runner_id, hardware_class, profile,
             fingerprint, started_at, ended_at, ended_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        id.0,
        claim.submission.0,
        claim.job.0,
        claim.attempt,
        claim.runner.0,
        session.hardware_class,
        session.profile.as_str(),
        Json(session.fingerprint) as _,
        session.started_at,
        session.ended_at,
        session.end.map(EndOfTurn::as_str),
    )
    .execute(&mut *db)
    .await?;
    for trial in session.trials {
        insert_trial(db, id, trial).await?;
    }
    Ok(id)
}

async fn insert_trial(
    db: &mut PgConnection,
    session: SessionId,
    trial: &Trial,
) -> Result<(), Error> {
    let phases = trial.harness_phases();
    let latency = trial.latency();
    sqlx::query!(
        "insert into trials (session_id, number, passes, start_up_wall_s, start_up_cpu_s,
             first_call_wall_s, first_call_cpu_s, inference_wall_s, inference_cpu_s, finish_wall_s,
             finish_cpu_s, total_wall_s, total_cpu_s, peak_memory_bytes, energy, predictions_digest,
             calls, latency_p50_s, latency_p90_s, latency_p99_s, contention)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
             $20, $21)",
        session.0,
        i32::try_from(trial.number).unwrap_or(i32::MAX),
        i32::try_from(trial.passes).unwrap_or(i32::MAX),
        wall_s(phases.map(|phases| phases.start_up)),
        cpu_s(phases.map(|phases| phases.start_up)),
        wall_s(phases.map(|phases| phases.first_call)),
        cpu_s(phases.map(|phases| phases.first_call)),
        wall_s(phases.map(|phases| phases.inference)),
        cpu_s(phases.map(|phases| phases.inference)),
        wall_s(phases.map(|phases| phases.finish)),
        cpu_s(phases.map(|phases| phases.finish)),
        trial.total().wall.as_secs_f64(),
        trial.total().cpu.as_secs_f64(),
        trial.peak_memory.as_i64(),
        Json(&trial.energy) as _,
        trial.predictions.as_bytes(),
        latency.map(|latency| i32::try_from(latency.calls).unwrap_or(i32::MAX)),
        latency.map(|latency| latency.p50.as_secs_f64()),
        latency.map(|latency| latency.p90.as_secs_f64()),
        latency.map(|latency| latency.p99.as_secs_f64()),
        trial.contention.map(Json) as _,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The trials of a submission in the order they were made.
pub async fn list_trials(
    db: impl PgExecutor<'_>,
    submission: SubmissionId,
) -> Result<Vec<Trial>, Error> {
    let rows = sqlx::query!(
        r#"select trials.number, passes, start_up_wall_s, start_up_cpu_s, first_call_wall_s, first_call_cpu_s,
               inference_wall_s, inference_cpu_s, finish_wall_s, finish_cpu_s, total_wall_s, total_cpu_s,
               peak_memory_bytes, energy as "energy: Json<Energy>", predictions_digest, calls, latency_p50_s,
               latency_p90_s, latency_p99_s, contention as "contention: Json<Contention>",
               kind = 'predict' as "is_function!"
           from trials
           join sessions on sessions.id = trials.session_id
           join submissions on submissions.id = sessions.submission_id
           where sessions.submission_id = $1
           order by started_at, trials.number"#,
        submission.0,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Trial {
            number: u32::try_from(row.number).unwrap_or(0),
            phases: (|| {
                let phases = HarnessPhases {
                    start_up: stored_cost(row.start_up_wall_s, row.start_up_cpu_s)?,
                    first_call: stored_cost(row.first_call_wall_s, row.first_call_cpu_s)?,
                    inference: stored_cost(row.inference_wall_s, row.inference_cpu_s)?,
                    finish: stored_cost(row.finish_wall_s, row.finish_cpu_s)?,
                };
                let latency = (|| {
                    Some(Latency {
                        calls: u32::try_from(row.calls?).unwrap_or(0),
                        p50: Duration::try_from_secs_f64(row.latency_p50_s?).ok()?,
                        p90: Duration::try_from_secs_f64(row.latency_p90_s?).ok()?,
                        p99: Duration::try_from_secs_f64(row.latency_p99_s?).ok()?,
                    })
                })();
                Some(match latency {
                    Some(latency) if row.is_function => Phases::Calls { phases, latency },
                    latency => Phases::Harness { phases, latency },
                })
            })()
            .unwrap_or(Phases::Script {
                total: whole_cost(row.total_wall_s, row.total_cpu_s),
            }),
            passes: u32::try_from(row.passes).unwrap_or(1),
            peak_memory: Bytes::from_i64(row.peak_memory_bytes),
            energy: row.energy.0,
            contention: row.contention.map(|contention| contention.0),
            predictions: stored_digest(&row.predictions_digest),
        })
        .collect())
}

/// Where and when a submission was measured.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: SessionId,
    pub runner_name: String,
    pub hardware_class: String,
    pub profile: String,
    pub fingerprint: serde_json::Value,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
}

pub async fn list(
    db: impl PgExecutor<'_>,
    submission: SubmissionId,
) -> Result<Vec<Session>, Error> {
    let rows = sqlx::query!(
        r#"select sessions.id as "id: SessionId", runners.name as runner_name,
               sessions.hardware_class, profile,
               sessions.fingerprint as "fingerprint: Json<serde_json::Value>",
               sessions.started_at, ended_at
           from sessions
           join runners on runners.id = sessions.runner_id
           where submission_id = $1
           order by sessions.started_at"#,
        submission.0,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Session {
            id: row.id,
            runner_name: row.runner_name,
            hardware_class: row.hardware_class,
            profile: row.profile,
            fingerprint: row.fingerprint.0,
            started_at: row.started_at,
            ended_at: row.ended_at,
        })
        .collect())
}

/// Scores of one submission, by split and over all rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoredScores {
    pub public: f64,
    pub private: f64,
    pub all: f64,
}

/// What a submission was scored with.
pub async fn find_scores(
    db: impl PgExecutor<'_>,
    submission: SubmissionId,
) -> Result<Option<StoredScores>, Error> {
    sqlx::query_as!(
        StoredScores,
        r#"select score_public as public, score_private as private, score_all as "all"
           from summaries where submission_id = $1"#,
        submission.0,
    )
    .fetch_optional(db)
    .await
}

/// What the trials of a submission amount to, how it was scored, and with how many rows at a time a
/// model was run.
/// What an evaluation came to.
pub struct NewSummary<'a> {
    pub hardware_class: &'a str,
    pub scores: StoredScores,
    pub intervals: ScoreIntervals,
    pub summary: &'a Summary,
    /// Of models: how many rows each was given at once.
    pub batch_size: Option<u32>,
    pub recorded_at: DateTime<Utc>,
}

pub async fn insert_summary(
    db: impl PgExecutor<'_>,
    submission: SubmissionId,
    new: &NewSummary<'_>,
) -> Result<(), Error> {
    let NewSummary {
        scores,
        intervals,
        summary,
        ..
    } = new;
    sqlx::query!(
        "insert into summaries (submission_id, hardware_class, score_public, score_private, score_all,
             inference_wall_s, inference_cpu_s, total_wall_s, total_cpu_s, peak_memory_bytes, energy,
             trials, deterministic, batch_size, recorded_at, score_public_low, score_public_high,
             score_private_low, score_private_high)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
        submission.0,
        new.hardware_class,
        scores.public,
        scores.private,
        scores.all,
        wall_s(summary.inference),
        cpu_s(summary.inference),
        summary.total.wall.as_secs_f64(),
        summary.total.cpu.as_secs_f64(),
        summary.peak_memory.as_i64(),
        Json(&summary.energy) as _,
        i32::try_from(summary.trials).unwrap_or(i32::MAX),
        summary.deterministic,
        new.batch_size.map(u32::cast_signed),
        new.recorded_at,
        intervals.public.map(|interval| interval.low),
        intervals.public.map(|interval| interval.high),
        intervals.private.map(|interval| interval.low),
        intervals.private.map(|interval| interval.high),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Replaces what the trials of a submission amount to, once there are more of them. Its scores stay
/// those of the evaluation.
pub async fn update_summary(
    db: impl PgExecutor<'_>,
    submission: SubmissionId,
    summary: &Summary,
    precision: &Precision,
    recorded_at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "update summaries
         set inference_wall_s = $2, inference_cpu_s = $3, total_wall_s = $4, total_cpu_s = $5,
             peak_memory_bytes = $6, energy = $7, trials = $8, deterministic = $9, cost_low_s = $10,
             cost_high_s = $11, later_failure = $12, recorded_at = $13
         where submission_id = $1",
        submission.0,
        wall_s(summary.inference),
        cpu_s(summary.inference),
        summary.total.wall.as_secs_f64(),
        summary.total.cpu.as_secs_f64(),
        summary.peak_memory.as_i64(),
        Json(&summary.energy) as _,
        i32::try_from(summary.trials).unwrap_or(i32::MAX),
        summary.deterministic,
        precision.cost_s.map(|interval| interval.low),
        precision.cost_s.map(|interval| interval.high),
        precision.later_failure,
        recorded_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What was spent on more trials of a submission so far.
pub async fn time_spent_deepening(
    db: impl PgExecutor<'_>,
    submission: SubmissionId,
) -> Result<Duration, Error> {
    let spent_s = sqlx::query_scalar!(
        r#"select coalesce(sum(extract(epoch from ended_at - started_at)), 0)::float8 as "spent_s!"
           from sessions
           where submission_id = $1 and profile = 'standard'"#,
        submission.0,
    )
    .fetch_one(db)
    .await?;
    Ok(Duration::try_from_secs_f64(spent_s).unwrap_or_default())
}

fn wall_s(cost: Option<PhaseCost>) -> Option<f64> {
    cost.map(|cost| cost.wall.as_secs_f64())
}

fn cpu_s(cost: Option<PhaseCost>) -> Option<f64> {
    cost.map(|cost| cost.cpu.as_secs_f64())
}

/// What a smoke run printed and how it ended.
#[derive(Debug, Clone)]
pub struct SmokeRun {
    pub outcome: String,
    pub stdout: String,
    pub stderr: String,
}

pub async fn insert_smoke_run(
    db: impl PgExecutor<'_>,
    claim: &Claim,
    smoke: &SmokeRun,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into smoke_runs (job_id, attempt, outcome, stdout, stderr)
         values ($1, $2, $3, $4, $5)
         on conflict (job_id, attempt) do nothing",
        claim.job.0,
        claim.attempt,
        smoke.outcome,
        smoke.stdout,
        smoke.stderr,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What ran on hidden data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Entry,
    /// The host's own.
    Metric,
}

impl Program {
    fn as_str(self) -> &'static str {
        match self {
            Program::Entry => "entry",
            Program::Metric => "metric",
        }
    }
}

/// What a run on hidden data printed and how it ended, the failure's message included: for hosts.
#[derive(Debug, Clone)]
pub struct RunLog {
    pub program: Program,
    /// Of an entry, 0 is the warm-up, then the trials; of a metric, the trial whose predictions it
    /// scored.
    pub number: u32,
    pub outcome: String,
    pub stdout: String,
    pub stderr: String,
}

pub async fn insert_hidden_run(
    db: impl PgExecutor<'_>,
    claim: &Claim,
    run: &RunLog,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into hidden_runs (job_id, attempt, program, number, outcome, stdout, stderr)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (job_id, attempt, program, number) do nothing",
        claim.job.0,
        claim.attempt,
        run.program.as_str(),
        i32::try_from(run.number).unwrap_or(i32::MAX),
        run.outcome,
        run.stdout,
        run.stderr,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The latest attempt's runs on hidden inputs, in their order.
pub async fn list_hidden_runs(db: impl PgExecutor<'_>, job: JobId) -> Result<Vec<RunLog>, Error> {
    let rows = sqlx::query!(
        "select program, number, outcome, stdout, stderr from hidden_runs
         where job_id = $1 and attempt = (select max(attempt) from hidden_runs where job_id = $1)
         order by program, number",
        job.0,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| RunLog {
            program: match row.program.as_str() {
                "metric" => Program::Metric,
                _ => Program::Entry,
            },
            number: u32::try_from(row.number).unwrap_or(0),
            outcome: row.outcome,
            stdout: row.stdout,
            stderr: row.stderr,
        })
        .collect())
}

/// The latest attempt's smoke run.
pub async fn find_smoke_run(
    db: impl PgExecutor<'_>,
    job: JobId,
) -> Result<Option<SmokeRun>, Error> {
    sqlx::query_as!(
        SmokeRun,
        "select outcome, stdout, stderr from smoke_runs
         where job_id = $1 order by attempt desc limit 1",
        job.0,
    )
    .fetch_optional(db)
    .await
}
