//! The rules of the contest: plain values and pure functions. No I/O, and no clock but one that
//! can be set.

pub mod answers;
pub mod competition;
pub mod limits;
pub mod outcome;
pub mod score;
pub mod slug;
pub mod solution;
pub mod split;
pub mod table;
pub mod text_table;
pub mod units;
