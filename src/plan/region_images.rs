//! What a region has, as the decisions see it.

use chrono::{DateTime, Utc};

use crate::model::{Image, RegionName};

/// What the incomplete images of this installation are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OwnIncomplete {
    /// Nobody works on them: a run that was cut off left them.
    #[default]
    Leftovers,
    /// A sync that is under way has them in progress, and this is a look at its regions meanwhile.
    InProgress,
}

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
    /// What those are.
    pub own_incomplete: OwnIncomplete,
    /// The time by the region's own clock; none where it does not tell.
    pub now: Option<DateTime<Utc>>,
}
