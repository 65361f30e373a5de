//! The report on standard output.

use std::fmt::Display;
use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::process;

const NAME_WIDTH: usize = 42;
/// Of a figure.
const WIDTH: usize = 16;

/// What the figures hold for.
pub fn print_machine() {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown CPU", |(_, model)| model);
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    println!("Leanboard {}, release build", env!("CARGO_PKG_VERSION"));
    println!("{cpus} CPUs, {model}; load {load} at the start");
    let programs: Vec<String> = [
        ("crun", "--version"),
        ("runc", "--version"),
        ("nginx", "-v"),
        ("wrk", "-v"),
    ]
    .into_iter()
    .filter_map(|(program, flag)| first_line(program, flag))
    .collect();
    println!("{}", programs.join("; "));
}

/// What a program says of its version, on whichever stream; `None` where it is not installed.
fn first_line(program: &str, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next()?;
    let line = line.split(" [").next().unwrap_or(line);
    Some(line.replace(" version:", "").replace(" version", ""))
}

/// Whether a program is installed.
pub fn is_installed(program: &str) -> bool {
    process::output(Command::new(program).arg("--version")).is_ok()
}

/// Begins a part, with the names of its columns.
pub fn heading(title: &str, columns: &[&str]) {
    println!("\n{title}");
    line("", columns);
}

/// One line of a table: a name, its figures, and perhaps a target with its verdict.
pub fn line(name: &str, figures: &[impl Display]) {
    print!("  {name:NAME_WIDTH$}");
    for figure in figures {
        print!("{:>WIDTH$}", figure.to_string());
    }
    println!();
}

/// A remark below a table.
pub fn note(words: &str) {
    println!("  ({words})");
}

/// "≤ 40 ms met"
pub fn at_most(figure: f64, target: f64, unit: &str) -> String {
    let verdict = if figure <= target { "met" } else { "MISSED" };
    format!("≤ {target} {unit} {verdict}")
}

/// "≥ 3 × met"
pub fn at_least(figure: f64, target: f64, unit: &str) -> String {
    let verdict = if figure >= target { "met" } else { "MISSED" };
    format!("≥ {target} {unit} {verdict}")
}

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The figure below which this part of them lies, by the nearest rank.
pub fn quantile(figures: &[f64], part: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}
