//! The rules of the contest: plain values and pure functions. No I/O, and no clock but one that
//! can be set.

pub mod answers;
pub mod arrays;
pub mod clock;
pub mod competition;
pub mod contention;
pub mod cost;
pub mod deepening;
pub mod digest;
pub mod efficiency;
pub mod energy;
pub mod forecast;
pub mod hardware;
pub mod ids;
pub mod limits;
pub mod metric;
pub mod model_manifest;
pub mod names;
pub mod outcome;
pub mod parquet;
pub mod random;
pub mod ranking;
pub mod row_ids;
pub mod runtime;
pub mod score;
pub mod slug;
pub mod solution;
pub mod split;
pub mod statistics;
pub mod submission;
pub mod table;
pub mod text_rows;
pub mod text_table;
pub mod trial;
pub mod units;
