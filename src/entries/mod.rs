//! Reads what was uploaded without running it, so that a broken file is refused at the door with
//! its reason. Nothing here trusts a byte of it: memory is bounded whatever the file claims, and
//! time grows with its size and no faster.

pub mod onnx;
mod protobuf;
mod recognise;
mod rejection;

pub use rejection::{Rejection, RejectionCode};
