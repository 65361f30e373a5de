//! The walls: runs one untrusted program under limits and answers with its [`Outcome`] and its
//! [`Usage`].
//!
//! [`enter_private_mounts`] and [`Walls::raise`] prepare a machine once; [`Walls::make_room`]
//! builds what one run sees, with the program's parent ready and blocked on one byte;
//! [`Sandbox::start`] writes that byte, and [`Sandbox::wait`] answers with a [`Run`]. Everything
//! here blocks, so it belongs on a thread of its own.
//!
//! Mount namespaces belong to threads: walls, rooms and runs are used on the thread that called
//! [`enter_private_mounts`], or on threads that this thread started afterwards. A
//! [`Canceller`] works on any thread.
//!
//! [`Outcome`]: crate::domain::outcome::Outcome
//! [`Usage`]: crate::domain::outcome::Usage

mod canary;
mod cgroup;
pub(crate) mod channel;
mod config;
mod engine;
mod error;
mod log;
mod mounts;
mod outputs;
mod preflight;
mod room;
mod run;
mod walls;
mod warm;
mod watcher;

pub use channel::{Received, ReceivedBytes};
pub use engine::Engine;
pub use error::SandboxError;
pub use log::Log;
pub use mounts::enter_private_mounts;
pub use outputs::OutputError;
pub use room::{ReadOnlyMount, Room};
pub use run::{Run, Sandbox};
pub use walls::{Walls, WallsOptions};
pub use warm::{pages_taken, warm};
pub use watcher::Canceller;
