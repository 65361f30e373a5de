//! Load, by wrk.

use std::process::Command;
use std::time::Duration;

use crate::{Outcome, process};

const THREADS: u32 = 2;
const CONNECTIONS: u32 = 16;

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub requests_per_s: f64,
    pub p99: Duration,
}

/// Asks for one address for some seconds, on connections that stay open.
pub fn run(address: &str, accept_encoding: &str, seconds: u32) -> Outcome<Load> {
    let mut wrk = Command::new("wrk");
    wrk.args(["--latency", "--threads", &THREADS.to_string()])
        .args(["--connections", &CONNECTIONS.to_string()])
        .args(["--duration", &format!("{seconds}s")])
        .args(["--header", &format!("Accept-Encoding: {accept_encoding}")])
        .arg(address);
    let printed = process::output(&mut wrk)?;
    for trouble in ["Non-2xx", "Socket errors"] {
        if printed.contains(trouble) {
            return Err(format!("{address} did not hold out: {printed}").into());
        }
    }
    let figure = |name: &str| {
        let line = printed
            .lines()
            .find_map(|line| line.trim().strip_prefix(name));
        line.map(str::trim)
            .ok_or_else(|| format!("no `{name}` in: {printed}"))
    };
    Ok(Load {
        requests_per_s: figure("Requests/sec:")?.parse()?,
        p99: parse_duration(figure("99%")?).ok_or("wrk printed no duration")?,
    })
}

/// "1.50ms", "900.00us" or "1.20s"
fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    Some(Duration::from_secs_f64(
        number.parse::<f64>().ok()? * seconds,
    ))
}
