//! Black-box tests of the walls. They need what a runner needs: root, crun or runc, and the
//! cgroup controllers; what is missing is named, and the tests fail.
//!
//! A mount namespace belongs to a thread, so each test enters one of its own on its own thread.

mod attacks;
#[path = "../../../benches/leanboard/walls/bare.rs"]
mod bare;
#[path = "../../../benches/leanboard/walls/bombs.rs"]
mod bombs;
mod costs;
pub mod engines;
mod limits;
mod machine;
mod outputs;
mod runs;
pub mod support;
#[path = "../../../benches/leanboard/walls/turns.rs"]
mod turns;

/// Of what the tests share with the benchmark.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
