//! The publishing of a new image whose content was verified: the one change that gives it to those that
//! may see it, unless another installation was faster.

use super::create::{properties, replaces_tag};
use super::image_delivery::ImageDelivery;
use super::settle::{clean_up, once_known};
use crate::engine::region::failure::StepError;
use crate::model::{ErrorCode, Image, Provenance, Status, Warning, WarningCode};
use crate::openstack::{Listing, OpenStackError, PatchOp};
use crate::plan::{Leftover, Stage, Upload, tags};

/// Publishes an image, with all its metadata brought up to date where an earlier run created it. Where
/// another installation has published the same image since the list was read, that one wins: this
/// one is deleted, and the winner is given.
pub(super) async fn publish(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    image: &Image,
) -> Result<Option<Leftover>, StepError> {
    let published = async {
        if let Some(winner) = published_elsewhere(delivery, wanted, image).await? {
            clean_up(delivery, &image.id).await;
            return Ok(Some(winner));
        }
        let mut ops = publishing_ops(wanted, image);
        let plain = ops.len();
        ops.extend(provenance_ops(delivery, wanted, image));
        match patch(delivery, image, &ops).await {
            // Without them a later run could not know the image as a copy.
            Err(source)
                if may_refuse_properties(&source)
                    && !has_masters_bytes(delivery, wanted, image) =>
            {
                let code = Some(ErrorCode::PublishRefused);
                return Err(StepError::OpenStack { source, code });
            }
            Err(error) if ops.len() > plain && may_refuse_properties(&error) => {
                patch(delivery, image, &ops[..plain]).await?;
                warn_refused(delivery, wanted, image, &error);
            }
            published => published?,
        }
        Ok(None)
    };
    let published = delivery.context.stop.unless_overdue(published).await;
    published.unwrap_or(Err(delivery.stopped()))
}

async fn patch(
    delivery: &ImageDelivery<'_>,
    image: &Image,
    ops: &[PatchOp],
) -> Result<(), OpenStackError> {
    let patched = once_known(delivery, &image.id, async || {
        delivery.writer.patch(&image.id, ops).await
    });
    patched.await.map(drop)
}

/// What says where the image comes from; nothing where that is not to be said.
fn provenance_ops(delivery: &ImageDelivery<'_>, wanted: &Upload, image: &Image) -> Vec<PatchOp> {
    let master = &delivery.context.inventory.fingerprint;
    let provenance = Provenance::new(&wanted.content, &image.content, &image.id, master);
    let provenance = provenance.filter(|_| delivery.provenance);
    let properties = provenance.iter().flat_map(Provenance::properties);
    properties
        .map(|(name, value)| PatchOp::add(name, value))
        .collect()
}

/// False for content in another form than the master's.
fn has_masters_bytes(delivery: &ImageDelivery<'_>, wanted: &Upload, image: &Image) -> bool {
    let master = delivery.context.hashes.complete(&wanted.content);
    master.is_same_content(&image.content)
}

/// True where a region may have refused a change for the sake of its properties: they are protected, not
/// in its schema, or too many.
fn may_refuse_properties(error: &OpenStackError) -> bool {
    matches!(error.status(), Some(400 | 403 | 413))
}

fn warn_refused(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    image: &Image,
    error: &OpenStackError,
) {
    let (name, region) = (&wanted.image, delivery.region);
    let message = format!(
        "{region} does not take the properties that say what `{name}` is a copy of, so it was published without them: {error}. Allow `glancesync_*` there, or set `provenance = false` in [{}]",
        region.target
    );
    let warning = Warning::new(WarningCode::ProvenanceRefused, message);
    let warning = warning.image(name).image_id(&image.id);
    let events = &delivery.context.events;
    events.warning(Some(region), warning);
}

/// Asks the region once more for images of that name.
pub(super) async fn published_elsewhere(
    delivery: &ImageDelivery<'_>,
    wanted: &Upload,
    ours: &Image,
) -> Result<Option<Leftover>, StepError> {
    let mut found = delivery
        .writer
        .list(&Listing::Named(wanted.image.clone()))
        .await?;
    if wanted.os_hidden {
        let hidden = Listing::HiddenNamed(wanted.image.clone());
        found.extend(delivery.writer.list(&hidden).await?);
    }
    let project_id = delivery.writer.session().project_id();
    let Some(winner) = delivery
        .published_before
        .winner(wanted, ours, &found, project_id)
    else {
        return Ok(None);
    };
    let (name, id) = (&wanted.image, &winner.id);
    let message = format!(
        "another installation published `{name}` ({id}) in {} meanwhile: that image is used, and the one of this run is deleted",
        delivery.region
    );
    let warning = Warning::new(WarningCode::PublishedElsewhere, message);
    let warning = warning.image(name).image_id(id);
    delivery
        .context
        .events
        .warning(Some(delivery.region), warning);
    let old: Vec<_> = wanted
        .replaces
        .iter()
        .map(|it| it.image_id.clone())
        .collect();
    Ok(Some(Leftover {
        image_id: winner.id.clone(),
        stage: Stage::Published,
        tags: tags::without_replaced(winner, &old),
        then: Status::Ok,
    }))
}

fn publishing_ops(wanted: &Upload, image: &Image) -> Vec<PatchOp> {
    let tags = wanted.tags.iter().cloned().chain(replaces_tag(wanted));
    let tags: Vec<String> = tags.collect();
    let mut ops = vec![
        PatchOp::replace("visibility", wanted.visibility.as_str()),
        PatchOp::replace("protected", wanted.protected),
        PatchOp::add("tags", tags),
    ];
    ops.extend(update_ops(wanted, image));
    ops
}

/// What makes an image as it is wanted that an earlier run created under other circumstances, or that plugins
/// of the region or a pull gave other properties.
fn update_ops(wanted: &Upload, image: &Image) -> Vec<PatchOp> {
    let properties = properties(wanted);
    let mut ops = Vec::new();
    for (name, from, to) in [
        ("min_disk", image.min_disk, wanted.min_disk),
        ("min_ram", image.min_ram, wanted.min_ram),
    ] {
        if from != to {
            ops.push(PatchOp::replace(name, to));
        }
    }
    if image.os_hidden != wanted.os_hidden {
        ops.push(PatchOp::replace("os_hidden", wanted.os_hidden));
    }
    for (name, value) in &properties {
        if image.properties.get(name) != Some(value) {
            ops.push(PatchOp::add(name, value.as_str()));
        }
    }
    let surplus = image.properties.keys();
    let surplus = surplus.filter(|name| !properties.contains_key(*name));
    ops.extend(surplus.map(PatchOp::remove));
    ops
}
