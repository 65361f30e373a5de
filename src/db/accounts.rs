//! Users, the browsers they are signed in with, and their API tokens. Secrets are kept as SHA-256.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::{Error, Inserted};
use crate::domain::digest::Digest;
use crate::domain::ids::{TokenId, UserId};

#[derive(Debug, Clone)]
pub struct User {
    pub id: UserId,
    pub name: String,
    pub is_host: bool,
}

pub async fn insert_user(
    db: impl PgExecutor<'_>,
    name: &str,
    password_hash: &str,
    is_host: bool,
) -> Result<Inserted<UserId>, Error> {
    let id = UserId::new();
    let inserted = sqlx::query!(
        "insert into users (id, name, password_hash, is_host)
         values ($1, $2, $3, $4)
         on conflict (lower(name)) do nothing",
        id.0,
        name,
        password_hash,
        is_host,
    )
    .execute(db)
    .await?;
    Ok(match inserted.rows_affected() {
        0 => Inserted::Duplicate(()),
        _ => Inserted::New(id),
    })
}

/// A user with the hash that the password is checked against.
#[derive(Debug)]
pub struct Credentials {
    pub user: User,
    pub password_hash: String,
}

pub async fn find_credentials(
    db: impl PgExecutor<'_>,
    name: &str,
) -> Result<Option<Credentials>, Error> {
    let row = sqlx::query!(
        r#"select id as "id: UserId", name, is_host, password_hash
           from users
           where lower(name) = lower($1)"#,
        name,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Credentials {
        user: User {
            id: row.id,
            name: row.name,
            is_host: row.is_host,
        },
        password_hash: row.password_hash,
    }))
}

pub async fn insert_sign_in(
    db: impl PgExecutor<'_>,
    token: &Digest,
    user: UserId,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into sign_ins (token_hash, user_id, expires_at) values ($1, $2, $3)",
        token.as_bytes(),
        user.0,
        expires_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn find_signed_in(
    db: impl PgExecutor<'_>,
    token: &Digest,
    now: DateTime<Utc>,
) -> Result<Option<User>, Error> {
    sqlx::query_as!(
        User,
        r#"select users.id as "id: UserId", users.name, users.is_host
           from sign_ins
           join users on users.id = sign_ins.user_id
           where token_hash = $1 and expires_at > $2"#,
        token.as_bytes(),
        now,
    )
    .fetch_optional(db)
    .await
}

pub async fn delete_sign_in(db: impl PgExecutor<'_>, token: &Digest) -> Result<(), Error> {
    sqlx::query!(
        "delete from sign_ins where token_hash = $1",
        token.as_bytes()
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Sweeps sign-ins that have expired and failures too old to throttle by.
pub async fn sweep(db: &sqlx::PgPool, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!("delete from sign_ins where expires_at <= $1", now)
        .execute(db)
        .await?;
    sqlx::query!("delete from failed_sign_ins where at < now() - interval '1 day'")
        .execute(db)
        .await?;
    Ok(())
}

/// Writes down an attempt to sign in with this name, before it is known how it ends, and says how
/// many there were in the last quarter of an hour, this one included.
pub async fn insert_sign_in_attempt(db: &sqlx::PgPool, name: &str) -> Result<i64, Error> {
    sqlx::query!(
        "insert into failed_sign_ins (name) values (lower($1))",
        name
    )
    .execute(db)
    .await?;
    sqlx::query_scalar!(
        r#"select count(*) as "count!"
           from failed_sign_ins
           where name = lower($1) and at > now() - interval '15 minutes'"#,
        name,
    )
    .fetch_one(db)
    .await
}

/// After a right password the attempts of this name count no more.
pub async fn forget_sign_in_attempts(db: impl PgExecutor<'_>, name: &str) -> Result<(), Error> {
    sqlx::query!("delete from failed_sign_ins where name = lower($1)", name)
        .execute(db)
        .await?;
    Ok(())
}

#[derive(Debug, Clone)]
pub struct ApiToken {
    pub id: TokenId,
    pub name: String,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
}

pub async fn insert_token(
    db: impl PgExecutor<'_>,
    user: UserId,
    name: &str,
    token: &Digest,
) -> Result<TokenId, Error> {
    let id = TokenId::new();
    sqlx::query!(
        "insert into api_tokens (id, user_id, name, token_hash) values ($1, $2, $3, $4)",
        id.0,
        user.0,
        name,
        token.as_bytes(),
    )
    .execute(db)
    .await?;
    Ok(id)
}

pub async fn list_tokens(db: impl PgExecutor<'_>, user: UserId) -> Result<Vec<ApiToken>, Error> {
    sqlx::query_as!(
        ApiToken,
        r#"select id as "id: TokenId", name, created_at, last_used_at
           from api_tokens
           where user_id = $1 and revoked_at is null
           order by created_at"#,
        user.0,
    )
    .fetch_all(db)
    .await
}

/// Whether there was such a token of this user's to revoke.
pub async fn revoke_token(
    db: impl PgExecutor<'_>,
    user: UserId,
    token: TokenId,
) -> Result<bool, Error> {
    let revoked = sqlx::query!(
        "update api_tokens set revoked_at = now()
         where id = $1 and user_id = $2 and revoked_at is null",
        token.0,
        user.0,
    )
    .execute(db)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// Whose token it is, unless it was revoked. Notes the use, at most once a minute.
pub async fn find_token_user(db: &sqlx::PgPool, token: &Digest) -> Result<Option<User>, Error> {
    let user = sqlx::query_as!(
        User,
        r#"select users.id as "id: UserId", users.name, users.is_host
           from api_tokens
           join users on users.id = api_tokens.user_id
           where token_hash = $1 and revoked_at is null"#,
        token.as_bytes(),
    )
    .fetch_optional(db)
    .await?;
    if user.is_some() {
        sqlx::query!(
            "update api_tokens set last_used_at = now()
             where token_hash = $1
               and (last_used_at is null or last_used_at < now() - interval '1 minute')",
            token.as_bytes(),
        )
        .execute(db)
        .await?;
    }
    Ok(user)
}
