//! The bars of a terminal: what every region at work does, and how far the fleet is.
//!
//! The reporter feeds the [`Screen`] events and asks it several times a second to draw; `layout` makes
//! lines of its rows, and [`Bars`] puts them on the terminal.

mod bars;
mod layout;
mod screen;
mod speed;
mod transfers;

pub(super) use bars::Bars;
pub(super) use screen::Screen;
pub(super) use transfers::Transfer;
