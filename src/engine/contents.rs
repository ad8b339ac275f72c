//! Where the content of a run comes from, by the configuration, and whether it can be kept there.

use std::collections::HashMap;

use super::targets::{Fleet, StartError};
use crate::config::Settings;
use crate::content::{ContentResolver, ImagesDir, Spool, SpoolOptions, check_spool_folder};
use crate::event::Events;
use crate::event::Mode;
use crate::model::{ContentSource, ImageId};
use crate::openstack::RetryPolicy;

/// The contents of a run, in which so many regions may come to need each image.
///
/// # Errors
///
/// The configuration names a folder for the spool that cannot be used. A default folder that cannot be
/// used is a warning when it is needed.
pub(super) async fn open(
    settings: &Settings,
    fleet: &Fleet,
    regions: HashMap<ImageId, usize>,
    mode: Mode,
    events: &Events,
) -> Result<ContentResolver, StartError> {
    let master = &fleet.master_target;
    let reader = master
        .reader(&fleet.master.region)
        .map_err(StartError::Master)?;
    let events = events.clone();
    let spool = Spool::new(SpoolOptions {
        reader,
        retry: RetryPolicy::new(master.settings.retries),
        stall_timeout: master.settings.upload_stall_timeout,
        folder: settings.spool_dir.clone().or(settings.cache_dir.clone()),
        limit: settings.spool_limit,
        regions,
        warn: Box::new(move |warning| events.warning(None, warning)),
    });
    let named = settings.spool_dir.clone();
    let images = ImagesDir::new(&settings.images_dir);
    let source = settings.source;
    tokio::task::spawn_blocking(move || {
        if let Some(folder) = named.filter(|_| source != ContentSource::Directory) {
            match mode {
                Mode::Sync | Mode::Apply => spool.open_folder()?,
                Mode::DryRun => check_spool_folder(&folder)?,
                Mode::Status | Mode::Images | Mode::Backup | Mode::Restore => {}
            }
        }
        Ok(ContentResolver::new(source, images, spool))
    })
    .await
    .unwrap_or(Err(StartError::SpoolLost))
}
