//! `--show-regions`: the regions of every target, in run order.

use super::args::Format;
use super::output;
use super::session::{CliError, Session};
use crate::engine::{self, EXIT_FAILED, EXIT_OK};
use crate::report::format;

pub(super) async fn print(session: Session, wanted: Format) -> Result<u8, CliError> {
    let (regions, failures) = engine::regions(&session.settings).await?;
    let exit_code = if failures.is_empty() {
        EXIT_OK
    } else {
        EXIT_FAILED
    };
    for (target, failure) in failures {
        session.events.error(Some(&target), failure);
    }
    session.finish().await?;
    output::print(|out| match wanted {
        Format::Json => format::regions_json(out, &regions),
        _ => format::regions_text(out, &regions),
    })
    .map_err(|error| CliError::Machine(format!("standard output: {error}")))?;
    Ok(exit_code)
}
