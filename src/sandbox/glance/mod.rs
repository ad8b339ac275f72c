//! Glance v2: one per region, each with images and a store folder of its own.
//!
//! `service` answers HTTP and asks the region's Keystone who is calling; everything that is known
//! about images is in [`Region`].

mod about;
mod condition;
mod create;
mod data;
mod documents;
mod ending;
mod expand;
mod fail;
mod fetch;
mod filter;
mod hashes;
mod header;
mod image;
mod import;
mod import_content;
mod import_job;
mod importing;
mod inspect;
mod limits;
mod list;
mod operator;
mod patch;
mod patch_document;
mod policy;
mod project_limits;
mod region;
mod replies;
mod schema;
mod seeding;
mod service;
mod sharing;
mod stage;
mod store;
mod task;
mod upload;
mod versions;

pub(super) use region::Region;
pub(super) use seeding::seed;
pub(super) use service::Glance;
