//! What a region has, as the decisions see it.

use chrono::{DateTime, Utc};

use crate::model::{Image, RegionName};

/// What a region's Glance lists.
#[derive(Debug, Clone, Copy)]
pub struct RegionImages<'a> {
    /// The region.
    pub region: &'a RegionName,
    /// The project of the credential there.
    pub project_id: &'a str,
    /// Its list, in Glance's order.
    pub listed: &'a [Image],
    /// Its hidden images; needed only where [`super::needs_hidden_images`] says so.
    pub hidden: &'a [Image],
    /// Which incomplete images are this installation's own.
    pub installation: &'a str,
    /// The time by the region's own clock; none where it does not tell.
    pub now: Option<DateTime<Utc>>,
}
