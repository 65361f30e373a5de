//! All of HTTP: the pages and the JSON API. Runs nothing and measures nothing; it meets the runner
//! in the database and in the store only.

mod advice;
mod api;
pub mod auth;
mod boards;
mod bodies;
mod contracts;
mod error;
mod forms;
mod live;
mod lookups;
pub(crate) mod pages;
mod places;
mod runtimes;
mod standing;
mod static_files;
mod uploads;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::guard::{self, Guard};
use actix_web::middleware::{Compress, DefaultHeaders, from_fn};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpServer, Route, middleware};
use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::db;
use crate::domain::clock::Clock;
use crate::store::Store;
use boards::BoardCache;
use contracts::Contracts;
use error::Error;
use live::Live;
pub use live::streams::LONGEST as LONGEST_STREAM;
pub use pages::figures;
use places::Places;

/// Password hashes that are computed at once: each takes 19 MiB and all of a core.
const HASHES_AT_ONCE: usize = 2;
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// What every handler needs.
pub struct App {
    db: PgPool,
    store: Store,
    clock: Clock,
    /// Scheme and host that people reach us by, if it is configured.
    public_url: Option<String>,
    sign_up: bool,
    boards: BoardCache,
    contracts: Contracts,
    live: Live,
    hashing: Semaphore,
    /// Forms that are being sent.
    forms: Places,
    /// Door checks: one at a time, because each may take a core for a while.
    door: Semaphore,
    /// Checked when a name is unknown, so that this takes as long as a wrong password.
    decoy_hash: String,
}

/// What the server is built from.
pub struct Parts {
    pub db: PgPool,
    pub store: Store,
    pub clock: Clock,
    pub public_url: Option<String>,
    pub sign_up: bool,
    pub workers: usize,
    /// Streams of events that may be open at once.
    pub most_streams: usize,
    /// When a stream ends at the latest.
    pub longest_stream: Duration,
}

/// Builds the server on a bound socket. It runs once it is awaited.
///
/// # Errors
/// When the socket cannot be used.
pub fn server(parts: Parts, listener: TcpListener) -> std::io::Result<Server> {
    let decoy_hash = auth::hash_password("a password that nobody has")
        .map_err(|error| std::io::Error::other(error.to_string()))?;
    let workers = parts.workers;
    let app = Data::from(Arc::new(App {
        boards: BoardCache::default(),
        contracts: Contracts::default(),
        live: Live::new(parts.most_streams, parts.longest_stream),
        hashing: Semaphore::new(HASHES_AT_ONCE),
        forms: Places::default(),
        door: Semaphore::new(1),
        decoy_hash,
        db: parts.db,
        store: parts.store,
        clock: parts.clock,
        public_url: parts.public_url,
        sign_up: parts.sign_up,
    }));
    tokio::spawn(live::follow(app.clone()));
    tokio::spawn(sweep(app.clone()));
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(app.clone())
            .wrap(from_fn(auth::refuse_cross_site))
            .wrap(security_headers())
            .wrap(Compress::default())
            .wrap(tracing_actix_web::TracingLogger::default())
            .configure(routes)
    })
    .workers(workers)
    .shutdown_timeout(5)
    .listen(listener)?
    .run();
    Ok(server)
}

/// The whole address space on one screen.
fn routes(service: &mut ServiceConfig) {
    service
        .service(web::scope("/api/v1").configure(api::routes))
        .configure(static_files::routes)
        .configure(pages::routes);
}

/// GET, and HEAD as the same without a body.
fn get() -> Route {
    web::route().guard(guard::fn_guard(|context| {
        guard::Get().check(context) || guard::Head().check(context)
    }))
}

fn security_headers() -> DefaultHeaders {
    middleware::DefaultHeaders::new()
        .add((
            "Content-Security-Policy",
            "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
             form-action 'self'; frame-ancestors 'none'",
        ))
        // What says nothing else itself may depend on who asks, and on the minute.
        .add(("Cache-Control", "private, no-cache"))
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Referrer-Policy", "same-origin"))
        .add(("Cross-Origin-Opener-Policy", "same-origin"))
}

impl App {
    /// Runs a slow hash where it blocks nobody, only a few at once.
    async fn hash_blocking<T: Send + 'static>(
        &self,
        hash: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let _permit = self
            .hashing
            .acquire()
            .await
            .expect("the semaphore is never closed");
        web::block(hash)
            .await
            .map_err(|error| Error::Internal(error.to_string()))
    }
}

/// Removes what has expired, now and then.
async fn sweep(app: Data<App>) {
    loop {
        if let Err(error) = sweep_once(&app).await {
            tracing::warn!(%error, "what has expired could not be removed");
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

async fn sweep_once(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    for upload in db::uploads::delete_expired(&app.db, now).await? {
        app.store.discard(upload).await?;
    }
    db::accounts::sweep(&app.db, now).await?;
    let store = app.store.clone();
    let swept = web::block(move || store.sweep(uploads::KEPT_FOR)).await;
    if let Ok(Err(error)) = swept {
        tracing::warn!(%error, "uploads that were left behind could not be removed");
    }
    Ok(())
}

/// A socket to serve on.
///
/// # Errors
/// Names the address, so that a port that is taken can be told.
pub fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).map_err(|error| {
        format!(
            "cannot listen on {address}: {error}; choose another with --listen (LEANBOARD_LISTEN)"
        )
    })
}
