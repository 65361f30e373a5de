//! How many requests a second the leaderboard of a large competition answers, beside nginx with the
//! same bytes in files.

use std::time::Duration;

use crate::Outcome;
use crate::first_sandbox::distinct;
use crate::nginx::Nginx;
use crate::report::{heading, line, milliseconds};
use crate::seed;
use crate::service::{COMPETITION, Service, demo};
use crate::wrk::{self, Load};

const TEAMS: usize = 1000;
/// Of each of the two servers, by turns.
const ROUNDS: usize = 2;
const SECONDS: u32 = 4;
/// As many as `leanboard serve` has threads.
const WORKERS: u32 = 2;

pub fn run(service: &Service) -> Outcome<()> {
    fill(service)?;
    let nginx = Nginx::start(service.folder.path(), WORKERS)?;
    heading(
        &format!("Leaderboard of {TEAMS} teams, {ROUNDS} × {SECONDS} s by turns, wrk -t2 -c16"),
        &[
            "body KiB",
            "requests/s",
            "nginx",
            "ratio",
            "p99 ms",
            "nginx",
        ],
    );
    let page = format!("/competitions/{COMPETITION}");
    let document = format!("/api/v1/competitions/{COMPETITION}/leaderboard");
    for encoding in ["identity", "gzip"] {
        for (name, path) in [("page", &page), ("document", &document)] {
            let ours = format!("{}{path}", service.address);
            let body = service.body(&ours, encoding)?;
            let theirs = nginx.serve(name, encoding, &body)?;
            if service.body(&theirs, encoding)? != body {
                return Err("nginx serves other bytes".into());
            }
            let (mut our_loads, mut their_loads) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                our_loads.push(wrk::run(&ours, encoding, SECONDS)?);
                their_loads.push(wrk::run(&theirs, encoding, SECONDS)?);
            }
            let [ours, theirs] = [rate(&our_loads), rate(&their_loads)];
            line(
                &format!(
                    "{}, {encoding}",
                    if name == "page" { "HTML" } else { "JSON" }
                ),
                &[
                    format!("{:.0}", body.len() as f64 / 1024.0),
                    format!("{ours:.0}"),
                    format!("{theirs:.0}"),
                    format!("{:.2}", ours / theirs),
                    format!("{:.1}", milliseconds(slowest(&our_loads))),
                    format!("{:.1}", milliseconds(slowest(&their_loads))),
                ],
            );
        }
    }
    Ok(())
}

/// Fills the board by a submission more, at whose end the real runner ranks all teams.
fn fill(service: &Service) -> Outcome<()> {
    let model = std::fs::read(demo("starter/small_mlp.onnx"))?;
    let others = TEAMS - 2;
    let pool = service.connect()?;
    service.tokio.block_on(async {
        seed::insert_teams(&pool, others).await?;
        pool.close().await;
        Outcome::Ok(())
    })?;
    let upload = service.upload(distinct(&model, 9999))?;
    service.commit(&upload)?;
    service.wait_until_idle()?;
    match service.standings()?.len() {
        TEAMS => Ok(()),
        lines => Err(format!("the board has {lines} lines").into()),
    }
}

fn rate(loads: &[Load]) -> f64 {
    loads.iter().map(|load| load.requests_per_s).sum::<f64>() / loads.len() as f64
}

fn slowest(loads: &[Load]) -> Duration {
    loads.iter().map(|load| load.p99).max().unwrap_or_default()
}
