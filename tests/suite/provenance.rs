//! Provenance: what a published image says it is a copy of, and when that counts.

use serde_json::{Value, json};

use crate::common::{Config, Fleet, NewImage, Region};

const PROPERTIES: [&str; 4] = [
    "glancesync_source",
    "glancesync_content",
    "glancesync_image",
    "glancesync_master",
];

fn sha512(image: &Value) -> String {
    assert_eq!(image["os_hash_algo"], "sha512");
    format!("sha512:{}", image["os_hash_value"].as_str().unwrap())
}

/// What the image's four properties say.
fn provenance(image: &Value) -> [Option<&str>; 4] {
    PROPERTIES.map(|name| image.get(name).and_then(Value::as_str))
}

fn update_all(region: &Region<'_>, image: &Value, values: [&str; 4]) {
    let set: Vec<(&str, Value)> = PROPERTIES
        .into_iter()
        .zip(values.map(Value::from))
        .collect();
    region.set(image["id"].as_str().unwrap(), &set);
}

#[test]
fn a_published_image_says_what_it_is_a_copy_of_and_nobody_compares_that() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    let region = fleet.region("RegionTwo");
    fleet.run(&fleet.config(), &["RegionTwo"]).expect(0);
    let (copy, master) = (region.the("a"), fleet.master().the("a"));
    let [source, content, image, fingerprint] = provenance(&copy).map(Option::unwrap);
    assert_eq!(source, sha512(&master));
    assert_eq!(content, sha512(&copy));
    assert_eq!(image, copy["id"]);
    assert!(
        fingerprint.len() == 16 && fingerprint.bytes().all(|it| it.is_ascii_hexdigit()),
        "{fingerprint}"
    );
    assert_eq!(provenance(&master), [None; 4]);
    fleet
        .run(&fleet.config(), &["RegionTwo"])
        .expect(0)
        .assert_changed_nothing();

    // Neither a change of metadata, with a list of properties or without, nor a backup put back takes
    // them off.
    let backup = fleet
        .run(&fleet.config(), &["backup", "RegionTwo"])
        .expect(0);
    let file = backup.stdout.lines().next().unwrap();
    let folder = file.rsplit_once('/').unwrap().0.to_owned();
    fleet
        .master()
        .set(master["id"].as_str().unwrap(), &[("nid", json!("2"))]);
    update_all(&region, &copy, ["md5:00", content, image, fingerprint]);
    fleet.run(&fleet.config(), &["RegionTwo"]).expect(0);
    let listed = fleet
        .config()
        .master("metadata_set", "nid, glancesync_source");
    fleet
        .run(&listed, &["RegionTwo"])
        .expect(0)
        .assert_changed_nothing();
    let restored = fleet
        .run(&fleet.config(), &["restore", &folder, "--apply"])
        .expect(0);
    let kept = region.the("a");
    assert_eq!(kept["nid"], "1", "{restored}");
    assert_eq!(provenance(&kept)[0], Some("md5:00"));
}

#[test]
fn what_the_region_stores_in_another_form_is_known_by_what_it_says() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let region = fleet.region("RegionTwo");
    fleet.run(&fleet.config(), &["RegionTwo"]).expect(0);
    let [source, _, _, fingerprint] =
        provenance(&region.the("a")).map(|value| value.unwrap().to_owned());
    region.delete(region.the("a")["id"].as_str().unwrap());

    region.create(NewImage::new("a", "converted"));
    let image = region.the("a");
    let (id, content) = (image["id"].as_str().unwrap(), sha512(&image));
    let config = fleet.config().master("replace", "any");
    let status = |config: &Config| fleet.status(config, &["RegionTwo"]).status_of("RegionTwo");
    assert_eq!(status(&config), ["pending_replace a"]);
    update_all(&region, &image, [&source, &content, id, &fingerprint]);
    assert_eq!(status(&config), ["ok a"]);

    // Of another image, another master, or the content of another image of the master.
    for wrong in [
        [
            &*source,
            &content,
            "00000000-0000-4000-8000-000000000000",
            &fingerprint,
        ],
        [&source, &content, id, "0123456789abcdef"],
        ["sha512:00", &content, id, &fingerprint],
    ] {
        update_all(&region, &image, wrong);
        assert_eq!(status(&config), ["pending_replace a"], "{wrong:?}");
    }
    update_all(&region, &image, [&source, "sha512:00", id, &fingerprint]);
    let outcome = fleet
        .run(&fleet.config(), &["--dry-run", "RegionTwo"])
        .expect(0);
    outcome.assert_warns("provenance_broken a");
}

#[test]
fn a_region_that_takes_no_more_properties_gets_the_image_without() {
    let fleet = Fleet::start();
    let full = (0..126).fold(NewImage::new("a", "abc"), |image, number| {
        image.with(&format!("p{number}"), "1")
    });
    fleet.master().create(full);
    fleet.master().create(NewImage::new("b", "bcd"));
    let outcome = fleet.run(&fleet.config(), &["RegionTwo"]).expect(0);
    outcome.assert_warns("provenance_refused a");
    let region = fleet.region("RegionTwo");
    let image = region.the("a");
    assert_eq!(
        (&image["visibility"], &image["tags"]),
        (&json!("public"), &json!([]))
    );
    assert_eq!(provenance(&image), [None; 4]);
    assert!(provenance(&region.the("b")).iter().all(Option::is_some));
    let again = fleet.run(&fleet.config(), &["RegionTwo"]).expect(0);
    again.assert_changed_nothing();
}

#[test]
fn without_provenance_nothing_is_said() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let config = fleet.config().master("provenance", "false");
    fleet.run(&config, &["RegionTwo"]).expect(0);
    let image = fleet.region("RegionTwo").the("a");
    assert_eq!(provenance(&image), [None; 4]);
    fleet
        .run(&fleet.config(), &["RegionTwo"])
        .expect(0)
        .assert_changed_nothing();
}
