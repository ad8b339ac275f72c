//! `--show-regions`: the regions of every target, in run order.

use super::args::Format;
use super::error::CliError;
use super::output;
use super::session::Session;
use crate::engine::{self, Scope};
use crate::exit_codes;
use crate::report::format;

pub(super) async fn print(scope: Scope, session: Session, wanted: Format) -> Result<u8, CliError> {
    let fleet = engine::regions(&session.settings, scope).await?;
    let exit_code = if fleet.failures.is_empty() {
        exit_codes::OK
    } else {
        exit_codes::FAILED
    };
    for warning in fleet.warnings {
        session.events.warning(None, warning);
    }
    for (target, failure) in fleet.failures {
        session.events.error(Some(&target), failure);
    }
    session.finish().await?;
    output::print(|out| match wanted {
        Format::Json => format::regions_json(out, &fleet.regions),
        _ => format::regions_text(out, &fleet.regions),
    })?;
    Ok(exit_code)
}
