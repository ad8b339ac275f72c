//! The status report: what every selected image is in every region.

use std::borrow::Borrow;
use std::io::{self, Write};

use crate::plan::Plan;

/// Writes `status,region,image`, one line per image and region, without a header. Names keep their
/// exact bytes, quoted where CSV needs it. Regions come in the order of `plans`, the images of each
/// in the plan's, ascending by size, then name.
pub fn status_csv<P: Borrow<Plan>>(out: &mut impl Write, plans: &[P]) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(&mut *out);
    for plan in plans.iter().map(Borrow::borrow) {
        let region = plan.region.to_string();
        for image in &plan.images {
            writer.write_record([image.status.as_str(), &region, &image.image])?;
        }
    }
    writer.flush()
}
