//! The queue. A job is claimed with a lease; whoever lost the lease cannot write any more, because
//! every statement here names the runner and the attempt that it belongs to. A submission has one
//! job that evaluates it, whose state is the submission's, and may have one that deepens it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::competitions::stored_digest;
use super::submissions::stored_kind;
use super::{Error, interval};
use crate::domain::competition::EntryKind;
use crate::domain::digest::Digest;
use crate::domain::ids::{CompetitionId, JobId, RunnerId, SubmissionId, TeamId};
use crate::domain::submission::{Failure, Phase};

/// So many runners may die over a job, one after the other, before it is given up.
const MOST_SILENT_CLAIMS: i32 = 5;

/// What a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Evaluate,
    /// More trials of a scored submission, in the background.
    Deepen,
}

/// Who is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Without the reference entry nobody has a rank.
    Reference,
    Person,
    Seeded,
    /// When there is nothing else to do.
    Background,
}

impl Priority {
    fn as_i16(self) -> i16 {
        match self {
            Priority::Reference => 0,
            Priority::Person => 10,
            Priority::Seeded => 20,
            Priority::Background => 30,
        }
    }
}

/// Queues the evaluation of a submission.
pub async fn insert(
    db: impl PgExecutor<'_>,
    submission: SubmissionId,
    priority: Priority,
    queued_at: DateTime<Utc>,
) -> Result<JobId, Error> {
    let id = JobId::new();
    sqlx::query!(
        "insert into jobs (id, submission_id, priority, queued_at) values ($1, $2, $3, $4)",
        id.0,
        submission.0,
        priority.as_i16(),
        queued_at,
    )
    .execute(db)
    .await?;
    Ok(id)
}

/// A job that a runner holds, and the proof of it: the attempt.
#[derive(Debug, Clone)]
pub struct Claim {
    pub job: JobId,
    pub purpose: Purpose,
    pub runner: RunnerId,
    pub attempt: i32,
    pub submission: SubmissionId,
    pub competition: CompetitionId,
    pub artifact: Digest,
    pub kind: EntryKind,
    pub reference: bool,
}

/// Takes the first job of the queue, or one whose lease ran out. Committed at once: nothing is
/// locked while it runs. A submission is deepened in its own hardware class alone; the runner names
/// those that it serves.
pub async fn claim(
    db: impl PgExecutor<'_>,
    runner: RunnerId,
    hardware_classes: &[String],
    lease: Duration,
) -> Result<Option<Claim>, Error> {
    let row = sqlx::query!(
        r#"with claimed as (
               update jobs
               set state = 'running', trial = null, trials = null,
                   phase = case purpose when 'deepen' then 'warm-up' else 'smoke' end,
                   attempt = attempt + 1, silent_claims = silent_claims + 1, runner_id = $1, claimed_at = now(),
                   lease_until = now() + $2::interval
               where id = (
                   select id from jobs
                   where ((state = 'queued' and (retry_at is null or retry_at <= now()))
                          or (state = 'running' and lease_until < now()))
                     and silent_claims < $3
                     and (purpose = 'evaluate'
                          or exists (select from summaries
                                     where summaries.submission_id = jobs.submission_id
                                       and hardware_class = any($4)))
                   order by priority, queued_at, id
                   for update skip locked
                   limit 1)
               returning id, purpose, attempt, submission_id)
           select claimed.id as "id: JobId", purpose, attempt,
               submission_id as "submission_id: SubmissionId",
               competition_id as "competition_id: CompetitionId", artifact_digest, kind, reference
           from claimed
           join submissions on submissions.id = claimed.submission_id"#,
        runner.0,
        interval(lease),
        MOST_SILENT_CLAIMS,
        hardware_classes,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Claim {
        job: row.id,
        purpose: match row.purpose.as_str() {
            "deepen" => Purpose::Deepen,
            _ => Purpose::Evaluate,
        },
        runner,
        attempt: row.attempt,
        submission: row.submission_id,
        competition: row.competition_id,
        artifact: stored_digest(&row.artifact_digest),
        kind: stored_kind(&row.kind),
        reference: row.reference,
    }))
}

/// Whether a claim still held when the database looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Lease {
    Held,
    /// It ran out and was taken again, or the submission was cancelled.
    Lost,
}

impl Lease {
    fn from_rows(rows: u64) -> Lease {
        match rows {
            0 => Lease::Lost,
            _ => Lease::Held,
        }
    }
}

/// Extends the lease, and says and notes what the runner does next.
pub async fn heartbeat(
    db: impl PgExecutor<'_>,
    claim: &Claim,
    lease: Duration,
    phase: Phase,
) -> Result<Lease, Error> {
    let (trial, trials) = match phase {
        Phase::Trial { number, of } => (Some(column(number)), Some(column(of))),
        Phase::Smoke | Phase::WarmUp | Phase::Scoring => (None, None),
    };
    let noted = sqlx::query!(
        "with held as (
             update jobs
             set lease_until = now() + $4::interval, phase = $5, trial = $6, trials = $7
             where id = $1 and runner_id = $2 and attempt = $3 and state = 'running'
             returning id, attempt)
         insert into job_phases (job_id, attempt, number, phase, trial, trials)
         select id, attempt,
             1 + (select count(*) from job_phases where job_id = $1 and job_phases.attempt = $3),
             $5, $6, $7
         from held",
        claim.job.0,
        claim.runner.0,
        claim.attempt,
        interval(lease),
        phase.as_str(),
        trial,
        trials,
    )
    .execute(db)
    .await?;
    Ok(Lease::from_rows(noted.rows_affected()))
}

fn column(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Ends the job as scored. First statement of the recording transaction: what follows is written
/// only if the lease still holds.
pub async fn finish_scored(db: impl PgExecutor<'_>, claim: &Claim) -> Result<Lease, Error> {
    let updated = sqlx::query!(
        "update jobs
         set state = 'scored', finished_at = now(), runner_id = null, lease_until = null,
             phase = null, trial = null, trials = null
         where id = $1 and runner_id = $2 and attempt = $3 and state = 'running'",
        claim.job.0,
        claim.runner.0,
        claim.attempt,
    )
    .execute(db)
    .await?;
    Ok(Lease::from_rows(updated.rows_affected()))
}

pub async fn finish_failed(
    db: impl PgExecutor<'_>,
    claim: &Claim,
    failure: &Failure,
) -> Result<Lease, Error> {
    let updated = sqlx::query!(
        "update jobs
         set state = 'failed', finished_at = now(), runner_id = null, lease_until = null,
             phase = null, trial = null, trials = null,
             failure_class = $4, failure_code = $5, failure_message = $6
         where id = $1 and runner_id = $2 and attempt = $3 and state = 'running'",
        claim.job.0,
        claim.runner.0,
        claim.attempt,
        failure.class.as_str(),
        failure.code,
        failure.message,
    )
    .execute(db)
    .await?;
    Ok(Lease::from_rows(updated.rows_affected()))
}

/// Whether an evaluation is waiting that could be taken now.
pub async fn is_somebody_waiting(db: impl PgExecutor<'_>) -> Result<bool, Error> {
    sqlx::query_scalar!(
        r#"select exists (
               select from jobs
               where purpose = 'evaluate' and silent_claims < $1
                 and ((state = 'queued' and (retry_at is null or retry_at <= now()))
                      or (state = 'running' and lease_until < now()))) as "exists!""#,
        MOST_SILENT_CLAIMS,
    )
    .fetch_one(db)
    .await
}

/// Where a deepening job goes after a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It keeps its place in the queue: somebody who was waiting goes before it.
    Resume,
    /// To the end of the queue: it had its turn.
    QueueAgain,
    /// Its submission has trials enough.
    Done,
}

/// Ends a deepening session. First statement of the recording transaction, as
/// [`finish_scored`] is.
pub async fn end_turn(
    db: impl PgExecutor<'_>,
    claim: &Claim,
    next: Next,
    now: DateTime<Utc>,
) -> Result<Lease, Error> {
    let is_done = next == Next::Done;
    let updated = sqlx::query!(
        "update jobs
         set state = case when $4 then 'deepened' else 'queued' end,
             finished_at = case when $4 then now() end,
             queued_at = coalesce($5, queued_at), silent_claims = 0,
             runner_id = null, lease_until = null, claimed_at = null,
             phase = null, trial = null, trials = null
         where id = $1 and runner_id = $2 and attempt = $3 and state = 'running'",
        claim.job.0,
        claim.runner.0,
        claim.attempt,
        is_done,
        (next == Next::QueueAgain).then_some(now),
    )
    .execute(db)
    .await?;
    Ok(Lease::from_rows(updated.rows_affected()))
}

/// Queues the deepening of all that stands with a rank on the public efficiency board of a hardware
/// class, and takes out of the queue what stands there no more. The private board has no say: who
/// stands on it would be told by what is measured again.
pub async fn queue_deepening(
    db: &mut PgConnection,
    competition: CompetitionId,
    hardware_class: &str,
    queued_at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "update jobs
         set state = 'cancelled', finished_at = now()
         from submissions
         join summaries on summaries.submission_id = submissions.id
         where purpose = 'deepen' and state = 'queued' and jobs.submission_id = submissions.id
           and submissions.competition_id = $1 and summaries.hardware_class = $2
           and not exists (
               select from standings
               where standings.submission_id = submissions.id and standings.hardware_class = $2
                 and split = 'public' and board = 'efficiency' and superseded_in is null
                 and rank is not null)",
        competition.0,
        hardware_class,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "insert into jobs (id, submission_id, purpose, priority, queued_at)
         select gen_random_uuid(), submission_id, 'deepen', $3, $4
         from standings
         where competition_id = $1 and hardware_class = $2 and split = 'public'
           and board = 'efficiency' and superseded_in is null and rank is not null
         on conflict on constraint jobs_once_for_each_purpose do nothing",
        competition.0,
        hardware_class,
        Priority::Background.as_i16(),
        queued_at,
    )
    .execute(&mut *db)
    .await?;
    // Not at the conflict: that would wait for a job that another transaction ends, which waits for
    // the lock on the boards.
    sqlx::query!(
        "update jobs
         set state = 'queued', queued_at = $3, finished_at = null
         from standings
         where purpose = 'deepen' and state = 'cancelled'
           and jobs.submission_id = standings.submission_id and competition_id = $1
           and hardware_class = $2 and split = 'public' and board = 'efficiency'
           and superseded_in is null and rank is not null",
        competition.0,
        hardware_class,
        queued_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives a job back after a failure of ours, to be tried again after a pause.
pub async fn requeue(
    db: impl PgExecutor<'_>,
    claim: &Claim,
    pause: Duration,
) -> Result<Lease, Error> {
    let updated = sqlx::query!(
        "update jobs
         set state = 'queued', runner_id = null, lease_until = null, claimed_at = null,
             phase = null, trial = null, trials = null, silent_claims = 0,
             retry_at = now() + $4::interval
         where id = $1 and runner_id = $2 and attempt = $3 and state = 'running'",
        claim.job.0,
        claim.runner.0,
        claim.attempt,
        interval(pause),
    )
    .execute(db)
    .await?;
    Ok(Lease::from_rows(updated.rows_affected()))
}

/// Gives back what a former life of this runner held when it died. The caller holds the lock on the
/// runner's name, so that nobody of that name is alive.
pub async fn release_of_runner(db: impl PgExecutor<'_>, runner: RunnerId) -> Result<u64, Error> {
    let updated = sqlx::query!(
        "update jobs
         set state = 'queued', runner_id = null, lease_until = null, claimed_at = null,
             phase = null, trial = null, trials = null
         where runner_id = $1 and state = 'running'",
        runner.0,
    )
    .execute(db)
    .await?;
    Ok(updated.rows_affected())
}

/// Gives up the jobs whose runner died each time. Says whose submissions they were.
pub async fn fail_exhausted(db: impl PgExecutor<'_>) -> Result<Vec<SubmissionId>, Error> {
    sqlx::query_scalar!(
        r#"update jobs
           set state = 'failed', finished_at = now(), runner_id = null, lease_until = null,
               phase = null, trial = null, trials = null, failure_class = 'infrastructure',
               failure_code = 'runner_lost',
               failure_message = 'The runner stopped in the middle of this submission each time it was tried. The fault is ours; the submission does not count against your daily limit.'
           where silent_claims >= $1
             and (state = 'queued' or (state = 'running' and lease_until < now()))
           returning submission_id as "submission_id: SubmissionId""#,
        MOST_SILENT_CLAIMS,
    )
    .fetch_all(db)
    .await
}

/// Cancels a submission that is not finished yet; a runner that is at work on it finds its lease
/// lost. Whether there was anything to cancel.
pub async fn cancel(
    db: impl PgExecutor<'_>,
    submission: SubmissionId,
    team: TeamId,
) -> Result<bool, Error> {
    let updated = sqlx::query!(
        "update jobs
         set state = 'cancelled', finished_at = now(), runner_id = null, lease_until = null,
             phase = null, trial = null, trials = null
         from submissions
         where jobs.submission_id = $1 and submissions.id = $1 and submissions.team_id = $2
           and jobs.purpose = 'evaluate' and jobs.state in ('queued', 'running')",
        submission.0,
        team.0,
    )
    .execute(db)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Queues a submission once more that was cancelled, or that failed through no fault of its team's:
/// the same bytes were sent again. Whether it was such a one. A run that was made counts against the
/// daily limit then, unless the failure was ours.
pub async fn queue_again(
    db: impl PgExecutor<'_>,
    submission: SubmissionId,
    queued_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let updated = sqlx::query!(
        "update jobs
         set state = 'queued', queued_at = $2, finished_at = null, retry_at = null, silent_claims = 0,
             charges = charges + case
                 when (state = 'cancelled' and attempt > 0) or failure_class = 'metric' then 1
                 else 0 end,
             failure_class = null, failure_code = null, failure_message = null
         where submission_id = $1 and purpose = 'evaluate'
           and (state = 'cancelled'
                or (state = 'failed' and failure_class in ('metric', 'infrastructure', 'noise')))",
        submission.0,
        queued_at,
    )
    .execute(db)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// What is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLength {
    pub queued: i64,
    pub running: i64,
}

/// Of one purpose: nobody waits for what is done in the background. What a runner let go of without a
/// word waits again.
pub async fn count(db: impl PgExecutor<'_>, purpose: Purpose) -> Result<QueueLength, Error> {
    sqlx::query_as!(
        QueueLength,
        r#"select count(*) filter (where state = 'queued' or lease_until < now()) as "queued!",
               count(*) filter (where state = 'running' and lease_until >= now()) as "running!"
           from jobs
           where purpose = $1 and state in ('queued', 'running')"#,
        stored_purpose(purpose),
    )
    .fetch_one(db)
    .await
}

fn stored_purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Evaluate => "evaluate",
        Purpose::Deepen => "deepen",
    }
}
