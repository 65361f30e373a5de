//! Leaderboards: the frozen constants, the figures that are ranked, and the lines with their ranks.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use super::Error;
use super::submissions::{stored_cost, whole_cost};
use crate::domain::competition::{CompetitionSpec, Cost, Window};
use crate::domain::cost::{Amount, RankedCost};
use crate::domain::deepening::Precision;
use crate::domain::efficiency::{Degenerate, Efficiency, Scale, Unranked};
use crate::domain::energy::Energy;
use crate::domain::ids::{CompetitionId, SubmissionId, SubmissionNumber, TeamId};
use crate::domain::ranking::{Board, Entry, RankRange, Standing};
use crate::domain::split::Split;
use crate::domain::statistics::Interval;
use crate::domain::trial::Summary;
use crate::domain::units::Bytes;

/// Makes rankings of one competition come one after the other, until the transaction ends. Leaves
/// room for the foreign keys of those who submit meanwhile.
pub async fn lock(db: &mut PgConnection, competition: CompetitionId) -> Result<(), Error> {
    sqlx::query!(
        "select 1 as one from competitions where id = $1 for no key update",
        competition.0
    )
    .fetch_one(db)
    .await?;
    Ok(())
}

/// The frozen constants: `None` until the reference entry is scored in this hardware class.
pub async fn find_scale(
    db: impl PgExecutor<'_>,
    competition: CompetitionId,
    hardware_class: &str,
    split: Split,
) -> Result<Option<Result<Scale, String>>, Error> {
    let row = sqlx::query!(
        r#"select scale as "scale: Json<Scale>", degenerate
           from scales
           where competition_id = $1 and hardware_class = $2 and split = $3"#,
        competition.0,
        hardware_class,
        stored_split(split),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| match row.scale {
        Some(scale) => Ok(scale.0),
        None => Err(row.degenerate.unwrap_or_default()),
    }))
}

/// Freezes the constants; the first ones stay.
pub async fn insert_scale(
    db: impl PgExecutor<'_>,
    competition: CompetitionId,
    hardware_class: &str,
    split: Split,
    reference: SubmissionId,
    scale: &Result<Scale, Degenerate>,
    frozen_at: DateTime<Utc>,
) -> Result<(), Error> {
    let (scale, degenerate) = match scale {
        Ok(scale) => (Some(Json(scale)), None),
        Err(degenerate) => (None, Some(degenerate.to_string())),
    };
    sqlx::query!(
        "insert into scales (competition_id, hardware_class, split, submission_id, scale, degenerate,
             frozen_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (competition_id, hardware_class, split) do nothing",
        competition.0,
        hardware_class,
        stored_split(split),
        reference.0,
        scale as _,
        degenerate,
        frozen_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// All that can be ranked in one hardware class, with the cost the competition ranks by.
pub async fn list_entries(
    db: impl PgExecutor<'_>,
    competition: CompetitionId,
    spec: &CompetitionSpec,
    hardware_class: &str,
    split: Split,
) -> Result<Vec<Entry>, Error> {
    let rows = sqlx::query!(
        r#"select submissions.id as "id: SubmissionId", team_id as "team_id: TeamId", submitted_at,
               score_public, score_private, inference_wall_s, inference_cpu_s, total_wall_s, total_cpu_s,
               energy as "energy: Json<Energy>", cost_low, cost_high
           from summaries
           join submissions on submissions.id = summaries.submission_id
           where submissions.competition_id = $1 and summaries.hardware_class = $2"#,
        competition.0,
        hardware_class,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let window = match spec.measuring.window {
                Window::Inference => stored_cost(row.inference_wall_s, row.inference_cpu_s),
                Window::Total => Some(whole_cost(row.total_wall_s, row.total_cpu_s)),
            };
            Entry {
                submission: row.id,
                team: row.team_id,
                submitted_at: row.submitted_at,
                score: match split {
                    Split::Public => row.score_public,
                    Split::Private => row.score_private,
                },
                cost: RankedCost::of(spec.efficiency.cost, window, &row.energy.0).ok(),
                cost_interval: stored_interval(row.cost_low, row.cost_high),
            }
        })
        .collect())
}

/// Which board of a competition is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BoardKey {
    pub competition: CompetitionId,
    pub hardware_class: String,
    pub split: Split,
    pub board: Board,
}

/// Stores a newly ranked board as its next version: a line is added for each team whose line is
/// not as it was.
pub async fn insert_standings(
    db: &mut PgConnection,
    key: &BoardKey,
    standings: &[Standing],
    ranked_at: DateTime<Utc>,
) -> Result<(), Error> {
    let version = sqlx::query_scalar!(
        "insert into boards (competition_id, hardware_class, split, board, version, ranked_at)
         values ($1, $2, $3, $4, 1, $5)
         on conflict (competition_id, hardware_class, split, board) do update
         set version = boards.version + 1, ranked_at = excluded.ranked_at
         returning version",
        key.competition.0,
        key.hardware_class,
        stored_split(key.split),
        key.board.as_str(),
        ranked_at,
    )
    .fetch_one(&mut *db)
    .await?;
    let former = list_lines(&mut *db, key).await?;
    let changed: Vec<(TeamId, Line)> = (1..)
        .zip(standings)
        .map(|(place, standing)| (standing.entry.team, Line::of(place, standing)))
        .filter(|(team, line)| former.get(team) != Some(line))
        .collect();
    insert_lines(db, key, version, &changed).await
}

/// A standing as its table holds it.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    submission: SubmissionId,
    place: i32,
    rank: Option<i32>,
    score: f64,
    cost: Option<f64>,
    quality: Option<f64>,
    quality_term: Option<f64>,
    cost_term: Option<f64>,
    efficiency: Option<f64>,
    unranked: Option<String>,
    rank_best: Option<i32>,
    rank_worst: Option<i32>,
    efficiency_low: Option<f64>,
    efficiency_high: Option<f64>,
}

impl Line {
    fn of(place: i32, standing: &Standing) -> Line {
        let efficiency = standing.efficiency.as_ref().ok();
        Line {
            submission: standing.entry.submission,
            place,
            rank: standing.rank.map(stored_rank),
            score: standing.entry.score,
            cost: (standing.entry.cost.as_ref()).map(|cost| cost.amount.value),
            quality: efficiency.map(|e| e.quality),
            quality_term: efficiency.map(|e| e.quality_term),
            cost_term: efficiency.map(|e| e.cost_term),
            efficiency: efficiency.map(|e| e.value),
            unranked: standing
                .efficiency
                .as_ref()
                .err()
                .map(|reason| reason.as_str().to_owned()),
            rank_best: standing.range.map(|range| stored_rank(range.best)),
            rank_worst: standing.range.map(|range| stored_rank(range.worst)),
            efficiency_low: standing.efficiency_interval.map(|interval| interval.low),
            efficiency_high: standing.efficiency_interval.map(|interval| interval.high),
        }
    }
}

fn stored_rank(rank: u32) -> i32 {
    i32::try_from(rank).unwrap_or(i32::MAX)
}

async fn list_lines(
    db: impl PgExecutor<'_>,
    key: &BoardKey,
) -> Result<HashMap<TeamId, Line>, Error> {
    let rows = sqlx::query!(
        r#"select team_id as "team_id: TeamId", submission_id as "submission_id: SubmissionId", place,
               rank, score, cost, quality, quality_term, cost_term, efficiency, unranked, rank_best,
               rank_worst, efficiency_low, efficiency_high
           from standings
           where competition_id = $1 and hardware_class = $2 and split = $3 and board = $4
             and superseded_in is null"#,
        key.competition.0,
        key.hardware_class,
        stored_split(key.split),
        key.board.as_str(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let line = Line {
                submission: row.submission_id,
                place: row.place,
                rank: row.rank,
                score: row.score,
                cost: row.cost,
                quality: row.quality,
                quality_term: row.quality_term,
                cost_term: row.cost_term,
                efficiency: row.efficiency,
                unranked: row.unranked,
                rank_best: row.rank_best,
                rank_worst: row.rank_worst,
                efficiency_low: row.efficiency_low,
                efficiency_high: row.efficiency_high,
            };
            (row.team_id, line)
        })
        .collect())
}

/// All lines at once: a new entry near the top moves everybody below it.
async fn insert_lines(
    db: &mut PgConnection,
    key: &BoardKey,
    version: i64,
    lines: &[(TeamId, Line)],
) -> Result<(), Error> {
    fn column<T>(lines: &[(TeamId, Line)], of: impl Fn(&Line) -> T) -> Vec<T> {
        lines.iter().map(|(_, line)| of(line)).collect()
    }
    let teams: Vec<uuid::Uuid> = lines.iter().map(|(team, _)| team.0).collect();
    sqlx::query!(
        "update standings set superseded_in = $5
         where competition_id = $1 and hardware_class = $2 and split = $3 and board = $4
           and team_id = any($6) and superseded_in is null",
        key.competition.0,
        key.hardware_class,
        stored_split(key.split),
        key.board.as_str(),
        version,
        &teams,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "insert into standings (competition_id, hardware_class, split, board, version, team_id,
             submission_id, place, rank, score, cost, quality, quality_term, cost_term, efficiency,
             unranked, rank_best, rank_worst, efficiency_low, efficiency_high)
         select $1, $2, $3, $4, $5, * from unnest(
             $6::uuid[], $7::uuid[], $8::integer[], $9::integer[], $10::float8[], $11::float8[],
             $12::float8[], $13::float8[], $14::float8[], $15::float8[], $16::text[],
             $17::integer[], $18::integer[], $19::float8[], $20::float8[])",
        key.competition.0,
        key.hardware_class,
        stored_split(key.split),
        key.board.as_str(),
        version,
        &teams,
        &column(lines, |line| line.submission.0),
        &column(lines, |line| line.place),
        &column(lines, |line| line.rank) as &[Option<i32>],
        &column(lines, |line| line.score),
        &column(lines, |line| line.cost) as &[Option<f64>],
        &column(lines, |line| line.quality) as &[Option<f64>],
        &column(lines, |line| line.quality_term) as &[Option<f64>],
        &column(lines, |line| line.cost_term) as &[Option<f64>],
        &column(lines, |line| line.efficiency) as &[Option<f64>],
        &column(lines, |line| line.unranked.clone()) as &[Option<String>],
        &column(lines, |line| line.rank_best) as &[Option<i32>],
        &column(lines, |line| line.rank_worst) as &[Option<i32>],
        &column(lines, |line| line.efficiency_low) as &[Option<f64>],
        &column(lines, |line| line.efficiency_high) as &[Option<f64>],
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The hardware classes in which a competition has scored entries, the fullest first.
pub async fn list_hardware_classes(
    db: impl PgExecutor<'_>,
    competition: CompetitionId,
) -> Result<Vec<String>, Error> {
    sqlx::query_scalar!(
        "select summaries.hardware_class
         from summaries
         join submissions on submissions.id = summaries.submission_id
         where submissions.competition_id = $1
         group by summaries.hardware_class
         order by count(*) desc, summaries.hardware_class",
        competition.0,
    )
    .fetch_all(db)
    .await
}

/// A line of a board with all that a page shows of it.
#[derive(Debug, Clone)]
pub struct BoardLine {
    pub place: i32,
    pub rank: Option<i32>,
    pub team: TeamId,
    pub team_name: String,
    pub submission: SubmissionId,
    pub number: SubmissionNumber,
    pub reference: bool,
    pub submitted_at: DateTime<Utc>,
    pub artifact_size: Bytes,
    pub score: f64,
    pub score_interval: Option<Interval>,
    /// Per pass, of the kind and window the competition ranks by.
    pub cost: Option<Amount>,
    pub efficiency: Result<Efficiency, Unranked>,
    pub summary: Summary,
    pub precision: Precision,
    /// Rows that a model was given at once, where it is known.
    pub batch_size: Option<u32>,
    /// Where the efficiency and the rank may lie, once the cost has an interval.
    pub efficiency_interval: Option<Interval>,
    pub range: Option<RankRange>,
    /// How many submissions the team has made.
    pub entries: i64,
}

/// The current lines of a board, the winner first, of a competition that ranks this kind of cost.
pub async fn list_standings(
    db: impl PgExecutor<'_>,
    key: &BoardKey,
    cost: Cost,
) -> Result<Vec<BoardLine>, Error> {
    let rows = sqlx::query!(
        r#"select place, rank, line.team_id as "team_id: TeamId", teams.name as team_name,
               line.submission_id as "submission_id: SubmissionId", number as "number: SubmissionNumber",
               reference, submitted_at, artifact_size_bytes, score, cost, quality, quality_term,
               cost_term, efficiency, unranked, inference_wall_s, inference_cpu_s, total_wall_s,
               total_cpu_s, peak_memory_bytes, energy as "energy: Json<Energy>", trials, deterministic,
               cost_low, cost_high, later_failure, rank_best, rank_worst, efficiency_low,
               efficiency_high, batch_size,
               case $3 when 'private' then score_private_low else score_public_low end as score_low,
               case $3 when 'private' then score_private_high else score_public_high end as score_high,
               (select count(*) from submissions as own where own.team_id = line.team_id) as "entries!"
           from standings as line
           join teams on teams.id = line.team_id
           join submissions on submissions.id = line.submission_id
           join summaries on summaries.submission_id = line.submission_id
           where line.competition_id = $1 and line.hardware_class = $2 and split = $3 and board = $4
             and superseded_in is null
           order by place"#,
        key.competition.0,
        key.hardware_class,
        stored_split(key.split),
        key.board.as_str(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| BoardLine {
            place: row.place,
            rank: row.rank,
            team: row.team_id,
            team_name: row.team_name,
            submission: row.submission_id,
            number: row.number,
            reference: row.reference,
            submitted_at: row.submitted_at,
            artifact_size: Bytes::from_i64(row.artifact_size_bytes),
            score: row.score,
            score_interval: stored_interval(row.score_low, row.score_high),
            cost: row.cost.map(|value| cost.amount(value)),
            efficiency: stored_efficiency(
                row.quality
                    .zip(row.quality_term)
                    .zip(row.cost_term.zip(row.efficiency)),
                row.unranked.as_deref(),
            ),
            summary: Summary {
                inference: stored_cost(row.inference_wall_s, row.inference_cpu_s),
                total: whole_cost(row.total_wall_s, row.total_cpu_s),
                peak_memory: Bytes::from_i64(row.peak_memory_bytes),
                energy: row.energy.0,
                trials: u32::try_from(row.trials).unwrap_or(0),
                deterministic: row.deterministic,
            },
            precision: Precision {
                cost: stored_interval(row.cost_low, row.cost_high),
                later_failure: row.later_failure,
            },
            batch_size: row.batch_size.map(i32::unsigned_abs),
            efficiency_interval: stored_interval(row.efficiency_low, row.efficiency_high),
            range: row
                .rank_best
                .zip(row.rank_worst)
                .map(|(best, worst)| RankRange {
                    best: best.unsigned_abs(),
                    worst: worst.unsigned_abs(),
                }),
            entries: row.entries,
        })
        .collect())
}

pub(super) fn stored_interval(low: Option<f64>, high: Option<f64>) -> Option<Interval> {
    low.zip(high).map(|(low, high)| Interval { low, high })
}

fn stored_efficiency(
    terms: Option<((f64, f64), (f64, f64))>,
    unranked: Option<&str>,
) -> Result<Efficiency, Unranked> {
    match terms {
        Some(((quality, quality_term), (cost_term, value))) => Ok(Efficiency {
            quality,
            quality_term,
            cost_term,
            value,
        }),
        None => Err(unranked
            .and_then(Unranked::from_name)
            .unwrap_or(Unranked::CostMissing)),
    }
}

fn stored_split(split: Split) -> &'static str {
    match split {
        Split::Public => "public",
        Split::Private => "private",
    }
}
