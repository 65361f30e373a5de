//! Black-box tests: the real program over HTTP and on its command line, a real PostgreSQL database
//! for each test, the real sandbox. They need what a runner needs, root among it.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod accounts;
mod browser;
mod check;
mod client;
mod command_line;
mod crashes;
mod deepening;
mod formats;
mod fuzzing;
mod gpu;
mod harness;
mod hostile;
mod live;
mod manifest;
mod metric_py;
mod metrics;
mod migrations;
mod nvml;
mod pages;
mod predict;
mod probabilities;
mod reports;
mod runtimes;
mod sandbox;
mod scripts;
mod starters;
mod submissions;
mod support;
mod texts;
mod tflite;
mod tidy;
mod units;
mod uploads;
mod walls;
