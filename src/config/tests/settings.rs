//! What settings come out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{BASE, Fixture};
use crate::config::Settings;
use crate::model::{
    ByteSize, ContentSource, Interface, KeepOld, OrphanRule, RetentionRules, SyncAttribute,
    TimeSpan,
};

fn settings(more: &str) -> Settings {
    Fixture::new(&format!("{BASE}{more}")).load().unwrap()
}

#[test]
fn defaults_are_those_of_the_table() {
    let settings = settings("");
    assert_eq!(settings.master_region.to_string(), "Spain");
    assert!(settings.preferable_order.is_empty());
    assert_eq!(settings.max_children, 4);
    assert!(!settings.keep_going);
    assert_eq!((settings.state_dir, settings.installation), (None, None));
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
    assert_eq!(master.interfaces, [Interface::Public]);
    assert_eq!((&master.cacert, master.insecure), (&None, false));
    assert_eq!(master.list_images_timeout, Duration::from_secs(30));
    assert_eq!(master.upload_stall_timeout, Duration::from_mins(1));
    assert_eq!(master.retries, 3);
    assert_eq!(settings.max_duration, None);
    assert!(master.bwlimit.is_unlimited() && settings.bwlimit_total.is_unlimited());
}

#[test]
fn what_nobody_wants_any_more_is_told_by_the_keys_of_its_own() {
    let settings = settings(
        "keep_old = 2\nhide_old = yes\norphans = Delete\norphan_grace = 0\nmax_delete = 0\n",
    );
    let retention = RetentionRules {
        keep_old: KeepOld::from_word("2").unwrap(),
        hide_old: true,
        orphans: OrphanRule::Delete,
        orphan_grace: TimeSpan::from_secs(0),
        max_delete: 0,
    };
    assert_eq!(settings.targets[0].rules.retention, retention);
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
sync_attributes = tags, os_hidden,
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
    let attributes = [SyncAttribute::OsHidden, SyncAttribute::Tags];
    assert_eq!(master.rules.sync_attributes, BTreeSet::from(attributes));
    assert!(!master.rules.only_tenant_images && !master.rules.support_obsolete_images);
    assert_eq!(master.rules.max_replace, Some(5));
    assert_eq!(master.list_images_timeout, Duration::from_millis(1500));
    assert_eq!(master.bwlimit, "20M".parse().unwrap());
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
    assert_eq!(other.interfaces, [Interface::Internal]);
    assert_eq!(other.cacert, Some(PathBuf::from("/etc/ca.pem")));
    assert!(other.insecure);
    assert_eq!(
        other.credential.as_ref().unwrap().keystone_url.to_string(),
        "http://keystone2:4730/"
    );
}

#[test]
fn what_a_run_may_cost_is_read() {
    let settings = settings("[main]\nbwlimit_total = 08:00,5M\n  19:00,off\nmax_duration = 6h\n");
    let timetable = "08:00,5M 19:00,off".parse().unwrap();
    assert_eq!(settings.bwlimit_total, timetable);
    let hours = TimeSpan::from_secs(6 * 60 * 60);
    assert_eq!(settings.max_duration, Some(hours));
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
    assert!(master.bwlimit.is_unlimited());
    assert_eq!(settings.max_children, 2);
}
