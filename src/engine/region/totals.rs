//! What a region has done so far.

/// What a region has done so far.
#[derive(Debug, Default)]
pub(super) struct RegionTotals {
    pub(super) uploaded_bytes: u64,
    pub(super) uploaded_images: usize,
    pub(super) updated_images: usize,
    pub(super) actions: usize,
    pub(super) failed: bool,
}
