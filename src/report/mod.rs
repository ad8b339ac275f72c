//! Events, and the reporter actor that fans them out: to progress bars, region logs, NDJSON and the
//! summary. Nothing else writes to a terminal or a log file.

pub mod event;
