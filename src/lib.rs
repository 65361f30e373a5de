//! Leanboard ranks models by what they cost as well as by how well they predict.

pub mod cli;
pub mod competitions;
pub mod config;
pub mod db;
pub mod domain;
pub mod entries;
pub mod meter;
pub mod runner;
pub mod sandbox;
pub mod scoring;
pub mod session;
pub mod store;
pub mod telemetry;
pub mod web;
