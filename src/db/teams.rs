//! Teams. Every submission belongs to one, of one member at first.

use sqlx::{PgExecutor, PgTransaction};

use super::Error;
use crate::domain::ids::{CompetitionId, TeamId, UserId};

#[derive(Debug, Clone)]
pub struct Team {
    pub id: TeamId,
    pub name: String,
}

pub async fn find_of_user(
    db: impl PgExecutor<'_>,
    competition: CompetitionId,
    user: UserId,
) -> Result<Option<Team>, Error> {
    sqlx::query_as!(
        Team,
        r#"select teams.id as "id: TeamId", teams.name
           from team_members
           join teams on teams.id = team_members.team_id
           where team_members.competition_id = $1 and team_members.user_id = $2"#,
        competition.0,
        user.0,
    )
    .fetch_optional(db)
    .await
}

/// The teams that a user is in, over all competitions.
pub async fn list_of_user(db: impl PgExecutor<'_>, user: UserId) -> Result<Vec<TeamId>, Error> {
    sqlx::query_scalar!(
        r#"select team_id as "id: TeamId" from team_members where user_id = $1"#,
        user.0,
    )
    .fetch_all(db)
    .await
}

/// Creates a team of this name; `None` if the name is taken in the competition.
pub async fn insert(
    db: impl PgExecutor<'_>,
    competition: CompetitionId,
    name: &str,
) -> Result<Option<Team>, Error> {
    sqlx::query_as!(
        Team,
        r#"insert into teams (id, competition_id, name)
           values ($1, $2, $3)
           on conflict (competition_id, lower(name)) do nothing
           returning id as "id: TeamId", name"#,
        TeamId::new().0,
        competition.0,
        name,
    )
    .fetch_optional(db)
    .await
}

/// The team a user enters with: theirs, or a new one of their name. Where another team has that
/// name already, a number is added.
pub async fn find_or_enter(
    db: &mut PgTransaction<'_>,
    competition: CompetitionId,
    user: UserId,
    user_name: &str,
) -> Result<Team, Error> {
    // Two first submissions at once must not make two teams.
    sqlx::query!(
        "select 1 as one from users where id = $1 for no key update",
        user.0
    )
    .fetch_one(&mut **db)
    .await?;
    if let Some(team) = find_of_user(&mut **db, competition, user).await? {
        return Ok(team);
    }
    let mut name = user_name.to_owned();
    let mut number = 2;
    let team = loop {
        match insert(&mut **db, competition, &name).await? {
            Some(team) => break team,
            None => {
                name = format!("{user_name} ({number})");
                number += 1;
            }
        }
    };
    sqlx::query!(
        "insert into team_members (team_id, competition_id, user_id) values ($1, $2, $3)",
        team.id.0,
        competition.0,
        user.0,
    )
    .execute(&mut **db)
    .await?;
    Ok(team)
}

/// Makes the submissions of one team come one after the other, until the transaction ends.
pub async fn lock(db: impl PgExecutor<'_>, team: TeamId) -> Result<(), Error> {
    sqlx::query!(
        "select 1 as one from teams where id = $1 for no key update",
        team.0
    )
    .fetch_one(db)
    .await?;
    Ok(())
}

/// The team of this name, made if there is none: for the host's starters, whose teams have no
/// members.
pub async fn find_or_insert(
    db: &mut PgTransaction<'_>,
    competition: CompetitionId,
    name: &str,
) -> Result<Team, Error> {
    if let Some(team) = insert(&mut **db, competition, name).await? {
        return Ok(team);
    }
    sqlx::query_as!(
        Team,
        r#"select id as "id: TeamId", name from teams
           where competition_id = $1 and lower(name) = lower($2)"#,
        competition.0,
        name,
    )
    .fetch_one(&mut **db)
    .await
}
