//! Leanboard ranks models by what they cost as well as by how well they predict.

pub mod competitions;
pub mod domain;
pub mod entries;
pub mod sandbox;
pub mod scoring;
