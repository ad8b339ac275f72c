//! The content of a region's uploads, looked for before the first action; and the hashes that a region
//! needs to be compared with.

use std::sync::Arc;

use futures_util::future::join_all;

use super::context::RunContext;
use super::known_hashes::{keep_expansion, keep_hash};
use crate::content::{Item, RegionLease, SourceError};
use crate::event::Mode;
use crate::model::{ContentOrigin, DeliveryWay, Image, MultiHash, RegionName, SyncRules};
use crate::plan::{
    self, Action, Plan, PlannedFailure, RegionImages, Selection, UnknownExpansion, Upload,
};

/// So many contents are looked for at once.
const LOOKS: usize = 8;

/// What the content of a region is looked for with.
pub(super) struct ContentLookup<'a> {
    pub(super) region: &'a RegionName,
    pub(super) context: &'a Arc<RunContext>,
    pub(super) lease: &'a Arc<RegionLease>,
}

impl ContentLookup<'_> {
    /// Content is looked for before the first action: an image without any fails alone, and so do
    /// those that need it as a part. From then on it is known what the region needs of the spool.
    pub(super) async fn look_for_content(&self, plan: &mut Plan) {
        let mut from_glance = Vec::new();
        let mut failures = Vec::new();
        let mut uploads: Vec<&mut Upload> = plan
            .actions
            .iter_mut()
            .filter_map(|action| match action {
                // What is there already needs none, and what is fetched from another region flows past.
                Action::Upload(upload)
                    if !upload.is_there() && upload.delivery != DeliveryWay::Pull =>
                {
                    Some(&mut **upload)
                }
                _ => None,
            })
            .collect();
        for some in uploads.chunks_mut(LOOKS) {
            let origins = join_all(some.iter().map(|upload| self.find_origin(item_of(upload))));
            for (upload, origin) in some.iter_mut().zip(origins.await) {
                match origin {
                    Ok(source) => {
                        let is_glance = source == ContentOrigin::Glance;
                        upload.source = Some(source);
                        upload.streamed =
                            is_glance && self.context.contents.is_streamed(upload.size);
                        from_glance.extend(is_glance.then(|| upload.master_id.clone()));
                    }
                    Err(error) => failures.push(failure_of(upload, &error)),
                }
            }
        }
        plan.fail(failures);
        self.lease.decide(from_glance);
    }

    /// Finds out which size the region stores where it is to have raw what the master has as qcow2. What cannot be
    /// expanded fails alone, before anything is sent.
    pub(super) async fn find_virtual_sizes(&self, plan: &mut Plan) {
        let mut failures = Vec::new();
        for action in &mut plan.actions {
            let Action::Upload(upload) = action else {
                continue;
            };
            if upload.is_there() || !upload.is_converted() {
                continue;
            }
            match self.context.contents.virtual_size(&item_of(upload)).await {
                Ok(size) => {
                    upload.stored_size = size;
                    if upload.is_expanded_here() {
                        upload.bytes = size;
                    }
                }
                Err(error) => failures.push(failure_of(upload, &error)),
            }
        }
        plan.fail(failures);
    }

    /// Finds out what the master's contents expand to, where the region has a raw image that nothing else can be
    /// compared by. Each content is read once; what only looks reads files, and downloads nothing.
    pub(super) async fn find_expansions(
        &self,
        selection: &Selection,
        rules: &SyncRules,
        images: &RegionImages<'_>,
    ) {
        if self.context.mode.only_compares() {
            return;
        }
        let complete = |master: &_| self.context.hashes.complete(master);
        for unknown in plan::unknown_expansions(selection, rules, images, complete) {
            let found = self.find_expansion(&unknown);
            match self.context.stop.unless_stopping(found).await {
                Some(Ok(())) => {}
                Some(Err(error)) => self.context.events.note(
                    self.region,
                    format!(
                        "the content of `{}` cannot be expanded and hashed: {error}",
                        unknown.master.name
                    ),
                ),
                None => return,
            }
        }
    }

    async fn find_expansion(&self, unknown: &UnknownExpansion) -> Result<(), SourceError> {
        let master = &unknown.master;
        let item = item_of_image(master);
        let contents = &self.context.contents;
        let Some(own) = master.content.hashes().find(MultiHash::is_computable) else {
            return Ok(());
        };
        let is_glance = contents.find_origin(&item).await? == ContentOrigin::Glance;
        if self.context.mode == Mode::DryRun && is_glance {
            return Ok(());
        }
        // Of another size it is something else, and need not be read for that.
        if contents.virtual_size(&item).await? != unknown.size {
            return Ok(());
        }
        // Several regions may wait for the same: only the first computes it.
        let _turn = self.context.proofs.turn(&master.id).await;
        let known = self.context.hashes.complete(&master.content).expansion;
        let (name, algorithm) = (&master.name, &unknown.algorithm);
        if known.is_some_and(|it| it.is_hashed_by(algorithm)) {
            return Ok(());
        }
        let what = format!("expands the content of `{name}` once, for its {algorithm} as raw");
        self.context.events.note(self.region, what);
        let content = contents.find(&item, self.lease).await?;
        let stored = content.hashes([own.algorithm.clone()]).await?;
        // A content that is not the master's says nothing about it.
        if stored.contains(&own) {
            let expanded = content.expanded().await?;
            let made = expanded.hashes([algorithm.clone()]).await?;
            if let Some(made) = made.into_iter().find(|hash| hash.algorithm == *algorithm) {
                let size = expanded.size();
                keep_expansion(self.context, self.region, &master.content, size, made).await;
            }
        }
        Ok(())
    }

    /// A run that sends something finds out by its one download whether Glance gives a content.
    async fn find_origin(&self, item: Item) -> Result<ContentOrigin, SourceError> {
        let contents = &self.context.contents;
        let source = contents.find_origin(&item).await?;
        if source == ContentOrigin::Glance && self.context.mode == Mode::DryRun {
            contents.ask(&item).await?;
        }
        Ok(source)
    }

    /// Finds out which hash of the region's kind the master's contents have, where the region has an
    /// image of a wanted name that nothing else can be compared by. Each content is read once; what
    /// only looks reads files, and downloads nothing.
    pub(super) async fn find_hashes(&self, selection: &Selection, images: &RegionImages<'_>) {
        if self.context.mode.only_compares() {
            return;
        }
        for (master, algorithm) in plan::unknown_hashes(selection, images, |master| {
            self.context.hashes.complete(master)
        }) {
            let found = self.find_hash(&master, algorithm);
            match self.context.stop.unless_stopping(found).await {
                Some(Ok(())) => {}
                Some(Err(error)) => self.context.events.note(
                    self.region,
                    format!("the content of `{}` cannot be hashed: {error}", master.name),
                ),
                None => return,
            }
        }
    }

    async fn find_hash(&self, master: &Image, algorithm: String) -> Result<(), SourceError> {
        let item = item_of_image(master);
        let contents = &self.context.contents;
        let Some(own) = master.content.hashes().find(MultiHash::is_computable) else {
            return Ok(());
        };
        if self.context.mode == Mode::DryRun
            && contents.find_origin(&item).await? == ContentOrigin::Glance
        {
            return Ok(());
        }
        let _turn = self.context.proofs.turn(&master.id).await;
        let known = self.context.hashes.of(&master.content);
        if known.iter().any(|hash| hash.algorithm == algorithm) {
            return Ok(());
        }
        let name = &master.name;
        let what = format!("reads the content of `{name}` once, for its {algorithm}");
        self.context.events.note(self.region, what);
        let content = contents.find(&item, self.lease).await?;
        let hashes = content
            .hashes([own.algorithm.clone(), algorithm.clone()])
            .await?;
        // A content that is not the master's says nothing about it.
        if hashes.contains(&own) {
            let found = hashes.into_iter().find(|hash| hash.algorithm == algorithm);
            if let Some(found) = found {
                keep_hash(self.context, self.region, &master.content, found).await;
            }
        }
        Ok(())
    }
}

fn failure_of(upload: &Upload, error: &SourceError) -> PlannedFailure {
    PlannedFailure {
        image: upload.image.clone(),
        action: upload.kind(),
        code: error.code(),
        message: format!("the content of `{}` is unavailable: {error}", upload.image),
        hint: error.hint(),
    }
}

fn item_of_image(master: &Image) -> Item {
    Item {
        id: master.id.clone(),
        size: master.bytes(),
        content: master.content.clone(),
    }
}

/// What is asked for of the content of an upload.
pub(super) fn item_of(upload: &Upload) -> Item {
    Item {
        id: upload.master_id.clone(),
        size: upload.size,
        content: upload.content.clone(),
    }
}
