//! Black-box tests of the walls. They need what a runner needs: root, crun or runc, and the
//! cgroup controllers; what is missing is named, and the tests fail.
//!
//! A mount namespace belongs to a thread, so each test enters one of its own on its own thread.

mod attacks;
#[path = "../../../benches/leanboard/walls/bombs.rs"]
#[expect(dead_code, reason = "the bombs themselves are for tests/costs")]
mod bombs;
pub mod engines;
mod limits;
mod machine;
mod outputs;
mod runs;
pub mod support;
