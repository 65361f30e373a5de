//! The rules of the contest: plain values and pure functions. No I/O, and no clock but one that
//! can be set.

pub mod clock;
pub mod competition;
pub mod digest;
pub mod efficiency;
pub mod energy;
pub mod ids;
pub mod limits;
pub mod outcome;
pub mod ranking;
pub mod slug;
pub mod statistics;
pub mod submission;
pub mod trial;
pub mod units;
