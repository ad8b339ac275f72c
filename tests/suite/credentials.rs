//! Where a target's credential comes from, and which place goes before which.

use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use glancesync::sandbox::IdentityProviderSpec;
use serde_json::json;

use crate::common::config::credential;
use crate::common::{Config, Fleet, NewImage, Outcome, Program, Who};

/// The variables that an `openrc` file sets for the first Keystone.
pub(crate) fn openrc(fleet: &Fleet) -> Vec<(&'static str, String)> {
    let keystone = &fleet.cloud.keystones["master"];
    vec![
        ("OS_AUTH_URL", keystone.url.clone()),
        ("OS_USERNAME", keystone.sync.name.clone()),
        ("OS_PASSWORD", keystone.sync.password.clone()),
        ("OS_PROJECT_NAME", keystone.sync.project.clone()),
        ("OS_USER_DOMAIN_NAME", keystone.domain.clone()),
        ("OS_PROJECT_DOMAIN_NAME", keystone.domain.clone()),
        ("OS_REGION_NAME", fleet.cloud.regions[0].name.clone()),
    ]
}

/// A clouds.yaml with the first Keystone under that name.
pub(crate) fn clouds_yaml(fleet: &Fleet, name: &str) -> String {
    let keystone = &fleet.cloud.keystones["master"];
    let (user, region) = (&keystone.sync, &fleet.cloud.regions[0].name);
    let domain = &keystone.domain;
    let auth = json!({
        "auth_url": keystone.url,
        "username": user.name,
        "password": user.password,
        "project_name": user.project,
        "user_domain_name": domain,
        "project_domain_name": domain,
    });
    json!({"clouds": {name: {"region_name": region, "auth": auth}}}).to_string()
}

#[track_caller]
fn show_regions(fleet: &Fleet, config: Option<&Config>, env: &[(&str, String)]) -> Outcome {
    let program = match config {
        Some(config) => Program::with(fleet, config),
        None => Program::bare(fleet),
    };
    let program = program.args(["--show-regions"]);
    env.iter()
        .fold(program, |program, (name, value)| program.env(name, value))
        .run()
}

/// Asserts that the first Keystone was logged in to.
#[track_caller]
fn assert_logs_in(fleet: &Fleet, config: Option<&Config>, env: &[(&str, String)]) {
    let outcome = show_regions(fleet, config, env).expect(0);
    assert!(
        outcome.stdout.starts_with("RegionThree\nRegionTwo\n"),
        "{outcome}"
    );
}

/// Asserts that there is no way to log in, and that `hint` is said about it.
#[track_caller]
fn assert_refused(fleet: &Fleet, config: Option<&Config>, env: &[(&str, String)], hint: &str) {
    let outcome = show_regions(fleet, config, env).expect(2);
    outcome.assert_says(hint);
    assert_eq!(outcome.stdout, "", "{outcome}");
}

/// The master's configuration with single keys instead of a credential.
fn single_keys(fleet: &Fleet) -> Config {
    let keystone = &fleet.cloud.keystones["master"];
    fleet
        .config()
        .without_section("other")
        .without("master", "credential")
        .master("user", &keystone.sync.name)
        .master("password", &keystone.sync.password)
        .master("keystone_url", &keystone.url)
        .master("tenant", &keystone.sync.project)
}

#[test]
fn the_environment_alone_is_enough() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let env = openrc(&fleet);
    assert_logs_in(&fleet, None, &env);
    let folder = fleet.cloud.regions[0].images_dir.display();
    let word = format!("main.images_dir={folder}");
    let program = Program::bare(&fleet).args(["RegionTwo", "--config", &word]);
    env.iter()
        .fold(program, |program, (name, value)| program.env(name, value))
        .run()
        .expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
}

#[test]
fn the_older_names_of_the_environment_count_too() {
    let fleet = Fleet::start();
    let project = &fleet.cloud.keystones["master"].sync;
    for (name, value) in [
        ("OS_TENANT_NAME", &project.project),
        ("OS_PROJECT_ID", &project.project_id),
        ("OS_TENANT_ID", &project.project_id),
    ] {
        let mut env = openrc(&fleet);
        env.retain(|(name, _)| *name != "OS_PROJECT_NAME");
        assert_refused(&fleet, None, &env, "OS_PROJECT_NAME");
        env.push((name, value.clone()));
        assert_logs_in(&fleet, None, &env);
    }
}

#[test]
fn single_keys_stand_for_a_credential() {
    let fleet = Fleet::start();
    assert_logs_in(&fleet, Some(&single_keys(&fleet)), &[]);
}

#[test]
fn single_keys_that_are_missing_come_from_the_environment() {
    let fleet = Fleet::start();
    for key in ["user", "password", "keystone_url", "tenant"] {
        let config = single_keys(&fleet).without("master", key);
        assert_logs_in(&fleet, Some(&config), &openrc(&fleet));
        let word = if key == "keystone_url" {
            "keystone"
        } else {
            key
        };
        assert_refused(&fleet, Some(&config), &[], word);
    }
    let config = fleet.config().without("main", "master_region");
    assert_logs_in(&fleet, Some(&config), &openrc(&fleet));
    assert_refused(&fleet, Some(&config), &[], "master_region");
}

#[test]
fn the_command_line_goes_before_the_file_and_that_before_the_environment() {
    let fleet = Fleet::start();
    let mut env = openrc(&fleet);
    let place = env
        .iter()
        .position(|(name, _)| *name == "OS_PASSWORD")
        .unwrap();
    env[place].1 = "wrong".to_owned();
    assert_logs_in(&fleet, Some(&fleet.config()), &env);
    let wrong = single_keys(&fleet).master("password", "wrong");
    assert_refused(&fleet, Some(&wrong), &openrc(&fleet), "password");
    let word = format!(
        "master.password={}",
        fleet.cloud.keystones["master"].sync.password
    );
    let program = Program::with(&fleet, &wrong).args(["--show-regions", "--config", &word]);
    program.run().expect(0);
}

#[test]
fn default_is_inherited_by_every_target() {
    let fleet = Fleet::start();
    let config = fleet
        .config()
        .without("master", "credential")
        .without_section("other")
        .set("DEFAULT", "credential", &credential(&fleet.cloud, "master"))
        .set("few", "metadata_set", "nid");
    let outcome = show_regions(&fleet, Some(&config), &[]).expect(0);
    assert_eq!(
        outcome.stdout,
        "RegionThree\nRegionTwo\nfew:RegionThree\nfew:RegionTwo\n"
    );
}

#[test]
fn an_application_credential_logs_in() {
    let fleet = Fleet::start();
    let keystone = &fleet.cloud.keystones["master"];
    let secret = &keystone.application_credential;
    let config = fleet
        .config()
        .without_section("other")
        .without("master", "credential")
        .master("keystone_url", &keystone.url)
        .master("application_credential_id", &secret.id)
        .master("application_credential_secret", &secret.secret);
    assert_logs_in(&fleet, Some(&config), &[]);
    let env = [
        ("OS_AUTH_URL", keystone.url.clone()),
        ("OS_APPLICATION_CREDENTIAL_ID", secret.id.clone()),
        ("OS_APPLICATION_CREDENTIAL_SECRET", secret.secret.clone()),
        ("OS_REGION_NAME", "RegionOne".to_owned()),
    ];
    assert_logs_in(&fleet, None, &env);
    fleet.master().create(NewImage::new("a", "abc"));
    fleet.run(&config, &["RegionTwo"]).expect(0);
    let image = fleet.region("RegionTwo").the("a");
    assert_eq!(image["owner"], keystone.sync.project_id.as_str());
}

#[test]
fn a_token_logs_in_and_no_password_is_asked_for() {
    let fleet = Fleet::start();
    let keystone = &fleet.cloud.keystones["master"];
    let token = keystone.token(Who::Sync);
    let config = single_keys(&fleet)
        .without("master", "user")
        .without("master", "password")
        .master("auth_type", "v3token")
        .master("token", &token);
    assert_logs_in(&fleet, Some(&config), &[]);
    let mut env = openrc(&fleet);
    env.push(("OS_AUTH_TYPE", "v3token".to_owned()));
    env.push(("OS_TOKEN", token));
    assert_logs_in(&fleet, None, &env);
    fleet.master().create(NewImage::new("a", "abc"));
    fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
    let wrong = config.master("token", "gAAAAABnone-of-its");
    let outcome = show_regions(&fleet, Some(&wrong), &[]).expect(2);
    outcome.assert_says("(v3token)");
    assert!(!outcome.stderr.contains("none-of-its"), "{outcome}");
}

#[test]
fn a_type_that_is_not_understood_ends_the_run_before_anything_is_sent() {
    let fleet = Fleet::start();
    let before = fleet.traffic_so_far();
    let mut env = openrc(&fleet);
    for kind in ["v3adfspassword", "v3kerberos", "none", "v2password"] {
        env.push(("OS_AUTH_TYPE", kind.to_owned()));
        assert_refused(&fleet, None, &env, kind);
        assert_refused(&fleet, None, &env, "v3oidcpassword");
        env.pop();
    }
    let sent = fleet.traffic_since(&before);
    assert!(sent.values().all(Vec::is_empty), "{sent:?}");
}

#[test]
fn a_cloud_of_clouds_yaml_logs_in() {
    let fleet = Fleet::start();
    let keystone = &fleet.cloud.keystones["master"];
    let auth = json!({
        "auth_url": keystone.url,
        "username": keystone.sync.name,
        "project_name": keystone.sync.project,
        "user_domain_name": keystone.domain,
        "project_domain_name": keystone.domain,
    });
    let secret = json!({"password": keystone.sync.password});
    for (file, auth) in [("clouds.yaml", auth), ("secure.yaml", secret)] {
        let text = format!("clouds:\n  lab:\n    auth: {auth}\n");
        fleet.write_private(&format!("work/{file}"), &text);
    }
    let config = fleet
        .config()
        .without_section("other")
        .without("master", "credential");
    assert_logs_in(&fleet, Some(&config.clone().master("cloud", "lab")), &[]);
    assert_logs_in(&fleet, Some(&config), &[("OS_CLOUD", "lab".to_owned())]);
    assert_refused(
        &fleet,
        Some(&config.master("cloud", "nowhere")),
        &[],
        "nowhere",
    );
}

#[test]
fn a_credential_may_lack_its_padding_and_end_in_the_old_version() {
    let fleet = Fleet::start();
    let keystone = &fleet.cloud.keystones["master"];
    let user = &keystone.sync;
    let password = STANDARD
        .encode(&user.password)
        .trim_end_matches('=')
        .to_owned();
    let root = keystone.url.trim_end_matches("/v3");
    for url in [
        root.to_owned(),
        format!("{root}/"),
        format!("{root}/v2.0"),
        format!("{root}/v3/"),
    ] {
        let value = format!("{},{password},{url},{}", user.name, user.project);
        let config = fleet
            .config()
            .without_section("other")
            .master("credential", &value);
        assert_logs_in(&fleet, Some(&config), &[]);
    }
}

#[test]
fn a_broken_credential_is_an_error_that_names_its_place() {
    let fleet = Fleet::start();
    let url = &fleet.cloud.keystones["master"].url;
    for value in [
        format!("user,!!!!,{url},project"),
        format!("user,c2VjcmV0,{url}"),
        format!("user,/w==,{url},project"),
    ] {
        let config = fleet
            .config()
            .without_section("other")
            .master("credential", &value);
        let outcome = show_regions(&fleet, Some(&config), &[]).expect(2);
        let line = config
            .text()
            .lines()
            .position(|line| line.starts_with("credential"))
            .unwrap();
        outcome.assert_says(&format!("glancesync.conf:{}", line + 1));
        outcome.assert_says("credential");
        assert!(
            !outcome.stderr.contains("c2VjcmV0"),
            "the password is shown: {outcome}"
        );
    }
}

#[test]
fn no_configuration_at_all_says_what_is_needed() {
    let fleet = Fleet::start();
    let outcome = Program::bare(&fleet)
        .args(["--show-status"])
        .run()
        .expect(2);
    outcome.assert_says("OS_AUTH_URL");
    outcome.assert_says("--config-file");
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_refused_password_ends_the_run_without_showing_it() {
    let fleet = Fleet::start();
    let config = single_keys(&fleet).master("password", "not-the-password");
    let outcome = fleet.run(&config, &["RegionTwo", "-vvv"]).expect(2);
    outcome.assert_changed_nothing();
    assert!(!outcome.stderr.contains("not-the-password"), "{outcome}");
    assert_refused(&fleet, Some(&config), &[], "401");
}

#[test]
fn an_unreachable_keystone_ends_the_run() {
    let fleet = Fleet::start();
    let config = single_keys(&fleet).master("keystone_url", "http://127.0.0.1:1/v3");
    assert_refused(&fleet, Some(&config), &[], "127.0.0.1:1");
}

#[test]
fn a_section_whose_name_is_nearly_a_known_one_is_found() {
    let fleet = Fleet::start();
    for (written, meant) in [
        ("Master", "master"),
        ("maim", "main"),
        ("Default", "DEFAULT"),
    ] {
        let config = fleet.config().set(written, "metadata_set", "nid");
        let outcome = show_regions(&fleet, Some(&config), &[]);
        outcome.assert_says(&format!("[{written}]"));
        assert!(outcome.stderr.contains(meant), "{outcome}");
    }
}

#[test]
fn a_target_without_a_credential_is_an_error_only_where_it_is_used() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let config = fleet
        .config()
        .without("other", "credential")
        .set("other", "replace", "any");
    fleet
        .run(&config, &["RegionTwo"])
        .expect(0)
        .assert_warns("no_credential");
    let outcome = fleet.run(&config, &["other:"]).expect(2);
    outcome.assert_says("other");
}

#[test]
fn a_file_with_a_secret_that_others_can_read_is_warned_about() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let config = fleet.config();
    let path = fleet.write_private("open.conf", &config.text());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let words = [
        "--config-file",
        path.to_str().unwrap(),
        "--show-status",
        "RegionTwo",
    ];
    let outcome = Program::bare(&fleet).events().args(words).run().expect(0);
    outcome.assert_warns("config_permissions");
    assert!(
        !fleet
            .status(&config, &[])
            .warnings()
            .contains(&"config_permissions".to_owned())
    );
}

#[test]
fn an_endpoint_of_the_configuration_takes_the_place_of_the_catalogues() {
    let fleet = Fleet::start();
    fleet
        .region("RegionThree")
        .create(NewImage::new("only-there", "abc"));
    let elsewhere = fleet.region("RegionThree").facts.url.clone();
    let config = fleet
        .config()
        .without_section("other")
        .master("image_endpoint_override", &elsewhere);
    // The master region is now where the endpoint leads, and so is RegionThree.
    let outcome = fleet.status(&config, &["RegionTwo"]);
    assert_eq!(
        outcome.status(),
        [(
            "pending_upload".into(),
            "RegionTwo".into(),
            "only-there".into()
        )]
    );
    let outcome = show_regions(&fleet, Some(&config), &[]).expect(0);
    assert_eq!(outcome.stdout, "RegionTwo\n");
    let mut env = openrc(&fleet);
    env.push(("OS_IMAGE_ENDPOINT_OVERRIDE", elsewhere.clone()));
    let outcome = show_regions(&fleet, None, &env).expect(0);
    assert_eq!(outcome.stdout, "RegionTwo\n");
    // Nothing says which of several regions it is for.
    let several = fleet
        .config()
        .set("few", "credential", &credential(&fleet.cloud, "master"))
        .set("few", "image_endpoint_override", &elsewhere);
    let outcome = fleet.run(&several, &["few:"]).expect(2);
    outcome.assert_says("`image_endpoint_override` does not say for which region");
    outcome.assert_changed_nothing();
}

/// An embedded fleet whose Keystone knows passcodes and an identity provider.
fn with_more_ways() -> Fleet {
    Fleet::embedded(|spec| {
        let keystone = &mut spec.keystones[0];
        keystone.users[0].passcodes = vec!["123456".to_owned(), "654321".to_owned()];
        keystone.identity_providers.push(IdentityProviderSpec {
            name: "idp".to_owned(),
            protocol: "openid".to_owned(),
            client_id: "client".to_owned(),
            client_secret: "client-secret".to_owned(),
            username: "me".to_owned(),
            password: "idp-secret".to_owned(),
            user: keystone.users[0].name.clone(),
        });
    })
}

#[test]
fn an_identity_provider_vouches_for_the_user() {
    let fleet = with_more_ways();
    fleet.master().create(NewImage::new("a", "abc"));
    let root = fleet.cloud.keystones["master"]
        .url
        .trim_end_matches("/v3")
        .to_owned();
    let base = single_keys(&fleet)
        .master("identity_provider", "idp")
        .master("protocol", "openid")
        .master("client_id", "client")
        .master("client_secret", "client-secret");
    let discovered = base.clone().master(
        "discovery_endpoint",
        &format!("{root}/idp/idp/.well-known/openid-configuration"),
    );
    let known = base.master("access_token_endpoint", &format!("{root}/idp/idp/token"));
    let user = |config: Config| config.master("user", "me").master("password", "idp-secret");
    let password = user(discovered.clone()).master("auth_type", "v3oidcpassword");
    fleet.run(&password, &["RegionTwo"]).expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
    assert_logs_in(&fleet, Some(&user(known.clone())), &[]);
    let alone = known
        .without("master", "user")
        .without("master", "password");
    assert_logs_in(
        &fleet,
        Some(&alone.master("auth_type", "v3oidcclientcredentials")),
        &[],
    );
    let wrong = user(discovered).master("password", "wrong-secret");
    let outcome = fleet.run(&wrong, &["--show-regions"]).expect(2);
    for words in [
        "auth_failed",
        "identity provider (v3oidcpassword)",
        "/idp/idp/token",
        "client_id",
    ] {
        outcome.assert_says(words);
    }
    assert!(!outcome.stderr.contains("wrong-secret"), "{outcome}");
}

#[test]
fn a_passcode_is_good_for_one_log_in_alone_or_with_a_password() {
    let fleet = with_more_ways();
    let once = single_keys(&fleet)
        .without("master", "password")
        .master("auth_type", "v3totp");
    let once = once.master("passcode", "123456");
    assert_logs_in(&fleet, Some(&once), &[]);
    assert_refused(&fleet, Some(&once), &[], "passcode");
    let both = single_keys(&fleet).master("passcode", "654321");
    assert_logs_in(&fleet, Some(&both), &[]);
}

#[test]
fn a_run_that_outlives_what_cannot_be_renewed_says_so() {
    let fleet = Fleet::embedded(|spec| {
        spec.keystones[0].users[0].passcodes = vec!["123456".to_owned()];
        spec.keystones[0].token_lifetime_secs = 0;
    });
    let config = single_keys(&fleet)
        .without("master", "password")
        .master("passcode", "123456");
    let outcome = fleet.run(&config, &["--show-status"]).expect(2);
    outcome.assert_says("token_expired");
    outcome.assert_says("v3totp");
}
