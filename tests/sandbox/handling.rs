//! The sandbox in the hands of its owner.

use std::collections::BTreeMap;

use glancesync::sandbox::{
    Content, ImageSeed, KeystoneSpec, RegionSpec, Sandbox, SandboxError, SandboxSpec,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{Cloud, one_region};

#[test]
fn one_name_may_be_in_two_catalogues() {
    let mut alias = RegionSpec::new("Alias");
    alias.is_same_content = Some("main:One".to_owned());
    alias.endpoint_suffix = "/".to_owned();
    let user = |name: &str| KeystoneSpec::new(name).user("admin", "secret", "admin", ["admin"]);
    let spec = SandboxSpec::new()
        .keystone(user("main").region(RegionSpec::new("One")).region(alias))
        .keystone(user("other").region(RegionSpec::new("One")));
    let sandbox = Sandbox::start(&spec).unwrap();
    assert_eq!(sandbox.regions(), ["main:One", "other:One"]);
    assert!(matches!(
        sandbox.glance_url("One"),
        Err(SandboxError::UnknownRegion(_))
    ));
    assert_eq!(
        sandbox.glance_url("Alias").unwrap(),
        sandbox.glance_url("main:One").unwrap()
    );
    assert_ne!(
        sandbox.glance_url("main:One").unwrap(),
        sandbox.glance_url("other:One").unwrap()
    );
    let twice = SandboxSpec::fleet(["One", "One"]);
    assert!(matches!(Sandbox::start(&twice), Err(SandboxError::Spec(_))));
}

#[test]
fn a_specification_is_data() {
    let text = r#"{"keystones": [{"name": "main", "regions": [{"name": "One", "images": [
        {"name": "made up", "content": {"kind": "generated", "size": 3000000, "seed": 1}}
    ]}]}]}"#;
    let spec: SandboxSpec = serde_json::from_str(text).unwrap();
    let again: SandboxSpec = serde_json::from_value(serde_json::to_value(&spec).unwrap()).unwrap();
    assert_eq!(spec, again);
    let sandbox = Sandbox::start(&spec).unwrap();
    let images = sandbox.images("One").unwrap();
    assert_eq!(
        (&images[0]["name"], &images[0]["size"]),
        (&json!("made up"), &json!(3_000_000))
    );
    let folder = sandbox.images_dir("One").unwrap().to_owned();
    drop(sandbox);
    assert!(!folder.exists());
}

#[test]
fn what_old_databases_hold_can_be_seeded() {
    let sandbox = one_region();
    let mut seed = ImageSeed::new("old", Content::None);
    seed.status = "killed".to_owned();
    seed.properties = BTreeMap::from([("kernel_id".to_owned(), None), ("x".to_owned(), None)]);
    sandbox.add_image("One", &seed).unwrap();
    let image = sandbox.images("One").unwrap().remove(0);
    assert_eq!(
        (&image["kernel_id"], &image["x"]),
        (&Value::Null, &json!(""))
    );
    assert_eq!(image["checksum"], Value::Null);
    seed.status = "melted".to_owned();
    assert!(matches!(
        sandbox.add_image("One", &seed),
        Err(SandboxError::Spec(_))
    ));
}

#[actix::test]
async fn it_lives_within_an_actix_system() {
    let sandbox = one_region();
    let cloud = Cloud::new(&sandbox, "One").await;
    assert_eq!(cloud.get("/v2/images").await.0, 200);
    drop(sandbox);
    assert!(
        cloud
            .request(Method::GET, "/v2/images")
            .send()
            .await
            .is_err()
    );
}
