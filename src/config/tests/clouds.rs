//! The files of clouds: which are read, how they are laid over each other, and that nothing in them
//! is passed over in silence.

use super::Fixture;
use super::credential::master;
use crate::model::{Interface, TargetName};

const MASTER: &str = "[main]\nmaster_region = A\n[master]\ncloud = lab\n";

fn of(files: &[(&str, &str)]) -> Fixture {
    let fixture = Fixture::new(MASTER);
    for (name, text) in files {
        fixture.file(name, text);
    }
    fixture
}

const WHOLE: &str = "auth: {auth_url: 'http://ks', username: u, password: p, project_name: t}";

#[test]
fn every_spelling_of_a_files_name_is_found_in_every_place() {
    let yaml = format!("clouds: {{lab: {{{WHOLE}}}}}");
    let json = r#"{"clouds": {"lab": {"auth": {"auth_url": "http://ks", "username": "u", "password": "p", "project_name": "t"}}}}"#;
    for folder in ["", "home/.config/openstack/", "xdg/openstack/"] {
        for (name, text) in [
            ("clouds.yaml", yaml.as_str()),
            ("clouds.yml", &yaml),
            ("clouds.json", json),
        ] {
            let fixture = of(&[(&format!("{folder}{name}"), text)]);
            let home = fixture.path().join("home").display().to_string();
            let xdg = fixture.path().join("xdg").display().to_string();
            let fixture = fixture.env(&[("HOME", &home), ("XDG_CONFIG_HOME", &xdg)]);
            assert!(master(&fixture).ends_with("http://ks/"), "{folder}{name}");
        }
    }
}

#[test]
fn secrets_come_from_a_file_of_their_own() {
    let open = WHOLE.replace("password: p, ", "");
    for (name, text) in [
        ("secure.yml", "clouds: {lab: {auth: {password: hidden}}}"),
        (
            "secure.json",
            r#"{"clouds": {"lab": {"auth": {"password": "hidden"}}}}"#,
        ),
    ] {
        let fixture = of(&[
            ("clouds.yaml", &format!("clouds: {{lab: {{{open}}}}}")),
            (name, text),
        ]);
        assert!(master(&fixture).contains("hidden"), "{name}");
    }
    // All of it may be there, and it may be anywhere.
    let fixture = of(&[("s/all.yaml", &format!("clouds: {{lab: {{{WHOLE}}}}}"))]);
    let fixture = fixture.env(&[("OS_CLIENT_SECURE_FILE", "s/all.yaml")]);
    assert!(master(&fixture).ends_with("http://ks/"));
}

#[test]
fn scalars_are_taken_as_they_are_written() {
    for written in [
        "1e3",
        "0o17",
        "1.50",
        "yes",
        "00123",
        "2001-01-01",
        "12345678901234567890123",
        "0x1F",
        "1_000",
        "+7",
    ] {
        let text = format!(
            "clouds: {{lab: {{{}}}}}",
            WHOLE.replace("password: p", &format!("password: {written}"))
        );
        let said = master(&of(&[("clouds.yaml", &text)]));
        assert!(said.contains(&format!(" {written} ")), "{written}: {said}");
    }
    let json = r#"{"clouds": {"lab": {"auth": {"auth_url": "http://ks", "username": "u", "password": 1.50e3, "project_id": 12345678901234567890123}}}}"#;
    let said = master(&of(&[("clouds.json", json)]));
    assert!(
        said.contains(" 1.50e3 Id(\"12345678901234567890123\")"),
        "{said}"
    );
}

#[test]
fn a_profile_lies_below_the_entry_and_the_values_of_a_region_above() {
    let public = "public-clouds:\n  vendor:\n    interface: internal\n    auth: {auth_url: 'http://{region_name}.vendor', project_name: of-vendor}\n    regions: [A, B]\n";
    for key in ["profile", "cloud"] {
        let entry =
            format!("clouds: {{lab: {{{key}: vendor, auth: {{username: u, password: p}}}}}}");
        let fixture = of(&[("clouds.yaml", &entry), ("clouds-public.yml", public)]);
        insta::allow_duplicates! {
            insta::assert_snapshot!(master(&fixture), @r#"Name { name: "u", domain: Name("Default") } p Name { name: "of-vendor", domain: Name("Default") } http://a.vendor/"#);
        }
        let settings = fixture.load().unwrap();
        assert_eq!(settings.targets[0].interfaces, [Interface::Internal]);
        assert_eq!(settings.warnings, []);
    }
    let regions = "clouds: {lab: {auth: {username: u, password: p, project_name: t, auth_url: 'http://all'}, interface: public, regions: [B, {name: A, values: {interface: admin, auth: {auth_url: 'http://of-a'}}}]}}";
    let fixture = of(&[("clouds.yaml", regions)]);
    assert!(master(&fixture).ends_with("http://of-a/"));
    assert_eq!(
        fixture.load().unwrap().targets[0].interfaces,
        [Interface::Admin]
    );
    // Another target takes the first of the regions, and says which values it does not take.
    fixture.file(
        "glancesync.conf",
        "[main]\nmaster_region = A\n[master]\ncloud = lab\n[other]\ncloud = lab\n",
    );
    let settings = fixture.load().unwrap();
    let other = settings.target(&TargetName::new("other")).unwrap();
    assert_eq!(
        other.credential.clone().unwrap().keystone_url.to_string(),
        "http://all/"
    );
    assert!(
        fixture
            .warnings()
            .contains("the values of region `A` are not used")
    );
}

#[test]
fn a_profile_that_no_file_has_is_said_to_be_unknown() {
    let fixture = of(&[(
        "clouds.yaml",
        "clouds: {lab: {profile: rackspace, auth: {username: u, password: p, project_name: t}}}",
    )]);
    assert!(
        fixture
            .errors()
            .contains("the profile `rackspace` is unknown"),
        "{}",
        fixture.errors()
    );
    let fixture = of(&[(
        "clouds.yaml",
        &format!("clouds: {{lab: {{profile: rackspace, {WHOLE}}}}}"),
    )]);
    assert!(
        fixture
            .warnings()
            .contains("the profile `rackspace` is unknown")
    );
}

#[test]
fn domains_are_taken_for_both_where_only_one_is_given() {
    for (given, domain) in [
        ("default_domain: default", r#"Id("default")"#),
        ("default_domain: Corp", r#"Name("Corp")"#),
        ("default_domain_id: d1", r#"Id("d1")"#),
        ("domain_name: Corp", r#"Name("Corp")"#),
        ("domain_id: d1", r#"Id("d1")"#),
    ] {
        for text in [
            format!("clouds: {{lab: {{{given}, {WHOLE}}}}}"),
            format!(
                "clouds: {{lab: {{{}}}}}",
                WHOLE.replace("password:", &format!("{given}, password:"))
            ),
        ] {
            let said = master(&of(&[("clouds.yaml", &text)]));
            assert_eq!(said.matches(domain).count(), 2, "{text}: {said}");
        }
    }
    let env = [
        ("OS_USERNAME", "u"),
        ("OS_PASSWORD", "p"),
        ("OS_AUTH_URL", "http://ks"),
        ("OS_PROJECT_NAME", "t"),
        ("OS_REGION_NAME", "A"),
    ];
    for (name, value, domain) in [
        ("OS_DEFAULT_DOMAIN", "default", r#"Id("default")"#),
        ("OS_DEFAULT_DOMAIN", "Corp", r#"Name("Corp")"#),
        ("OS_DEFAULT_DOMAIN_ID", "d1", r#"Id("d1")"#),
    ] {
        let said = master(&Fixture::without_file().env(&env).env(&[(name, value)]));
        assert_eq!(said.matches(domain).count(), 2, "{said}");
        let said = master(
            &Fixture::without_file()
                .env(&env)
                .env(&[(name, value), ("OS_USER_DOMAIN_NAME", "Own")]),
        );
        assert!(
            said.contains("Name(\"Own\")") && said.contains(domain),
            "{said}"
        );
    }
}

#[test]
fn the_way_to_the_servers_is_taken_over() {
    let text = format!(
        "clouds: {{lab: {{region_name: A, interface: [internal, public], cacert: ~/ca.pem, cert: ~/c.pem, key: /k.pem, image_endpoint_override: 'https://g.example.org:9292/v2', {WHOLE}}}}}"
    );
    let fixture = of(&[("clouds.yaml", &text)]).env(&[("HOME", "/home/ops")]);
    let settings = fixture.load().unwrap();
    let target = &settings.targets[0];
    assert_eq!(target.interfaces, [Interface::Internal, Interface::Public]);
    assert_eq!(target.cert.as_deref(), Some("/home/ops/c.pem".as_ref()));
    assert_eq!(target.key.as_deref(), Some("/k.pem".as_ref()));
    let endpoint = target.image_endpoint.as_ref().unwrap();
    assert_eq!(endpoint.region.as_deref(), Some("A"));
    assert_eq!(settings.warnings, []);
    for (keys, insecure, cacert) in [
        ("verify: false", true, None),
        ("verify: No", true, None),
        ("insecure: true, verify: true", true, None),
        ("verify: true, cacert: /ca.pem", false, Some("/ca.pem")),
        ("verify: /bundle.pem", false, Some("/bundle.pem")),
    ] {
        let fixture = of(&[(
            "clouds.yaml",
            &format!("clouds: {{lab: {{{keys}, {WHOLE}}}}}"),
        )]);
        let settings = fixture.load().unwrap();
        assert_eq!(settings.targets[0].insecure, insecure, "{keys}");
        assert_eq!(
            settings.targets[0].cacert.as_deref(),
            cacert.map(AsRef::as_ref),
            "{keys}"
        );
    }
}

#[test]
fn what_is_not_used_is_said_and_what_is_irrelevant_is_not() {
    let text = format!(
        "clouds: {{lab: {{auth_typ: password, identity_api_version: 3, compute_api_version: 2, volume_endpoint_override: 'http://v', floating_ip_source: None, trust: x, {}}}}}",
        WHOLE.replace("password:", "trust_id: t1, pasword: x, password:")
    );
    let said = of(&[("clouds.yaml", &text)]).warnings();
    insta::assert_snapshot!(said, @r"
    unknown_key: clouds.yaml (cloud `lab`): `auth_typ` is not used; did you mean `auth_type`?
    unknown_key: clouds.yaml (cloud `lab`): `trust` is not used by glancesync.
    unknown_key: clouds.yaml (cloud `lab`): `auth.trust_id` is not used by glancesync.
    unknown_key: clouds.yaml (cloud `lab`): `auth.pasword` is not used; did you mean `password`?
    ");
}
