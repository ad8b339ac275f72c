//! What is under way: the bars of a terminal, and a line now and then elsewhere. What every region at work does, and how far the fleet is.
//!
//! The reporter feeds the [`Activity`] events and asks it several times a second for the bars; `layout` makes
//! lines of its rows, and [`Bars`] puts them on the terminal.

mod activity;
mod bars;
mod layout;
mod speed;
mod stats;
mod transfers;

pub(super) use activity::Activity;
pub(super) use bars::Bars;
pub(super) use transfers::Transfer;
