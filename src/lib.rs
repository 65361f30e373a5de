//! Leanboard ranks models by what they cost as well as by how well they predict.
//!
//! The modules are the way of one submission. [`web`] takes an upload in, [`entries`] looks at it
//! without running it, [`store`] keeps its bytes by digest, and [`db`] queues it. Another process,
//! the [`runner`], claims it; a [`session`] runs it in the [`sandbox`] beside the [`meter`];
//! [`scoring`] turns its predictions into a score; and `db` and `web` meet again at the board.
//!
//! [`domain`] holds the rules of the contest and names nobody. [`competitions`] reads what a host
//! wrote. [`cli`] starts everything, [`config`] has every setting, [`telemetry`] the logs.
//! `ARCHITECTURE.md` has the whole walk.

// `println!` ends the program where its reader has had enough: `cli::output` does not.
#![deny(clippy::print_stdout)]

pub mod cli;
pub mod competitions;
pub mod config;
pub mod db;
pub mod domain;
pub mod entries;
#[doc(hidden)]
pub mod fuzzing;
pub mod meter;
pub mod runner;
pub mod sandbox;
pub mod scoring;
pub mod session;
pub mod store;
pub mod telemetry;
pub mod web;
