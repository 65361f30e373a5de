//! The rules of the contest: plain values and pure functions. No I/O, and no clock but one that
//! can be set.

pub mod competition;
pub mod limits;
pub mod outcome;
pub mod slug;
pub mod units;
