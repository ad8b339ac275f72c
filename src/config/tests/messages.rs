//! What is said of wrong, odd and missing values.

use super::{BASE, Fixture};
use crate::config::keys;
use crate::config::layers::Layers;
use crate::model::{TargetName, WarningCode};

#[test]
fn a_target_without_credential_is_for_the_run_to_judge() {
    let settings = Fixture::new(&format!("{BASE}[other]\n[Mastre]\n"))
        .load()
        .unwrap();
    let master = TargetName::master();
    let other = TargetName::new("other");
    let warnings = settings.check_credentials([&master]).unwrap();
    assert!(
        warnings
            .iter()
            .all(|warning| warning.code == WarningCode::NoCredential)
    );
    let messages: Vec<&str> = warnings
        .iter()
        .map(|warning| warning.message.as_str())
        .collect();
    insta::assert_snapshot!(messages.join("\n"), @r"
    glancesync.conf:8: [other]: no usable credential: `keystone_url`, `user`, `password`, `tenant` are missing; set them in [other], or name a `cloud` of clouds.yaml there (a target that this run does not use)
    glancesync.conf:9: [Mastre]: no usable credential: `keystone_url`, `user`, `password`, `tenant` are missing; set them in [Mastre], or name a `cloud` of clouds.yaml there; section [Mastre] is taken for a target of that name, and it has no credential of its own; did you mean [master]? (a target that this run does not use)
    ");
    let errors = settings.check_credentials([&master, &other]).unwrap_err();
    insta::assert_snapshot!(errors, @"glancesync.conf:8: [other]: no usable credential: `keystone_url`, `user`, `password`, `tenant` are missing; set them in [other], or name a `cloud` of clouds.yaml there");
}

#[test]
fn everything_wrong_is_told_at_once() {
    let fixture = Fixture::new(
        "[DEFAULT]
retries = many
only_tenant_images = maybe
[main]
max_children = 0
source = disk
spool_limit = 10 bytes
bwlimit_total = 08:00,5M 25:00,off
max_duration = 0m
[master]
user = admin
password = hunter2
keystone_url = keystone:5000
tenant = images
interface = private
insecure = perhaps
list_images_timeout = 0
replace = any
dontupdate = 9046fd22
max_replace = -1
keep_old = none
orphans = remove
orphan_grace = month
max_delete = few
bwlimit = fast
save_timeout = 1h30m
[other]
credential = admin,!!,http://keystone:5000,images
",
    )
    .overrides(&["main.log_dir", "=x"]);
    insta::assert_snapshot!(fixture.errors(), @r"
    glancesync.conf:2: [DEFAULT] retries = many: is not a whole number; set 0 or more
    glancesync.conf:3: [DEFAULT] only_tenant_images = maybe: is neither true nor false; set `true` or `false`
    glancesync.conf:4: [main] master_region: missing: set it, or $OS_REGION_NAME, to the name of the region whose images are the reference
    glancesync.conf:5: [main] max_children = 0: must be a whole number from 1 up
    glancesync.conf:6: [main] source = disk: is no source; set `auto`, `directory` or `glance`
    glancesync.conf:7: [main] spool_limit = 10 bytes: is not an amount of bytes; write a number of bytes, or one with a unit: `4096`, `512K`, `20M`, `20MiB` or `1.5G`
    glancesync.conf:8: [main] bwlimit_total = 08:00,5M 25:00,off: the entry `25:00,off` of the timetable does not begin with a time from 00:00 to 23:59
    glancesync.conf:9: [main] max_duration = 0m: must be more than 0
    glancesync.conf:13: [master]: no usable credential: `keystone_url` is wrong: `keystone` is neither `http` nor `https`; write it as `https://keystone.example.org:5000/v3`
    glancesync.conf:15: [master] interface = private: is not an interface; set `public`, `internal` or `admin`
    glancesync.conf:16: [master] insecure = perhaps: is neither true nor false; set `true` or `false`
    glancesync.conf:17: [master] list_images_timeout = 0: must be more than 0
    glancesync.conf:19: [master] dontupdate = 9046fd22: `9046fd22` is not a checksum: neither md5 (32 hexadecimal digits) nor `<algorithm>:<hexadecimal digits>`; correct it, for `replace` or `rename` holds `any` and would take the image that it is to protect
    glancesync.conf:20: [master] max_replace = -1: is not a whole number; set 0 or more
    glancesync.conf:21: [master] keep_old = none: must be `all` or a whole number from 1 up
    glancesync.conf:22: [master] orphans = remove: is not something to do with orphans; set `report`, `hide` or `delete`
    glancesync.conf:23: [master] orphan_grace = month: is not a duration; write a number of seconds, or one number with a unit: `90`, `90s`, `10m`, `1.5h` or `14d`
    glancesync.conf:24: [master] max_delete = few: is not a whole number; set 0 or more
    glancesync.conf:25: [master] bwlimit = fast: is neither a rate nor a timetable; write bytes a second, `off`, or both by the time of day: `20M`, `20MiB`, `off` or `08:00,5M 19:00,off`
    glancesync.conf:26: [master] save_timeout = 1h30m: is not a duration; write a number of seconds, or one number with a unit: `90`, `90s`, `10m`, `1.5h` or `14d`
    --config: this option takes every word up to the next one, and `main.log_dir` has no `=`: write `section.key=value`; regions and commands go before --config, regions also after `--`
    --config: a section or key before `=` is empty; write `section.key=value`
    ");
}

#[test]
fn beside_a_line_that_cannot_be_read_the_others_are_checked() {
    let fixture = Fixture::new(
        "[main]
max_children = 0
[master]
user admin
  replace = the rest of the wrong line
bwlimit = fast
metadata_condition = size >
[other]
= x
retries = many
",
    )
    .overrides(&["replace"]);
    // What is missing may be in what cannot be read, and is not asked for.
    insta::assert_snapshot!(fixture.errors(), @r"
    glancesync.conf:2: [main] max_children = 0: must be a whole number from 1 up
    glancesync.conf:4: the line is neither a section nor `key = value` nor the indented rest of a value
    glancesync.conf:6: [master] bwlimit = fast: is neither a rate nor a timetable; write bytes a second, `off`, or both by the time of day: `20M`, `20MiB`, `off` or `08:00,5M 19:00,off`
    glancesync.conf:7: [master] metadata_condition: the condition does not parse: Expected an expression
        metadata_condition = size >
                                   ^
    glancesync.conf:9: there is no key before the delimiter; write `key = value`
    glancesync.conf:10: [other] retries = many: is not a whole number; set 0 or more
    --config: this option takes every word up to the next one, and `replace` has no `=`: write `section.key=value`; regions and commands go before --config, regions also after `--`
    ");
    let fixture = Fixture::new(BASE).overrides(&["retries=many", "main.source=disk"]);
    fixture.file("glancesync.conf", b"[master]\nuser = \xff\n");
    insta::assert_snapshot!(fixture.errors(), @r"
    glancesync.conf:2: the line is not UTF-8; convert the file, for example with `iconv -t UTF-8`
    --config: [DEFAULT] retries = many: is not a whole number; set 0 or more
    --config: [main] source = disk: is no source; set `auto`, `directory` or `glance`
    ");
}

#[test]
fn all_that_is_wrong_with_a_log_in_is_told() {
    let fixture = Fixture::new(
        "[main]
master_region = Central
[master]
auth_type = v3oidcpassword
user = admin
keystone_url = keystone:5000
identity_provider = ..
protocol = .
client_id = gs
access_token_endpoint = idp.example.org
access_token_type = refresh_token
",
    );
    insta::assert_snapshot!(fixture.errors(), @r"
    glancesync.conf:3: [master]: no usable credential: `password` (or $OS_PASSWORD), `tenant` (or $OS_PROJECT_NAME) are missing; set them in [master], or name a `cloud` of clouds.yaml there
    glancesync.conf:6: [master]: no usable credential: `keystone_url` is wrong: `keystone` is neither `http` nor `https`; write it as `https://keystone.example.org:5000/v3`
    glancesync.conf:7: [master]: no usable credential: `identity_provider` is not a valid name
    glancesync.conf:8: [master]: no usable credential: `protocol` is not a valid name
    glancesync.conf:10: [master]: no usable credential: `access_token_endpoint` is wrong: it is not a valid URL (relative URL without a base)
    glancesync.conf:11: [master]: no usable credential: `access_token_type` is neither `access_token` nor `id_token`
    ");
}

#[test]
fn what_looks_odd_is_warned_about() {
    let fixture = Fixture::new(&format!(
        "{BASE}
pasword = hunter3
max_children = 3
max_repalce = 3
forcesyncs = centos, 6e240dd4-e304-4599-b7d8-e38e13cef058
dontupdate = 9046fd22
ignore_regions = other:, :x
retries = 1
retries = 2
xyzzy = 1
[main]
retries = 4
[other]
user = u
",
    ));
    insta::assert_snapshot!(fixture.warnings(), @r"
    unknown_key: glancesync.conf:19: [main] retries is ignored here; it belongs in the section of a target or in [DEFAULT].
    unknown_key: glancesync.conf:9: [master] pasword is not a known key; did you mean `password`?
    unknown_key: glancesync.conf:10: [master] max_children is ignored here; it belongs in [main] or in [DEFAULT].
    unknown_key: glancesync.conf:11: [master] max_repalce is not a known key; did you mean `max_replace`?
    duplicate_key: glancesync.conf:16: [master] retries is set again, after glancesync.conf:15; the last one counts.
    unknown_key: glancesync.conf:17: [master] xyzzy is not a known key; it is ignored.
    bad_value: glancesync.conf:13: [master] dontupdate: `9046fd22` is not a checksum: neither md5 (32 hexadecimal digits) nor `<algorithm>:<hexadecimal digits>`; the entry is ignored.
    bad_value: glancesync.conf:12: [master] forcesyncs: `centos` is not a UUID of an image; the entry is ignored.
    bad_value: glancesync.conf:14: [master] ignore_regions: `other:` names no region (a region is written `Region` or `target:Region`); the entry is ignored.
    bad_value: glancesync.conf:14: [master] ignore_regions: `:x` names no region (a region is written `Region` or `target:Region`); the entry is ignored.
    ");
}

#[test]
fn nothing_at_all_explains_the_ways_to_give_a_credential() {
    insta::assert_snapshot!(Fixture::without_file().errors(), @r"
    no credential for the master region: there is no configuration file, and there is none in the environment.
    Give one in any of these ways:
    - environment: set OS_USERNAME, OS_PASSWORD, OS_AUTH_URL, OS_PROJECT_NAME and OS_REGION_NAME,
      as an openrc file does that you `source`;
    - file: write user, password, keystone_url and tenant under [master], and master_region
      under [main], into /etc/glancesync.conf or a file named with --config-file;
    - clouds.yaml: set OS_CLOUD, or `cloud` under [master], to the name of an entry there.
    To see glancesync at work without any cloud: glancesync demo
    ");
    insta::assert_snapshot!(Fixture::new("").errors(), @r"
    no credential for the master region: glancesync.conf gives none, and there is none in the environment.
    Give one in any of these ways:
    - environment: set OS_USERNAME, OS_PASSWORD, OS_AUTH_URL, OS_PROJECT_NAME and OS_REGION_NAME,
      as an openrc file does that you `source`;
    - file: write user, password, keystone_url and tenant under [master], and master_region
      under [main], into /etc/glancesync.conf or a file named with --config-file;
    - clouds.yaml: set OS_CLOUD, or `cloud` under [master], to the name of an entry there.
    To see glancesync at work without any cloud: glancesync demo
    ");
}

#[test]
fn a_condition_that_does_not_parse_is_shown_where_it_stands() {
    let long = format!("'{}' in image.name and )", "x".repeat(200));
    let said: Vec<String> = [
        "image.is_public and and image.name",
        "image.is_public and\\\n    ('nid' in image.user_properties or\\\n\t'type' is is image.user_properties)",
        "image.is_public and\n  # a comment\n  'caf\u{e9}' == = image.name",
        "image.is_public and (",
        &long,
    ]
    .iter()
    .map(|condition| Fixture::new(&format!("{BASE}metadata_condition = {condition}\n")).errors())
    .collect();
    insta::assert_snapshot!(said.join("\n\n"), @r"
    glancesync.conf:8: [master] metadata_condition: the condition does not parse: Expected an identifier, but found a keyword `and` that cannot be used here
        metadata_condition = image.is_public and and image.name
                                                 ^

    glancesync.conf:10: [master] metadata_condition: the condition does not parse: Expected an identifier, but found a keyword `is` that cannot be used here
        'type' is is image.user_properties)
                  ^

    glancesync.conf:10: [master] metadata_condition: the condition does not parse: Expected an expression
        'café' == = image.name
                  ^

    glancesync.conf:8: [master] metadata_condition: the condition does not parse: unexpected EOF while parsing
        metadata_condition = image.is_public and (
                                                  ^

    glancesync.conf:8: [master] metadata_condition: the condition does not parse: Expected an expression
        xxxxxxxxxxxxxxxxxxxxxxxxxxxx' in image.name and )
                                                        ^
    ");
    let inherited = Fixture::new(&format!(
        "{BASE}[a]\n[b]\n[DEFAULT]\nmetadata_condition: x y\n"
    ));
    insta::assert_snapshot!(inherited.errors(), @r"
    glancesync.conf:11: [DEFAULT] metadata_condition: the condition does not parse: Unexpected token at the end of an expression
        metadata_condition: x y
                              ^
    ");
    let fixture = Fixture::new(BASE).overrides(&["master.metadata_condition=1 +"]);
    insta::assert_snapshot!(fixture.errors(), @r"
    --config: [master] metadata_condition: the condition does not parse: Expected an expression
        1 +
           ^
    ");
}

#[test]
fn every_secret_on_the_command_line_is_warned_about() {
    let mut secrets: Vec<String> = keys::KEYS
        .iter()
        .filter(|key| key.secret)
        .map(|key| format!("master.{}=hunter2", key.name))
        .collect();
    assert!(secrets.len() > 2, "{secrets:?}");
    secrets.push("other.keystone_url=https://user:hunter2@keystone/v3".to_owned());
    for word in secrets {
        let fixture = Fixture::new(BASE).overrides(&[&word]);
        let layers = Layers::load(&fixture.sources);
        let said = format!("{:?}", layers.warnings);
        assert!(said.contains("SecretOnCommandLine"), "{word}: {said}");
        assert!(!said.contains("hunter2"), "{word}: {said}");
    }
}

#[test]
fn a_secret_on_the_command_line_is_warned_about_and_not_repeated() {
    let fixture = Fixture::new(BASE).overrides(&["master.password=hunter2", "main.max_children=2"]);
    insta::assert_snapshot!(fixture.warnings(), @"secret_on_command_line: --config: [master] password is in the list of processes, where every user of this machine reads it; put it into a file or the environment.");
    let emptied = Fixture::new(BASE)
        .env(&[("OS_PASSWORD", "hunter2")])
        .overrides(&["master.password="]);
    assert_eq!(emptied.warnings(), "");
}

#[test]
fn a_secret_that_others_can_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt;
    let open = |fixture: &Fixture, name: &str, mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(fixture.path().join(name), permissions).unwrap();
    };
    let fixture = Fixture::new(BASE);
    open(&fixture, "glancesync.conf", 0o640);
    assert_eq!(fixture.warnings(), "");
    open(&fixture, "glancesync.conf", 0o644);
    insta::assert_snapshot!(fixture.warnings(), @"config_permissions: glancesync.conf holds a secret and everybody can read it; run `chmod o-rwx glancesync.conf`.");
    let harmless = Fixture::new("[main]\nmaster_region = Spain\n[master]\ncloud = c\n");
    open(&harmless, "glancesync.conf", 0o644);
    harmless.file(
        "clouds.yaml",
        "clouds: {c: {auth: {auth_url: 'http://h', username: u, project_id: p}}}",
    );
    open(&harmless, "clouds.yaml", 0o644);
    harmless.file("secure.yaml", "clouds: {c: {auth: {password: hunter2}}}");
    assert_eq!(harmless.warnings(), "");
    open(&harmless, "secure.yaml", 0o644);
    insta::assert_snapshot!(harmless.warnings(), @"config_permissions: secure.yaml holds a secret and everybody can read it; run `chmod o-rwx secure.yaml`.");
}

#[test]
fn the_file_that_is_read() {
    let mut fixture = Fixture::new(BASE);
    fixture.file("other.conf", format!("{BASE}retries = 9\n"));
    fixture.sources.default_file = "other.conf".into();
    let retries = |fixture: &Fixture| fixture.load().unwrap().targets[0].retries;
    let mut fixture = fixture.env(&[("GLANCESYNC_CONFIG", "other.conf")]);
    assert_eq!(retries(&fixture), 3);
    fixture.sources.config_file = None;
    assert_eq!(retries(&fixture), 9);
    let fixture = fixture.env(&[("GLANCESYNC_CONFIG", "absent.conf")]);
    insta::assert_snapshot!(fixture.errors(), @"absent.conf: the configuration file, named by $GLANCESYNC_CONFIG, cannot be read: No such file or directory (os error 2)");
    let mut fixture = fixture.env(&[("GLANCESYNC_CONFIG", "")]);
    assert_eq!(retries(&fixture), 9);
    fixture.sources.config_file = Some("absent.conf".into());
    insta::assert_snapshot!(fixture.errors(), @"absent.conf: the configuration file, named by --config-file, cannot be read: No such file or directory (os error 2)");
    fixture.sources.config_file = Some(".".into());
    insta::assert_snapshot!(fixture.errors(), @".: the configuration file, named by --config-file, cannot be read: it is a folder, not a file");
    fixture.sources.config_file = Some("latin1.conf".into());
    fixture.file("latin1.conf", b"[main]\nmaster_region = Espa\xf1a\n");
    insta::assert_snapshot!(fixture.errors(), @"latin1.conf:2: the line is not UTF-8; convert the file, for example with `iconv -t UTF-8`");
    fixture.file("latin1.conf", "master_region = Spain\npassword hunter2\n");
    insta::assert_snapshot!(fixture.errors(), @"latin1.conf:1: the line is before the first section; put a line such as `[main]` above it");
}

#[test]
fn sections_that_were_meant_to_be_others() {
    let fixture = Fixture::new(&format!(
        "[default]\nretries = 1\n[Main]\nmax_children = 2\n[mastre]\nuser=u\n{BASE}[other]\n[DEFAULT]\nuser = u\npassword = p\ntenant = t\nkeystone_url = http://k\n"
    ));
    insta::assert_snapshot!(fixture.warnings(), @r"
    unknown_key: glancesync.conf:4: [Main] max_children is ignored here; it belongs in [main] or in [DEFAULT].
    no_credential: glancesync.conf:1: section [default] is taken for a target of that name, and it has no credential of its own; did you mean [DEFAULT]?
    no_credential: glancesync.conf:3: section [Main] is taken for a target of that name, and it has no credential of its own; did you mean [main]?
    ");
}

#[test]
fn values_of_the_environment_are_checked_too() {
    let fixture = Fixture::new(BASE).env(&[("OS_INSECURE", "maybe"), ("OS_INTERFACE", "private")]);
    insta::assert_snapshot!(fixture.errors(), @r"
    $OS_INSECURE = maybe: is neither true nor false; set `true` or `false`
    $OS_INTERFACE = private: is not an interface; set `public`, `internal` or `admin`
    ");
}

#[test]
#[allow(clippy::too_many_lines, reason = "a snapshot of every key")]
fn the_effective_configuration_hides_secrets_and_names_places() {
    let fixture = Fixture::new(&format!(
        "{BASE}retries=\n[DEFAULT]\nretries = 5\nmetadata_set = nid\n[other]\n"
    ))
    .env(&[("OS_INTERFACE", "internal"), ("HOME", "/home/ops")])
    .overrides(&[
        "main.max_children=4",
        "other.credential=u,c2VjcmV0,http://h,t",
    ]);
    let settings = fixture.load().unwrap();
    let lines: Vec<String> = settings
        .effective()
        .iter()
        .map(|value| {
            format!(
                "{}.{}={} ({})",
                value.section, value.key, value.value, value.origin
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    main.master_region=Spain (glancesync.conf:2)
    main.preferable_order= (default)
    main.max_children=4 (--config)
    main.keep_going=false (default)
    main.bwlimit_total= (default)
    main.max_duration= (default)
    main.waves= (default)
    main.wave_max_failures=0 (default)
    main.wave_gate= (default)
    main.wave_gate_timeout=10m (default)
    main.wave_soak=0 (default)
    main.state_dir= (default)
    main.installation= (default)
    main.images_dir=/var/lib/glance/images (default)
    main.source=auto (default)
    main.spool_dir= (default)
    main.spool_limit= (default)
    main.log_dir=. (default)
    master.cloud= (default)
    master.user=admin (glancesync.conf:4)
    master.password=*** (glancesync.conf:5)
    master.keystone_url=http://keystone:5000/v3 (glancesync.conf:6)
    master.tenant=images (glancesync.conf:7)
    master.user_domain=Default (default)
    master.project_domain=Default (default)
    master.application_credential_id= (default)
    master.application_credential_secret= (default)
    master.auth_type= (default)
    master.token= (default)
    master.passcode= (default)
    master.auth_methods= (default)
    master.identity_provider= (default)
    master.protocol= (default)
    master.discovery_endpoint= (default)
    master.access_token_endpoint= (default)
    master.client_id= (default)
    master.client_secret= (default)
    master.access_token= (default)
    master.access_token_type= (default)
    master.openid_scope= (default)
    master.interface=internal ($OS_INTERFACE)
    master.image_endpoint_override= (default)
    master.cacert= (default)
    master.cert= (default)
    master.key= (default)
    master.insecure=false (default)
    master.forcesyncs= (default)
    master.replace= (default)
    master.rename= (default)
    master.dontupdate= (default)
    master.metadata_set=nid (glancesync.conf:11)
    master.metadata_condition= (default)
    master.sync_attributes= (default)
    master.ignore_regions= (default)
    master.obsolete_syncprops= (default)
    master.only_tenant_images=true (default)
    master.support_obsolete_images=true (default)
    master.max_replace= (default)
    master.keep_old=all (default)
    master.hide_old=false (default)
    master.orphans=report (default)
    master.orphan_grace=30d (default)
    master.max_delete=5 (default)
    master.list_images_timeout=30 (default)
    master.upload_stall_timeout=60 (default)
    master.retries=3 (default)
    master.save_timeout=900 (default)
    master.bwlimit= (default)
    master.delivery=upload (default)
    master.disk_format=keep (default)
    master.stores= (default)
    master.transfers=1 (default)
    master.pull_from=master (default)
    master.pull_fanout=2 (default)
    master.import_timeout=6h (default)
    master.provenance=true (default)
    master.use_keystone_v3= (default)
    other.cloud= (default)
    other.user=u (--config)
    other.password=*** (--config)
    other.keystone_url=http://h (--config)
    other.tenant=t (--config)
    other.user_domain=Default (default)
    other.project_domain=Default (default)
    other.application_credential_id= (default)
    other.application_credential_secret= (default)
    other.auth_type= (default)
    other.token= (default)
    other.passcode= (default)
    other.auth_methods= (default)
    other.identity_provider= (default)
    other.protocol= (default)
    other.discovery_endpoint= (default)
    other.access_token_endpoint= (default)
    other.client_id= (default)
    other.client_secret= (default)
    other.access_token= (default)
    other.access_token_type= (default)
    other.openid_scope= (default)
    other.interface=public (default)
    other.image_endpoint_override= (default)
    other.cacert= (default)
    other.cert= (default)
    other.key= (default)
    other.insecure=false (default)
    other.forcesyncs= (default)
    other.replace= (default)
    other.rename= (default)
    other.dontupdate= (default)
    other.metadata_set=nid (glancesync.conf:11)
    other.metadata_condition= (default)
    other.sync_attributes= (default)
    other.ignore_regions= (default)
    other.obsolete_syncprops= (default)
    other.only_tenant_images=true (default)
    other.support_obsolete_images=true (default)
    other.max_replace= (default)
    other.keep_old=all (default)
    other.hide_old=false (default)
    other.orphans=report (default)
    other.orphan_grace=30d (default)
    other.max_delete=5 (default)
    other.list_images_timeout=30 (default)
    other.upload_stall_timeout=60 (default)
    other.retries=5 (glancesync.conf:10)
    other.save_timeout=900 (default)
    other.bwlimit= (default)
    other.delivery=upload (default)
    other.disk_format=keep (default)
    other.stores= (default)
    other.transfers=1 (default)
    other.pull_from=master (default)
    other.pull_fanout=2 (default)
    other.import_timeout=6h (default)
    other.provenance=true (default)
    other.use_keystone_v3= (default)
    ");
    assert!(!format!("{settings:?}").contains("hunter2"));
}
