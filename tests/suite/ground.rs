//! The ground that the other tests stand on: what they prepare is there, and what they count is
//! counted.

use serde_json::json;

use crate::common::{Fleet, NewImage, Who};

#[test]
fn a_fresh_fleet_is_empty() {
    let fleet = Fleet::start();
    for (region, images) in fleet.snapshot() {
        assert!(images.is_empty(), "{region}: {images:?}");
    }
}

#[test]
fn an_image_is_there_as_it_was_made() {
    let fleet = Fleet::start();
    let region = fleet.region("other:RegionOne");
    let id = region.create(
        NewImage::new("a/b, \"c\" …", "abc")
            .with("nid", "7")
            .with("tags", json!(["t"])),
    );
    let image = region.the("a/b, \"c\" …");
    assert_eq!(image["id"], id.as_str());
    assert_eq!(image["status"], "active");
    assert_eq!(image["visibility"], "public");
    assert_eq!(image["owner"], region.own_project());
    assert_eq!(image["checksum"], "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(image["nid"], "7");
    assert_eq!(image["tags"], json!(["t"]));
    assert_eq!(region.content(&id), b"abc");
    assert!(region.seen_by_others(&id));
    let stored = std::fs::read(region.facts.images_dir.join(&id)).unwrap();
    assert_eq!(stored, b"abc");
}

#[test]
fn a_strangers_hidden_protected_image_is_listed_and_purged() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("s", "abc").private().by(Who::Foreign));
    let id = region.create(
        NewImage::new("h", "abc")
            .with("os_hidden", true)
            .with("owner", region.foreign_project()),
    );
    region.set(&id, &[("protected", json!(true))]);
    let queued = region.create(NewImage::queued("q").with("nid", "7"));
    region.unset(&queued, "nid");
    assert_eq!(region.the("q").get("nid"), None);
    region.action(&id, "deactivate");
    assert_eq!(region.get(&id).unwrap()["status"], "deactivated");
    assert_eq!(region.names(), ["h", "q", "s"]);
    assert!(
        region
            .images()
            .iter()
            .filter(|image| image["name"] != "q")
            .all(|image| image["owner"] == region.foreign_project())
    );
    region.purge();
    assert_eq!(region.images(), [] as [serde_json::Value; 0]);
}

#[test]
fn requests_are_counted_per_server() {
    let fleet = Fleet::start();
    let region = fleet.region("RegionThree");
    let before = fleet.traffic_so_far();
    region.create(NewImage::new("a", "abc"));
    let traffic = fleet.traffic_since(&before);
    let methods: Vec<&str> = traffic["master:RegionThree"]
        .iter()
        .map(|request| request.method.as_str())
        .collect();
    assert_eq!(methods, ["POST", "PUT"]);
    assert!(traffic["other:RegionOne"].is_empty());
    assert!(traffic["master:RegionThree"][1].is_upload());
}
