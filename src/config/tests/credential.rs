//! Which place a credential comes from, and what is said where none is whole.

use super::{BASE, Fixture};
use crate::config::{ConfigErrors, Settings};
use crate::model::{Auth, Interface, TargetName};

/// `user@domain:password project@domain url`, or why there is no credential.
pub(super) fn login(settings: &Settings, target: &str) -> String {
    let target = settings.target(&TargetName::new(target)).unwrap();
    match &target.credential {
        Err(errors) => ConfigErrors(errors.clone(), Vec::new()).to_string(),
        Ok(credential) => {
            let url = &credential.keystone_url;
            match &credential.auth {
                Auth::Password {
                    user,
                    password,
                    project,
                } => format!("{user:?} {} {project:?} {url}", password.expose()),
                Auth::ApplicationCredential { credential, secret } => {
                    format!("{credential:?} {} {url}", secret.expose())
                }
                // No secret is in it.
                auth => format!("{auth:?} {url}"),
            }
        }
    }
}

pub(super) fn master(fixture: &Fixture) -> String {
    login(&fixture.load().unwrap(), "master")
}

const MAIN: &str = "[main]\nmaster_region = Spain\n";

const OPENRC: [(&str, &str); 5] = [
    ("OS_USERNAME", "env-user"),
    ("OS_PASSWORD", "env-password"),
    ("OS_AUTH_URL", "http://env:5000"),
    ("OS_TENANT_NAME", "env-project"),
    ("OS_REGION_NAME", "EnvRegion"),
];

#[test]
fn the_environment_is_enough() {
    let fixture = Fixture::without_file().env(&OPENRC);
    let settings = fixture.load().unwrap();
    assert_eq!(settings.master_region.to_string(), "EnvRegion");
    insta::assert_snapshot!(login(&settings, "master"), @r#"Name { name: "env-user", domain: Name("Default") } env-password Name { name: "env-project", domain: Name("Default") } http://env:5000/"#);
    let fixture = fixture.env(&[
        ("OS_PROJECT_NAME", "newer-name"),
        ("OS_USER_DOMAIN_NAME", "Users"),
        ("OS_PROJECT_DOMAIN_ID", "d1"),
    ]);
    insta::assert_snapshot!(master(&fixture), @r#"Name { name: "env-user", domain: Name("Users") } env-password Name { name: "newer-name", domain: Id("d1") } http://env:5000/"#);
    let fixture = fixture.env(&[
        ("OS_PROJECT_ID", "p1"),
        ("OS_USER_DOMAIN_ID", "d2"),
        ("OS_PASSWORD", "second"),
    ]);
    insta::assert_snapshot!(master(&fixture), @r#"Name { name: "env-user", domain: Id("d2") } second Id("p1") http://env:5000/"#);
    let fixture = fixture.env(&[
        ("OS_APPLICATION_CREDENTIAL_ID", "ac1"),
        ("OS_APPLICATION_CREDENTIAL_SECRET", "s1"),
    ]);
    insta::assert_snapshot!(master(&fixture), @r#"Id("ac1") s1 http://env:5000/"#);
    let fixture = fixture.env(&[("OS_AUTH_TYPE", "password")]);
    insta::assert_snapshot!(master(&fixture), @r#"Name { name: "env-user", domain: Id("d2") } second Id("p1") http://env:5000/"#);
}

#[test]
fn file_and_environment_mix_at_will() {
    let fixture = Fixture::new(
        "[master]\nuser = file-user\n[DEFAULT]\ntenant = file-project\nuser_domain = Corp\n",
    )
    .env(&OPENRC);
    insta::assert_snapshot!(master(&fixture), @r#"Name { name: "file-user", domain: Name("Corp") } env-password Name { name: "file-project", domain: Name("Default") } http://env:5000/"#);
}

#[test]
fn the_environment_is_for_master_alone() {
    let fixture = Fixture::new("[other]\nuser = u\n").env(&OPENRC);
    let settings = fixture.load().unwrap();
    insta::assert_snapshot!(login(&settings, "other"), @"glancesync.conf:1: [other]: no usable credential: `keystone_url`, `password`, `tenant` are missing; set them in [other], or name a `cloud` of clouds.yaml there");
}

#[test]
fn the_combined_credential() {
    // base64 of `pass,w:ö%rd`, with and without padding.
    for encoded in ["cGFzcyx3OsO2JXJk", "cGFzcyx3OsO2JXI=", "cGFzcyx3OsO2JXI"] {
        let fixture = Fixture::new(&format!(
            "{MAIN}[master]\ncredential = admin , {encoded},http://server:4730/v2.0,my project\n"
        ));
        let said = master(&fixture);
        assert!(said.contains("pass,w:ö%r"), "{said}");
        assert!(
            said.contains("\"my project\"") && said.ends_with("http://server:4730/"),
            "{said}"
        );
    }
    let wrong: Vec<String> = [
        "admin,!!,http://server:4730,p",
        "admin,/w==,http://server:4730,p",
        "admin,cGFzcw,http://server:4730",
        "admin,cGFzcw,server,p",
        ",,http://server:4730,p",
    ]
    .iter()
    .map(|credential| {
        Fixture::new(&format!("{MAIN}[master]\ncredential = {credential}\n")).errors()
    })
    .collect();
    insta::assert_snapshot!(wrong.join("\n"), @r"
    glancesync.conf:4: [master]: no usable credential: the second part of `credential` is not base64 of a UTF-8 text; make it with `printf %s 'the password' | base64`, or set `user`, `password`, `keystone_url` and `tenant`
    glancesync.conf:4: [master]: no usable credential: the second part of `credential` is not base64 of a UTF-8 text; make it with `printf %s 'the password' | base64`, or set `user`, `password`, `keystone_url` and `tenant`
    glancesync.conf:4: [master]: no usable credential: `credential` has 3 parts instead of 4; write `user,base64(password),keystone_url,tenant`, or, for a name with a comma in it, set `user`, `password`, `keystone_url` and `tenant`
    glancesync.conf:4: [master]: no usable credential: `keystone_url` is wrong: it is not a URL (relative URL without a base); write it as `https://keystone.example.org:5000/v3`
    glancesync.conf:3: [master]: no usable credential: `user` (or $OS_USERNAME), `password` (or $OS_PASSWORD) are missing; set them in [master], or name a `cloud` of clouds.yaml there
    ");
}

#[test]
fn precedence_of_places_and_of_kinds_within_them() {
    let text = format!(
        "{MAIN}[DEFAULT]
credential = default-user,cGFzcw==,http://default:5000,default-project
tenant = default-single
[master]
credential = own-user,cGFzcw==,http://own:5000,own-project
user = own-single
[empty]
tenant =
[blank]
credential =
user = u
"
    );
    let settings = Fixture::new(&text).env(&OPENRC).load().unwrap();
    insta::assert_snapshot!(login(&settings, "master"), @r#"Name { name: "own-single", domain: Name("Default") } pass Name { name: "own-project", domain: Name("Default") } http://own:5000/"#);
    insta::assert_snapshot!(login(&settings, "empty"), @r#"Name { name: "default-user", domain: Name("Default") } pass Name { name: "default-project", domain: Name("Default") } http://default:5000/"#);
    insta::assert_snapshot!(login(&settings, "blank"), @"glancesync.conf:11: [blank]: no usable credential: `keystone_url`, `password` are missing; set them in [blank], or name a `cloud` of clouds.yaml there");
    let fixture = Fixture::new(&text).overrides(&[
        "master.user=line-user",
        "password=line=password",
        "master.keystone_url=https://line/v3/",
    ]);
    insta::assert_snapshot!(master(&fixture), @r#"Name { name: "line-user", domain: Name("Default") } line=password Name { name: "own-project", domain: Name("Default") } https://line/"#);
}

#[test]
fn application_credentials() {
    let text = format!(
        "{MAIN}[DEFAULT]\nkeystone_url = http://ks:5000\nuser = u\npassword = p\ntenant = t\n\
         [master]\napplication_credential_id = ac1\napplication_credential_secret = hush\n\
         [half]\napplication_credential_id = ac2\n"
    );
    let settings = Fixture::new(&text).load().unwrap();
    insta::assert_snapshot!(login(&settings, "master"), @r#"Id("ac1") hush http://ks:5000/"#);
    insta::assert_snapshot!(login(&settings, "half"), @"glancesync.conf:11: [half]: no usable credential: `application_credential_secret` is missing; set it in [half], or name a `cloud` of clouds.yaml there");
}

const CLOUDS: &str = "
clouds:
  full: &full
    auth: &auth
      auth_url: http://cloud:5000/v3
      username: cloud-user
      password: cloud-password
      project_name: cloud-project
      user_domain_name: Users
      project_domain_id: d1
    region_name: CloudRegion
    interface: internal
    verify: false
    cacert: ~/ca.pem
  merged:
    <<: *full
    auth:
      <<: *auth
      password: 12345
    regions:
    - name: First
    - Second
  app:
    auth_type: v3applicationcredential
    auth:
      auth_url: http://cloud:5000
      application_credential_id: ac1
  kerberos:
    auth_type: v3kerberos
    auth: {auth_url: 'http://cloud:5000'}
";

fn with_clouds(text: &str) -> Fixture {
    let fixture = Fixture::new(text);
    fixture.file("clouds.yaml", CLOUDS);
    fixture.file(
        "secure.yaml",
        "clouds: {app: {auth: {application_credential_secret: hush}}, full: {auth: {password: secure}}}",
    );
    fixture
}

#[test]
fn a_cloud_gives_all_that_it_knows() {
    let fixture = with_clouds("[master]\ncloud = full\n").env(&[("HOME", "/home/ops")]);
    let settings = fixture.load().unwrap();
    assert_eq!(settings.master_region.to_string(), "CloudRegion");
    insta::assert_snapshot!(login(&settings, "master"), @r#"Name { name: "cloud-user", domain: Name("Users") } secure Name { name: "cloud-project", domain: Id("d1") } http://cloud:5000/"#);
    let target = &settings.targets[0];
    assert_eq!(target.interfaces, [Interface::Internal]);
    assert!(target.insecure);
    assert_eq!(target.cacert.as_deref(), Some("/home/ops/ca.pem".as_ref()));
}

#[test]
fn clouds_and_single_keys_mix() {
    let fixture = with_clouds(
        "[main]\nmaster_region = Spain\n[master]\ncloud = app\n[merged]\ncloud = merged\n\
         interface = admin\n[own]\nuser = u\npassword = p\n[DEFAULT]\ncloud = full\n",
    )
    .env(&OPENRC);
    let settings = fixture.load().unwrap();
    assert_eq!(settings.master_region.to_string(), "Spain");
    insta::assert_snapshot!(login(&settings, "master"), @r#"Id("ac1") hush http://cloud:5000/"#);
    insta::assert_snapshot!(login(&settings, "merged"), @r#"Name { name: "cloud-user", domain: Name("Users") } 12345 Name { name: "cloud-project", domain: Id("d1") } http://cloud:5000/"#);
    insta::assert_snapshot!(login(&settings, "own"), @r#"Name { name: "u", domain: Name("Default") } p Name { name: "cloud-project", domain: Id("d1") } http://cloud:5000/"#);
    let merged = settings.target(&TargetName::new("merged")).unwrap();
    assert_eq!(merged.interfaces, [Interface::Admin]);
}

#[test]
fn os_cloud_goes_before_the_other_variables_but_not_before_the_file() {
    let fixture = with_clouds("").env(&OPENRC).env(&[("OS_CLOUD", "full")]);
    let settings = fixture.load().unwrap();
    assert_eq!(settings.master_region.to_string(), "EnvRegion");
    insta::assert_snapshot!(login(&settings, "master"), @r#"Name { name: "cloud-user", domain: Name("Users") } secure Name { name: "cloud-project", domain: Id("d1") } http://cloud:5000/"#);
    let fixture = with_clouds(BASE).env(&[("OS_CLOUD", "absent")]);
    insta::assert_snapshot!(master(&fixture), @r#"Name { name: "admin", domain: Name("Default") } hunter2 Name { name: "images", domain: Name("Default") } http://keystone:5000/"#);
}

#[test]
fn clouds_yaml_is_looked_for_where_openstack_looks() {
    let fixture = Fixture::new("[main]\nmaster_region=Spain\n[master]\ncloud = c\n");
    let home = fixture.path().join("home").display().to_string();
    let entry = |user: &str| {
        format!(
            "clouds: {{c: {{auth: {{auth_url: 'http://h', username: {user}, password: p, project_id: 7}}}}}}"
        )
    };
    let fixture = fixture.env(&[("HOME", &home)]);
    fixture.file("home/.config/openstack/clouds.yaml", entry("of-home"));
    assert!(master(&fixture).contains("of-home"));
    fixture.file("clouds.yaml", entry("of-folder"));
    assert!(master(&fixture).contains("of-folder"));
    fixture.file("elsewhere.yaml", entry("of-variable"));
    let fixture = fixture.env(&[("OS_CLIENT_CONFIG_FILE", "elsewhere.yaml")]);
    insta::assert_snapshot!(master(&fixture), @r#"Name { name: "of-variable", domain: Name("Default") } p Id("7") http://h/"#);
}

#[test]
fn a_cloud_that_cannot_be_used_is_not_passed_over() {
    let errors = |fixture: Fixture| fixture.env(&OPENRC).errors();
    let broken = with_clouds("[master]\ncloud = full\n");
    broken.file("clouds.yaml", "clouds: {full: {auth: {password: hunter2, [");
    let said = [
        errors(Fixture::new("[master]\ncloud = full\n")),
        errors(with_clouds("[master]\ncloud = ful\n")),
        errors(with_clouds("[master]\ncloud = kerberos\n")),
        errors(broken),
    ];
    insta::assert_snapshot!(said.join("\n"), @r"
    glancesync.conf:2: [master]: no usable credential: cloud `full`: there is no clouds.yaml, clouds.yml or clouds.json (looked in the current folder, /etc/xdg/openstack, /etc/openstack)
    glancesync.conf:2: [master]: no usable credential: clouds.yaml has no cloud `ful`; it has full, merged, app, kerberos
    clouds.yaml (cloud `kerberos`): [master]: no usable credential: auth_type `v3kerberos` is not supported; use one of v3password, v3applicationcredential, v3token, v3totp, v3multifactor, v3oidcclientcredentials, v3oidcpassword, v3oidcaccesstoken
    glancesync.conf:2: [master]: no usable credential: clouds.yaml is not valid YAML at line 2, column 1
    ");
}
