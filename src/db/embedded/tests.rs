use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use nix::unistd::geteuid;
use tempfile::TempDir;

use super::{Cluster, EmbeddedError, SOCKET_PATH_LIMIT, files, server_account};
use crate::db;

/// A folder that the server's account finds the way to.
fn folder() -> TempDir {
    tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in("/tmp")
        .unwrap()
}

async fn execute(cluster: &Cluster, statement: &'static str) -> Result<(), db::Error> {
    let pool = db::connect(&cluster.url(), 1).await.unwrap();
    let result = sqlx::raw_sql(statement).execute(&pool).await.map(drop);
    pool.close().await;
    result
}

#[tokio::test]
async fn the_application_owns_its_database_and_can_run_no_programs() {
    let folder = folder();
    // As long as a path may be.
    let rest = SOCKET_PATH_LIMIT - folder.path().as_os_str().len() - "/".len();
    let postgres = folder.path().join("p".repeat(rest));
    for start in 1..=2 {
        let cluster = Cluster::start(&postgres, None).unwrap();
        cluster.prepare().await.unwrap();
        let pool = db::connect(&cluster.url(), 1).await.unwrap();
        db::migrate(&pool).await.unwrap();
        pool.close().await;
        for forbidden in [
            "copy (select 1) to program 'true'",
            "copy (select 1) to '/tmp/leanboard-test-copy'",
            "create database another",
            "create role another",
            "set role postgres",
            "alter role leanboard superuser",
        ] {
            let refused = execute(&cluster, forbidden).await;
            assert!(refused.is_err(), "start {start}: {forbidden}");
        }
        execute(&cluster, "create table mine (); drop table mine")
            .await
            .unwrap();
        assert_eq!(super::url_of_running(&postgres), Some(cluster.url()));
        assert!(cluster.url().starts_with("postgres://leanboard:"));
    }
}

#[test]
fn only_the_cluster_and_the_socket_are_the_servers() {
    let folder = folder();
    let postgres = folder.path().join("postgres");
    let _cluster = Cluster::start(&postgres, None).unwrap();
    let ours = geteuid().as_raw();
    let servers = server_account().map_or(ours, |account| account.uid.as_raw());
    let found = |name: &str| {
        let metadata = fs::symlink_metadata(postgres.join(name)).unwrap();
        (metadata.uid(), metadata.mode() & 0o777)
    };
    assert_eq!(found("."), (ours, 0o711));
    assert_eq!(found("cluster"), (servers, 0o700));
    assert_eq!(found("socket"), (servers, 0o700));
    for secret in ["password", "superuser-password", "postgres.log"] {
        assert_eq!(found(secret), (ours, 0o600));
    }
    assert_eq!(fs::read_dir(&postgres).unwrap().count(), 5);
}

#[test]
fn a_path_that_is_too_long_for_a_socket_is_refused() {
    let folder = folder();
    let postgres = folder.path().join("p".repeat(SOCKET_PATH_LIMIT));
    let refused = Cluster::start(&postgres, None);
    assert!(matches!(refused, Err(EmbeddedError::PathTooLong { .. })));
}

#[test]
fn links_and_pipes_are_not_followed() {
    let folder = folder();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "15").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert_eq!(files::read_small(&file).unwrap(), "15");
    assert!(files::read_small(&link).is_err());
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(files::read_small(&pipe).unwrap_or_default(), "");
}
