//! The least rights that the product works with, as docs/rights.md gives them.

use serde_json::{Value, json};

use crate::common::http::request;
use crate::common::{Config, Fleet, NewImage, Program};

/// What docs/rights.md has application credentials restricted to.
const ACCESS_RULES: &str = include_str!("../../conf/access-rules.json");

#[test]
fn the_page_has_what_the_files_have() {
    let page = include_str!("../../docs/rights.md");
    let policy = include_str!("../../conf/glance-policy.yaml");
    let policy = policy.lines().find(|line| !line.starts_with('#')).unwrap();
    assert!(page.contains(ACCESS_RULES) && page.contains(policy));
}

/// Images for everything that a run does: one that is absent, of one the metadata differs, of one the
/// content, and one is obsolete.
fn prepare(fleet: &Fleet) {
    let (master, region) = (fleet.master(), fleet.region("RegionTwo"));
    master.purge();
    region.purge();
    master.create(NewImage::new("absent", "abc").with("protected", true));
    master.create(NewImage::new("edited", "abc").with("nid", "1"));
    master.create(NewImage::new("other", "abc"));
    master.create(NewImage::new("gone_obsolete", "abc").private());
    region.create(NewImage::new("edited", "abc"));
    region.create(NewImage::new("other", "old"));
    region.create(NewImage::new("gone", "abc"));
}

/// The usual configuration less whom it logs in as.
fn config(fleet: &Fleet) -> Config {
    fleet
        .config()
        .without_section("other")
        .without("master", "credential")
        .set("main", "source", "glance")
        .master("keystone_url", &fleet.cloud.keystones["master"].url)
        .master("replace", "any")
        .master("retries", "0")
}

/// Asserts that this configuration is enough for everything that a run does.
fn assert_is_enough(fleet: &Fleet, config: &Config) {
    let region = fleet.region("RegionTwo");
    Program::with(fleet, config)
        .args(["check-config", "--online"])
        .run()
        .expect(0);
    let outcome = fleet.run(config, &["RegionTwo"]).expect(0);
    assert_eq!(outcome.warnings(), [""; 0], "{outcome}");
    let names = ["absent", "edited", "gone_obsolete", "other"];
    assert_eq!(region.names(), names, "{outcome}");
    assert_eq!(region.the("absent")["protected"], true, "{outcome}");
    assert_eq!(region.the("absent")["visibility"], "public", "{outcome}");
    let status = fleet.status(config, &["RegionTwo"]);
    assert!(
        status.status().iter().all(|(status, ..)| status == "ok"),
        "{status}"
    );
    let backup = Program::with(fleet, config).args(["backup", "RegionTwo"]);
    let folder = backup.run().expect(0).stdout;
    let folder = folder.lines().next().unwrap().rsplit_once('/').unwrap().0;
    region.set(
        region.the("edited")["id"].as_str().unwrap(),
        &[("nid", json!("2"))],
    );
    let restore = Program::with(fleet, config).args(["restore", folder, "--apply"]);
    restore.run().expect(0);
    assert_eq!(region.the("edited")["nid"], "1");
}

/// That of the user with the least rights, by its password.
fn as_publisher(fleet: &Fleet) -> Config {
    let publisher = &fleet.cloud.keystones["master"].publisher;
    config(fleet)
        .master("user", &publisher.name)
        .master("password", &publisher.password)
        .master("tenant", &publisher.project)
}

#[test]
fn a_member_whose_role_may_publish_is_enough() {
    let fleet = Fleet::start();
    prepare(&fleet);
    assert_is_enough(&fleet, &as_publisher(&fleet));
}

/// The same with an application credential of that user, restricted to those rules.
fn restricted(fleet: &Fleet, name: &str, allowed: &[Value]) -> Config {
    let keystone = &fleet.cloud.keystones["master"];
    let token = keystone.token_of(&keystone.publisher);
    let headers = [
        ("Content-Type", "application/json"),
        ("X-Auth-Token", token.as_str()),
        ("X-Subject-Token", token.as_str()),
    ];
    let send = |method, url: &str, body: &str| {
        let answer = request(method, url, &headers, body.as_bytes());
        answer.unwrap().json()
    };
    let own = send("GET", &format!("{}/auth/tokens", keystone.url), "");
    let user = own["token"]["user"]["id"].as_str().unwrap();
    let endpoint = format!("{}/users/{user}/application_credentials", keystone.url);
    let roles = json!([{"name": "member"}, {"name": "image_publisher"}]);
    let made = json!({"name": name, "roles": roles, "access_rules": allowed});
    let body = json!({"application_credential": made});
    let answer = send("POST", &endpoint, &body.to_string());
    let made = &answer["application_credential"];
    let text = |key: &str| {
        made[key]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    };
    config(fleet)
        .master("application_credential_id", &text("id"))
        .master("application_credential_secret", &text("secret"))
}

/// Each rule is needed: without it, something fails, and what is said leads to the rules.
#[test]
#[ignore = "needs the lab"]
fn an_application_credential_with_access_rules_is_enough() {
    let fleet = Fleet::start();
    let rules: Vec<Value> = serde_json::from_str(ACCESS_RULES).unwrap();
    for (number, rule) in rules.iter().enumerate() {
        prepare(&fleet);
        let mut fewer = rules.clone();
        fewer.remove(number);
        let config = restricted(&fleet, &format!("without rule {number}"), &fewer);
        let outcome = fleet.run(&config, &["RegionTwo"]);
        assert_ne!(outcome.code, Some(0), "{rule}: {outcome}");
        let errors = outcome.events_named("error");
        let is_told = |error: &Value| {
            error["code"] == "auth_failed"
                && error["hint"].as_str().unwrap().contains("docs/rights.md")
        };
        assert!(errors.iter().any(is_told), "{rule}: {outcome}");
    }
    prepare(&fleet);
    assert_is_enough(&fleet, &restricted(&fleet, "with all rules", &rules));
}
