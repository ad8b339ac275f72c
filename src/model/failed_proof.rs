//! An image whose copy in a region could not be compared with the master's.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Delivery, ImageId, MultiHash};

/// So long the same is not tried again.
pub const NOT_RETRIED_FOR: TimeDelta = TimeDelta::days(7);

/// What was tried: as long as all of it is the same, it would end alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryTried {
    /// The region, as it is printed.
    pub region: String,
    /// The image's name.
    pub image: String,
    /// The master's image.
    pub master_id: ImageId,
    /// A hash of its content.
    pub content: MultiHash,
    /// The way that the configuration asks for.
    pub delivery: Delivery,
    /// The disk format that was wanted.
    pub disk_format: Option<String>,
    /// The stores that were wanted.
    pub stores: Vec<String>,
}

/// A delivery after which what arrived could not be compared with the master's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedProof {
    /// What was tried.
    #[serde(flatten)]
    pub tried: DeliveryTried,
    /// When, by this host's clock.
    pub at: DateTime<Utc>,
}

impl FailedProof {
    /// From when on it is tried again; none where that is over. One of the future is
    /// ignored: a clock was wrong.
    pub fn until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let until = self.at + NOT_RETRIED_FOR;
        (self.at <= now && now < until).then_some(until)
    }
}
