//! The status report as images by regions, for the formats that show it so.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use crate::model::Status;
use crate::plan::{ImageState, Plan};
use crate::report::summary::{RegionSummary, RunSummary};

/// Images down, regions across.
pub(super) struct Matrix<'a> {
    /// Name of every image, ascending by size, then name.
    pub(super) images: Vec<&'a str>,
    /// In the order of the summary.
    pub(super) columns: Vec<Column<'a>>,
}

/// What one region has.
pub(super) struct Column<'a> {
    /// The region.
    pub(super) region: &'a RegionSummary,
    /// Its decision; none where the region failed before there was one.
    pub(super) plan: Option<&'a Plan>,
    /// One cell for each image of the matrix; nothing in those that its target does not select.
    cells: Vec<Option<&'a ImageState>>,
}

impl<'a> Matrix<'a> {
    pub(super) fn new<P: Borrow<Plan>>(plans: &'a [P], summary: &'a RunSummary) -> Self {
        let by_region: BTreeMap<_, &Plan> = plans
            .iter()
            .map(|plan| (&plan.borrow().region, plan.borrow()))
            .collect();
        let mut rows: BTreeMap<(u64, &str), usize> = by_region
            .values()
            .flat_map(|plan| &plan.images)
            .map(|state| ((state.size, state.image.as_str()), 0))
            .collect();
        for (place, row) in rows.values_mut().enumerate() {
            *row = place;
        }
        let columns = summary.regions.iter().map(|region| {
            let plan = by_region.get(&region.region).copied();
            let mut cells = vec![None; rows.len()];
            for state in plan.map_or(&[][..], |plan| &plan.images) {
                if let Some(row) = rows.get(&(state.size, state.image.as_str())) {
                    cells[*row] = Some(state);
                }
            }
            Column {
                region,
                plan,
                cells,
            }
        });
        Self {
            columns: columns.collect(),
            images: rows.keys().map(|(_, name)| *name).collect(),
        }
    }

    /// How many cells have each status.
    pub(super) fn counts(&self) -> BTreeMap<Status, usize> {
        let mut counts = BTreeMap::new();
        for state in self
            .columns
            .iter()
            .flat_map(|column| &column.cells)
            .flatten()
        {
            *counts.entry(state.status).or_insert(0) += 1;
        }
        counts
    }

    /// How many regions have no state at all.
    pub(super) fn unread(&self) -> usize {
        let unread = |column: &&Column| column.plan.is_none();
        self.columns.iter().filter(unread).count()
    }
}

impl<'a> Column<'a> {
    /// What the image of that row is here.
    pub(super) fn cell(&self, row: usize) -> Cell<'a> {
        match (self.plan, self.cells[row]) {
            (None, _) => Cell::Unread,
            (_, None) => Cell::NotSelected,
            (_, Some(state)) => Cell::State(state),
        }
    }
}

/// What an image is in a region.
#[derive(Clone, Copy)]
pub(super) enum Cell<'a> {
    /// The region failed before anything was known.
    Unread,
    /// The region's target does not select the image.
    NotSelected,
    /// As it is.
    State(&'a ImageState),
}

/// The sign of a region that could not be read.
pub(super) const UNREAD: &str = "?";

/// One sign for each status, the same in every format.
pub(super) fn sign(status: Status) -> &'static str {
    match status {
        Status::Ok => ".",
        Status::OkStalledChecksum => "s",
        Status::PendingUpload => "U",
        Status::PendingMetadata => "M",
        Status::PendingRename => "N",
        Status::PendingReplace => "R",
        Status::PendingAmi => "A",
        Status::ErrorChecksum => "!",
        Status::ErrorAmi => "X",
    }
}
