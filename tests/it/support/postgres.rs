//! One cluster for the whole run of the tests, one database for each test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;

use leanboard::db::{self, embedded::Cluster};
use tokio::sync::Mutex;

const TEMPLATE: &str = "template";

/// The address of a new database with the current schema.
pub async fn create_database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static TEMPLATE_MADE: Mutex<bool> = Mutex::const_new(false);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{number}");
    // Nobody may be connected to a template while it is copied.
    let mut made = TEMPLATE_MADE.lock().await;
    if !*made {
        execute(&format!("create database {TEMPLATE}")).await;
        let pool = db::connect(&url_of(TEMPLATE), 1).await.unwrap();
        db::migrate(&pool).await.unwrap();
        pool.close().await;
        *made = true;
    }
    execute(&format!("create database {name} template {TEMPLATE}")).await;
    url_of(&name)
}

/// The address of a new database without a schema.
pub async fn create_empty_database(name: &str) -> String {
    execute(&format!("create database {name}")).await;
    url_of(name)
}

async fn execute(statement: &str) {
    let pool = db::connect(&url_of("postgres"), 1).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
}

fn url_of(database: &str) -> String {
    static URL: OnceLock<String> = OnceLock::new();
    let url = URL.get_or_init(|| {
        let (sender, receiver) = channel();
        // The server ends with the thread that started it, so this one never does.
        std::thread::spawn(move || {
            let cluster = Cluster::start(&folder(), None).unwrap();
            sender.send(cluster.superuser_url_of("DATABASE")).unwrap();
            loop {
                std::thread::park();
            }
        });
        receiver.recv().unwrap()
    });
    url.replace("DATABASE", database)
}

/// A folder that other accounts find the way to, without those that former runs left behind.
fn folder() -> PathBuf {
    const PREFIX: &str = "leanboard-test-postgres-";
    for entry in fs::read_dir("/tmp").unwrap().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Path::new("/tmp").join(format!("{PREFIX}{}", std::process::id()))
}
