//! The whole queue at one look: what is not finished, how far it is, and what the last ones took. What
//! is measured again in the background stands apart, because nobody waits for it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::submissions::{phase, status};
use super::{Error, runners};
use crate::domain::ids::{CompetitionId, JobId, SubmissionId, SubmissionNumber};
use crate::domain::submission::{Phase, Status};

/// All that is waiting or being evaluated.
#[derive(Debug, Default)]
pub struct Queue {
    /// What is being evaluated, then what waits in the order in which it is taken.
    pub jobs: Vec<Unfinished>,
    pub runners: usize,
    /// The competitions that have such jobs.
    pub competitions: HashMap<CompetitionId, Load>,
    /// How many entries are measured again, or will be, in the competitions in which one is just now.
    pub deepening: HashMap<CompetitionId, i64>,
    /// Counts up whenever one of a competition's boards is ranked anew.
    pub board_versions: HashMap<CompetitionId, i64>,
}

#[derive(Debug)]
pub struct Unfinished {
    pub job: JobId,
    pub submission: SubmissionId,
    pub number: SubmissionNumber,
    pub competition: CompetitionId,
    pub team_name: String,
    pub queued_at: DateTime<Utc>,
    pub status: Status,
    pub attempt: i32,
    /// Since a runner took it, while that is heard of.
    pub elapsed_s: Option<f64>,
    /// A runner took it and is not heard of any more, so that it waits for another.
    pub is_abandoned: bool,
    /// It is in the pause after a failure of ours, for so long.
    pub retry_in_s: Option<f64>,
    /// Those of this attempt, in order.
    pub phases: Vec<BegunPhase>,
}

/// A phase that an attempt has come to.
#[derive(Debug, Clone, Copy)]
pub struct BegunPhase {
    pub phase: Phase,
    /// How long ago it began.
    pub began_s: f64,
}

/// What a competition's queue amounts to.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// The median time from claim to end of the last fifty submissions that were scored.
    pub median_s: Option<f64>,
    /// Jobs that came to their end since the oldest unfinished one was queued, among the last five
    /// hundred of all competitions.
    pub finished: i64,
}

pub async fn read(db: &PgPool) -> Result<Queue, Error> {
    let mut jobs = list_unfinished(db).await?;
    if jobs.iter().any(|job| job.elapsed_s.is_some()) {
        let mut phases = list_running_phases(db).await?;
        for job in &mut jobs {
            job.phases = phases.remove(&(job.job, job.attempt)).unwrap_or_default();
        }
    }
    Ok(Queue {
        competitions: match jobs.is_empty() {
            true => HashMap::new(),
            false => list_loads(db).await?,
        },
        deepening: list_deepening(db).await?,
        jobs,
        runners: usize::try_from(runners::count_alive(db).await?).unwrap_or(0),
        board_versions: list_board_versions(db).await?,
    })
}

/// In the order in which they are taken: a job whose lease ran out has its old place, one in a pause
/// none before that is over.
async fn list_unfinished(db: &PgPool) -> Result<Vec<Unfinished>, Error> {
    let rows = sqlx::query!(
        r#"select jobs.id as "job: JobId", submissions.id as "submission: SubmissionId",
               number as "number: SubmissionNumber",
               submissions.competition_id as "competition: CompetitionId", teams.name as team_name,
               queued_at, attempt, phase, trial, trials,
               case when state = 'running' and lease_until < now() then 'queued' else state end as "state!",
               state = 'running' and lease_until < now() as "is_abandoned!",
               case when state = 'running' and lease_until >= now()
                    then extract(epoch from now() - claimed_at)::float8 end as elapsed_s,
               case when state = 'queued' and retry_at > now()
                    then extract(epoch from retry_at - now())::float8 end as retry_in_s
           from jobs
           join submissions on submissions.id = jobs.submission_id
           join teams on teams.id = submissions.team_id
           where purpose = 'evaluate' and state in ('queued', 'running')
           order by not (state = 'running' and lease_until >= now()),
               case when state = 'queued' and retry_at > now() then retry_at end nulls first,
               priority, queued_at, jobs.id"#,
    )
    .fetch_all(db)
    .await?;
    let unfinished = rows.into_iter().map(|row| Unfinished {
        job: row.job,
        submission: row.submission,
        number: row.number,
        competition: row.competition,
        team_name: row.team_name,
        queued_at: row.queued_at,
        status: status(&row.state, row.phase.as_deref(), row.trial, row.trials),
        attempt: row.attempt,
        elapsed_s: row.elapsed_s,
        is_abandoned: row.is_abandoned,
        retry_in_s: row.retry_in_s,
        phases: Vec::new(),
    });
    Ok(unfinished.collect())
}

async fn list_running_phases(db: &PgPool) -> Result<HashMap<(JobId, i32), Vec<BegunPhase>>, Error> {
    let rows = sqlx::query!(
        r#"select job_id as "job: JobId", job_phases.attempt, job_phases.phase, job_phases.trial,
               job_phases.trials, extract(epoch from now() - started_at)::float8 as "began_s!"
           from job_phases
           join jobs on jobs.id = job_phases.job_id and jobs.attempt = job_phases.attempt
           where purpose = 'evaluate' and state = 'running' and lease_until >= now()
           order by job_phases.number"#,
    )
    .fetch_all(db)
    .await?;
    let mut phases: HashMap<_, Vec<BegunPhase>> = HashMap::new();
    for row in rows {
        let begun = BegunPhase {
            phase: phase(&row.phase, row.trial, row.trials),
            began_s: row.began_s,
        };
        phases
            .entry((row.job, row.attempt))
            .or_default()
            .push(begun);
    }
    Ok(phases)
}

/// The phases that one attempt came to, in order.
pub async fn list_phases(db: &PgPool, job: JobId, attempt: i32) -> Result<Vec<Phase>, Error> {
    let rows = sqlx::query!(
        "select phase, trial, trials from job_phases where job_id = $1 and attempt = $2 order by number",
        job.0,
        attempt,
    )
    .fetch_all(db)
    .await?;
    let phases = rows
        .iter()
        .map(|row| phase(&row.phase, row.trial, row.trials));
    Ok(phases.collect())
}

/// Looks at the latest submissions alone, and at what was finished lately: not at all there ever were.
async fn list_loads(db: &PgPool) -> Result<HashMap<CompetitionId, Load>, Error> {
    let rows = sqlx::query!(
        r#"with busy as (
               select competition_id, min(queued_at) as since
               from jobs
               join submissions on submissions.id = jobs.submission_id
               where purpose = 'evaluate' and state in ('queued', 'running')
               group by competition_id)
           select competition_id as "competition: CompetitionId",
               (select percentile_cont(0.5) within group (order by seconds)
                from (select extract(epoch from finished_at - claimed_at)::float8 as seconds
                      from submissions
                      join jobs on jobs.submission_id = submissions.id and purpose = 'evaluate'
                      where submissions.competition_id = busy.competition_id
                        and state = 'scored' and claimed_at is not null
                      order by submitted_at desc limit 50) as latest) as median_s,
               (select count(*)
                from (select (select competition_id from submissions where submissions.id = submission_id) as its
                      from jobs
                      where purpose = 'evaluate' and state in ('scored', 'failed') and finished_at >= busy.since
                      order by finished_at desc limit 500) as lately
                where its = busy.competition_id) as "finished!"
           from busy"#,
    )
    .fetch_all(db)
    .await?;
    let loads = rows.into_iter().map(|row| {
        let load = Load {
            median_s: row.median_s,
            finished: row.finished,
        };
        (row.competition, load)
    });
    Ok(loads.collect())
}

async fn list_deepening(db: &PgPool) -> Result<HashMap<CompetitionId, i64>, Error> {
    let rows = sqlx::query!(
        r#"select competition_id as "competition: CompetitionId", count(*) as "entries!"
           from jobs
           join submissions on submissions.id = jobs.submission_id
           where purpose = 'deepen' and state in ('queued', 'running')
           group by competition_id
           having bool_or(state = 'running' and lease_until >= now())"#,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.competition, row.entries))
        .collect())
}

async fn list_board_versions(db: &PgPool) -> Result<HashMap<CompetitionId, i64>, Error> {
    let rows = sqlx::query!(
        r#"select competition_id as "competition: CompetitionId", sum(version)::bigint as "version!"
           from boards
           group by competition_id"#,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.competition, row.version))
        .collect())
}
