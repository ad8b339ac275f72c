//! The whole program against a fleet, rule by rule of its contract.
//!
//! The same tests run against an embedded fleet, each test its own, and, when
//! `GLANCESYNC_TEST_CLOUD` names the description of one, against real servers, one after another.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod ami;
mod attributes;
mod backup;
mod certificates;
mod check_config;
mod clouds;
mod commands;
mod comparison;
mod conditions;
mod configuration;
mod conflict;
mod cost;
mod credentials;
mod delivery;
mod delivery_faults;
mod demo;
mod documents;
mod faults;
mod files;
mod from_glance;
mod ground;
mod hashes;
mod import_api;
mod import_faults;
mod import_outages;
mod interrupt;
mod inventory;
mod leftovers;
mod limits;
mod lock;
mod logs;
mod machine;
mod metadata;
mod metrics;
mod modes;
mod names;
mod obsolete;
mod orphans;
mod outages;
mod output;
mod packages;
mod points;
mod provenance;
mod regions;
mod resilience;
mod restore;
mod retention;
mod retry;
mod rights;
mod saved_plans;
mod seeded;
mod selection;
mod settling;
mod source;
mod status;
mod transfers;
mod truth;
mod tutorial;
mod upload;
mod waves;
mod wire;
mod year;
