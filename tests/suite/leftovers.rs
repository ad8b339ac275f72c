//! Images that another run has under way, or that only look so: none of this run's business.

use serde_json::json;

use crate::common::{Fleet, NewImage, Region};

/// What another installation has under way in that region.
fn leave(region: &Region<'_>, image: NewImage) -> String {
    let tags = json!(["glancesync-incomplete", "glancesync-by:somebody-else"]);
    region.create(image.private().with("tags", tags))
}

fn master_image(fleet: &Fleet) {
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
}

#[test]
fn what_another_installation_left_is_left_alone_while_it_is_young() {
    let fleet = Fleet::start();
    master_image(&fleet);
    let region = fleet.region("RegionTwo");
    let left = leave(&region, NewImage::new("a", "abc"));
    let before = region.get(&left);
    let outcome = fleet.glancesync(&["RegionTwo"]).run().expect(0);
    outcome.assert_warns("leftover_image a");
    assert_eq!(outcome.actions("action_finished"), ["RegionTwo upload a"]);
    assert_eq!(region.get(&left), before);
    assert_eq!(region.named("a").len(), 2);
}

#[test]
fn without_the_tags_nothing_is_a_leftover() {
    let fleet = Fleet::start();
    master_image(&fleet);
    let region = fleet.region("RegionTwo");
    let queued = region.create(NewImage::queued("a").with("tags", json!(["glancesync"])));
    let before = region.get(&queued);
    fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(region.get(&queued), before);
    assert_eq!(region.named("a").len(), 2);
}

#[test]
fn a_foreign_image_is_never_a_leftover() {
    let fleet = Fleet::start();
    master_image(&fleet);
    let region = fleet.region("RegionTwo");
    let owner = region.foreign_project().to_owned();
    let left = leave(&region, NewImage::new("a", "abc").with("owner", owner));
    let before = region.get(&left);
    fleet.glancesync(&["RegionTwo"]).run().expect(0);
    assert_eq!(region.get(&left), before);
}
