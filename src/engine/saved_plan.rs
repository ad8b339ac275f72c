//! A saved plan on its way to the regions.

use std::path::PathBuf;

use super::targets::StartError;
use crate::plan::PlanFile;

/// A plan that was read from a file.
#[derive(Debug, Clone)]
pub struct SavedPlan {
    /// Where it is.
    pub path: PathBuf,
    /// What it has.
    pub file: PlanFile,
}

impl SavedPlan {
    /// What is wrong with it, with its place.
    pub fn error(&self, source: crate::plan::PlanFileError) -> StartError {
        let path = self.path.clone();
        StartError::SavedPlan { path, source }
    }
}
