//! What settings come out, and what is said of wrong ones.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{BASE, Fixture};
use crate::config::{ContentSource, Settings};
use crate::model::{ByteSize, Interface, TargetName, WarningCode};

fn settings(more: &str) -> Settings {
    Fixture::new(&format!("{BASE}{more}")).load().unwrap()
}

#[test]
fn defaults_are_those_of_the_table() {
    let settings = settings("");
    assert_eq!(settings.master_region.to_string(), "Spain");
    assert!(settings.preferable_order.is_empty());
    assert_eq!(settings.max_children, 1);
    assert_eq!(settings.images_dir, Path::new("/var/lib/glance/images"));
    assert_eq!(settings.source, ContentSource::Auto);
    assert_eq!((settings.spool_dir, settings.spool_limit), (None, None));
    assert_eq!(settings.log_dir, Path::new("."));
    assert_eq!(settings.warnings, []);
    let [master] = &settings.targets[..] else {
        panic!("one target");
    };
    assert!(master.name.is_master());
    assert!(master.credential.is_ok());
    assert_eq!(master.rules, crate::model::SyncRules::default());
    assert!(master.condition.is_none());
    assert_eq!(master.interface, Interface::Public);
    assert_eq!((&master.cacert, master.insecure), (&None, false));
    assert_eq!(master.list_images_timeout, Duration::from_secs(30));
    assert_eq!(master.upload_stall_timeout, Duration::from_mins(1));
    assert_eq!((master.retries, master.bwlimit), (3, None));
}

#[test]
fn every_key_is_read() {
    let text = format!(
        "[DEFAULT]
retries = 7
metadata_set = nid, type
images_path = /srv/images
{BASE}
replace = any
rename = 9046FD22131A96502CB0D85B4A406A5A
dontupdate = d41d8cd98f00b204e9800998ecf8427e,
forcesync = 6e240dd4-e304-4599-b7d8-e38e13cef058
ignore_regions = Spain1, other:Paris
obsolete_syncprop = type
only_tenant_images = off
support_obsolete_images = No
max_replace = 5
list_images_timeout = 1.5
upload_stall_timeout = 9
bwlimit = 20M
use_keystone_v3 = true
metadata_condition = image.is_public and\\
  'nid' in image.user_properties
[other]
credential = user2,aHVudGVyMg,http://keystone2:4730/v2.0,project
metadata_set =
ignore_regions = Berlin
interface = internalURL
cacert = /etc/ca.pem
insecure = 1
[main]
preferable_order = Trento, other:Paris
max_children = 4
source = Glance
spool_dir = /var/spool/gs
spool_limit = 10GiB
log_dir = /var/log/gs
"
    );
    let settings = Fixture::new(&text).load().unwrap();
    assert_eq!(settings.warnings, []);
    let printed: Vec<String> = settings
        .preferable_order
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(printed, ["Trento", "other:Paris"]);
    assert_eq!(settings.max_children, 4);
    assert_eq!(settings.source, ContentSource::Glance);
    assert_eq!(settings.images_dir, Path::new("/srv/images"));
    assert_eq!(settings.spool_dir, Some(PathBuf::from("/var/spool/gs")));
    assert_eq!(settings.spool_limit, Some(ByteSize(10 << 30)));
    let [master, other] = &settings.targets[..] else {
        panic!("two targets");
    };
    assert!(master.rules.replace.any && !master.rules.rename.any);
    assert_eq!(master.rules.rename.checksums.len(), 1);
    assert_eq!(master.rules.dontupdate.len(), 1);
    assert_eq!(master.rules.forcesyncs.len(), 1);
    assert_eq!(
        master.rules.metadata_set,
        BTreeSet::from(["nid".to_owned(), "type".to_owned()])
    );
    assert_eq!(
        master.rules.obsolete_syncprops,
        BTreeSet::from(["type".to_owned()])
    );
    assert!(!master.rules.only_tenant_images && !master.rules.support_obsolete_images);
    assert_eq!(master.rules.max_replace, Some(5));
    assert_eq!(master.list_images_timeout, Duration::from_millis(1500));
    assert_eq!(master.bwlimit, Some(ByteSize(20 << 20)));
    assert_eq!(master.retries, 7);
    let ignored: Vec<String> = master
        .ignore_regions
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ignored, ["Spain1", "other:Paris"]);
    assert_eq!(
        master.condition.as_ref().unwrap().text(),
        "image.is_public and 'nid' in image.user_properties"
    );
    assert!(other.rules.metadata_set.is_empty());
    let ignored: Vec<String> = other
        .ignore_regions
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ignored, ["other:Berlin"]);
    assert_eq!(other.interface, Interface::Internal);
    assert_eq!(other.cacert, Some(PathBuf::from("/etc/ca.pem")));
    assert!(other.insecure);
    assert_eq!(
        other.credential.as_ref().unwrap().keystone_url.to_string(),
        "http://keystone2:4730/"
    );
}

#[test]
fn master_goes_first_and_the_others_in_the_order_of_the_file() {
    let text = "[zeta]\n[alpha]\n[DEFAULT]\nretries=2\n[zeta]\nretries=1\n".to_owned() + BASE;
    let settings = Fixture::new(&text)
        .overrides(&["late.retries=0"])
        .load()
        .unwrap();
    let names: Vec<&str> = settings
        .targets
        .iter()
        .map(|target| target.name.as_str())
        .collect();
    assert_eq!(names, ["master", "zeta", "alpha", "late"]);
    let retries: Vec<u32> = settings
        .targets
        .iter()
        .map(|target| target.retries)
        .collect();
    assert_eq!(retries, [2, 1, 2, 0]);
}

#[test]
fn an_override_goes_before_the_file_wherever_it_stands() {
    let fixture = Fixture::new(&format!("{BASE}metadata_set = a\nbwlimit = 1K\n")).overrides(&[
        "metadata_set=b=c",
        "master.bwlimit=",
        "MAIN.max_children=9",
        "main.MAX_CHILDREN=2",
    ]);
    let settings = fixture.load().unwrap();
    let master = &settings.targets[0];
    assert_eq!(
        master.rules.metadata_set,
        BTreeSet::from(["b=c".to_owned()])
    );
    assert_eq!(master.bwlimit, None);
    assert_eq!(settings.max_children, 2);
}

#[test]
fn a_target_without_credential_is_for_the_run_to_judge() {
    let settings = settings("[other]\n[Mastre]\n");
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
bwlimit = fast
[other]
credential = admin,!!,http://keystone:5000,images
",
    )
    .overrides(&["main.log_dir", "=x"]);
    insta::assert_snapshot!(fixture.errors(), @r"
    glancesync.conf:2: [DEFAULT] retries = many: is no whole number; set 0 or more
    glancesync.conf:3: [DEFAULT] only_tenant_images = maybe: is neither true nor false; set `true` or `false`
    glancesync.conf:4: [main] master_region: missing: set it, or $OS_REGION_NAME, to the name of the region whose images are the reference
    glancesync.conf:5: [main] max_children = 0: must be a whole number from 1 up
    glancesync.conf:6: [main] source = disk: is no source; set `auto`, `directory` or `glance`
    glancesync.conf:7: [main] spool_limit = 10 bytes: is no amount of bytes; set one such as `512K` or `20MiB`
    glancesync.conf:11: [master]: no usable credential: `keystone_url` is wrong: `keystone` is neither `http` nor `https`; write it as `https://keystone.example.org:5000/v3`
    glancesync.conf:13: [master] interface = private: is no interface; set `public`, `internal` or `admin`
    glancesync.conf:14: [master] insecure = perhaps: is neither true nor false; set `true` or `false`
    glancesync.conf:15: [master] list_images_timeout = 0: is no number of seconds; set more than 0
    glancesync.conf:17: [master] dontupdate = 9046fd22: `9046fd22` is no md5 checksum (32 hexadecimal digits); correct it, for `replace` or `rename` holds `any` and would take the image that it is to protect
    glancesync.conf:18: [master] max_replace = -1: is no whole number; set 0 or more
    glancesync.conf:19: [master] bwlimit = fast: is no amount of bytes; set one such as `512K` or `20MiB`
    --config: a word has no `=`; write `section.key=value`, or `key=value` for [DEFAULT]
    --config: a section or key before `=` is empty; write `section.key=value`
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
    unknown_key: glancesync.conf:19: [main] retries counts for nothing here; it belongs in the section of a target or in [DEFAULT].
    unknown_key: glancesync.conf:9: [master] pasword is no known key; did you mean `password`?
    unknown_key: glancesync.conf:10: [master] max_children counts for nothing here; it belongs in [main] or in [DEFAULT].
    unknown_key: glancesync.conf:11: [master] max_repalce is no known key; did you mean `max_replace`?
    duplicate_key: glancesync.conf:16: [master] retries is set again, after glancesync.conf:15; the last one counts.
    unknown_key: glancesync.conf:17: [master] xyzzy is no known key; it counts for nothing.
    bad_value: glancesync.conf:13: [master] dontupdate: `9046fd22` is no md5 checksum (32 hexadecimal digits); the entry counts for nothing.
    bad_value: glancesync.conf:12: [master] forcesyncs: `centos` is no UUID of an image; the entry counts for nothing.
    bad_value: glancesync.conf:14: [master] ignore_regions: `other:` names no region (a region is written `Region` or `target:Region`); the entry counts for nothing.
    bad_value: glancesync.conf:14: [master] ignore_regions: `:x` names no region (a region is written `Region` or `target:Region`); the entry counts for nothing.
    ");
}

#[test]
fn nothing_at_all_explains_the_ways_to_give_a_credential() {
    insta::assert_snapshot!(Fixture::without_file().errors(), @r"
    no credential for the master region: there is no configuration file, and no variable of the environment does.
    Give one in any of these ways:
    - environment: set OS_USERNAME, OS_PASSWORD, OS_AUTH_URL, OS_PROJECT_NAME and OS_REGION_NAME,
      as an openrc file does that you `source`;
    - file: write user, password, keystone_url and tenant under [master], and master_region
      under [main], into /etc/glancesync.conf or a file named with --config-file;
    - clouds.yaml: set OS_CLOUD, or `cloud` under [master], to the name of an entry there.
    To see glancesync at work without any cloud: glancesync demo
    ");
    insta::assert_snapshot!(Fixture::new("").errors(), @r"
    no credential for the master region: glancesync.conf gives none, and no variable of the environment does.
    Give one in any of these ways:
    - environment: set OS_USERNAME, OS_PASSWORD, OS_AUTH_URL, OS_PROJECT_NAME and OS_REGION_NAME,
      as an openrc file does that you `source`;
    - file: write user, password, keystone_url and tenant under [master], and master_region
      under [main], into /etc/glancesync.conf or a file named with --config-file;
    - clouds.yaml: set OS_CLOUD, or `cloud` under [master], to the name of an entry there.
    To see glancesync at work without any cloud: glancesync demo
    ");
}
