//! The content of a region's uploads: looked for before the first action, found again for each upload,
//! compared with what arrived.

use std::sync::Arc;

use futures_util::future::join_all;

use super::context::RunContext;
use super::executor::Executor;
use super::failure::StepError;
use super::sync::RegionRun;
use crate::content::{Content, Item, SourceError};
use crate::event::Mode;
use crate::model::{
    ContentHash, ContentOrigin, Image, ImageId, MultiHash, RegionName, Warning, WarningCode,
};
use crate::plan::{self, Action, Plan, PlannedFailure, RegionImages, Selection, Upload};

/// So many contents are looked for at once.
const LOOKS: usize = 8;

impl RegionRun<'_> {
    /// Content is looked for before the first action: an image without any fails alone, and so do
    /// those that need it as a part. From then on it is known what the region needs of the spool.
    pub(super) async fn look_for_content(&self, plan: &mut Plan) {
        let mut from_glance = Vec::new();
        let mut failures = Vec::new();
        let mut uploads: Vec<&mut Upload> = plan
            .actions
            .iter_mut()
            .filter_map(|action| match action {
                // What is there already needs none.
                Action::Upload(upload) if !upload.is_there() => Some(&mut **upload),
                _ => None,
            })
            .collect();
        for some in uploads.chunks_mut(LOOKS) {
            let looks = join_all(some.iter().map(|upload| self.look(item_of(upload))));
            for (upload, look) in some.iter_mut().zip(looks.await) {
                match look {
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
        for failure in failures {
            let dependents = plan::drop_dependents(&mut plan.actions, &failure.image);
            plan.failures.push(failure);
            plan.failures.extend(dependents);
        }
        self.lease.decide(from_glance);
    }

    /// A run that sends something finds out by its one download whether Glance gives a content.
    async fn look(&self, item: Item) -> Result<ContentOrigin, SourceError> {
        let contents = &self.context.contents;
        let source = contents.look(&item).await?;
        if source == ContentOrigin::Glance && self.context.mode == Mode::DryRun {
            contents.ask(&item).await?;
        }
        Ok(source)
    }
}

impl RegionRun<'_> {
    /// Finds out which hash of the region's kind the master's contents have, where the region has an
    /// image of a wanted name that nothing else can be compared by. Each content is read once; what
    /// only looks reads files, and downloads nothing.
    pub(super) async fn find_hashes(&self, selection: &Selection, images: &RegionImages<'_>) {
        if self.context.mode == Mode::Status {
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
        let item = Item {
            id: master.id.clone(),
            size: master.bytes(),
            content: master.content.clone(),
        };
        let contents = &self.context.contents;
        let Some(own) = master.content.hashes().find(MultiHash::is_computable) else {
            return Ok(());
        };
        if self.context.mode == Mode::DryRun && contents.look(&item).await? == ContentOrigin::Glance
        {
            return Ok(());
        }
        let name = &master.name;
        let what = format!("reads the content of `{name}` once, for its {algorithm}");
        self.context.events.note(self.region, what);
        let content = contents.find(&item, &self.lease).await?;
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

/// Keeps a hash that a content of the master was proved to have. Where that fails, a later run finds it
/// anew.
async fn keep_hash(
    context: &Arc<RunContext>,
    region: &RegionName,
    master: &ContentHash,
    found: MultiHash,
) {
    let (hashes, master) = (Arc::clone(&context.hashes), master.clone());
    let kept = tokio::task::spawn_blocking(move || hashes.add(&master, found)).await;
    if let Ok(Err(error)) = kept {
        let what = format!("a hash cannot be kept for later runs: {error}");
        context.events.note(region, what);
    }
}

fn mismatch(wanted: &Upload, arrived: &Image, whose: String, is_source: bool) -> StepError {
    StepError::Mismatch {
        found: Box::new(arrived.content.clone()),
        found_bytes: arrived.size.unwrap_or_default(),
        expected: Box::new(wanted.content.clone()),
        expected_bytes: wanted.size,
        whose,
        is_source,
    }
}

impl Executor<'_> {
    /// Fills an image from where its content is. Where that is a file which turns out to be wrong, and
    /// Glance may be asked, it is filled anew from there.
    pub(super) async fn bring_from_anywhere(
        &self,
        wanted: &Upload,
        begun: Option<ImageId>,
    ) -> Result<(Image, ContentOrigin), StepError> {
        let contents = &self.context.contents;
        let item = item_of(wanted);
        let content = contents.find(&item, self.lease).await?;
        let content = self.hashed_as_the_region_does(wanted, content);
        match self.bring_from(wanted, begun, &content).await {
            Err(error) if error.is_alone() => {
                let Some(other) = contents.instead_of(&content, &item, self.lease) else {
                    return Err(error);
                };
                self.warn_wrong_file(wanted, &error);
                let other = self.hashed_as_the_region_does(wanted, other);
                // What had been begun was deleted with the wrong content.
                let image = self.bring_from(wanted, None, &other).await?;
                Ok((image, other.origin()))
            }
            brought => Ok((brought?, content.origin())),
        }
    }

    async fn bring_from(
        &self,
        wanted: &Upload,
        begun: Option<ImageId>,
        content: &Content,
    ) -> Result<Image, StepError> {
        // Nothing is created for a content that does not come.
        match self.context.stop.unless_dropped(content.begin()).await {
            Some(has_begun) => has_begun?,
            None => return Err(StepError::Interrupted),
        }
        self.bring(wanted, begun, content).await
    }

    /// Compares what arrived with the master's checksums and size.
    pub(super) async fn verify(
        &self,
        wanted: &Upload,
        arrived: &Image,
        content: &Content,
    ) -> Result<(), StepError> {
        if arrived.size == Some(wanted.size) {
            let expected = self.context.hashes.complete(&wanted.content);
            match arrived.content.compare(&expected) {
                Some(true) => return Ok(()),
                Some(false) => {}
                None => return self.verify_by_hashing(wanted, arrived, content).await,
            }
        }
        let (source, expected) = (content.clone(), wanted.content.clone());
        let examined = tokio::task::spawn_blocking(move || source.is_right(&expected)).await;
        let is_right = examined.map_err(|_| StepError::Lost)??;
        let whose = match is_right {
            Some(true) => "it was damaged on the way or in the region's store".to_owned(),
            Some(false) => format!("{content} is not the content of the master's image"),
            None => format!(
                "either {content} is not the content of the master's image, or it was damaged on the way to the region or in its store"
            ),
        };
        Err(mismatch(wanted, arrived, whose, is_right == Some(false)))
    }

    /// Compares what arrived in a region whose hashes are of another kind than the master's: what was
    /// sent has the master's hash, and the region's. The latter is kept, so that the content need not
    /// be hashed again.
    async fn verify_by_hashing(
        &self,
        wanted: &Upload,
        arrived: &Image,
        content: &Content,
    ) -> Result<(), StepError> {
        let kind = |content: &ContentHash| content.hashes().find(MultiHash::is_computable);
        let (Some(master), Some(region)) = (kind(&wanted.content), kind(&arrived.content)) else {
            return Err(StepError::NotVerifiable {
                found: Box::new(arrived.content.clone()),
                expected: Box::new(wanted.content.clone()),
            });
        };
        let algorithms = [master.algorithm.clone(), region.algorithm.clone()];
        let hashes = content.hashes(algorithms).await?;
        if !hashes.contains(&master) {
            let whose = format!("{content} is not the content of the master's image");
            return Err(mismatch(wanted, arrived, whose, true));
        }
        if !hashes.contains(&region) {
            let whose = "it was damaged on the way or in the region's store".to_owned();
            return Err(mismatch(wanted, arrived, whose, false));
        }
        keep_hash(self.context, self.region, &wanted.content, region).await;
        Ok(())
    }

    /// Where the region's hashes are of another kind than the master's, what is sent is hashed on the
    /// way by both kinds.
    fn hashed_as_the_region_does(&self, wanted: &Upload, content: Content) -> Content {
        let Some(region) = &wanted.hashed_as else {
            return content;
        };
        let expected = self.context.hashes.complete(&wanted.content);
        let is_known = expected.found.iter().any(|hash| hash.algorithm == *region);
        let master = expected.hashes().find(MultiHash::is_computable);
        match master {
            Some(master) if !is_known => content.hashed_by([master.algorithm, region.clone()]),
            _ => content,
        }
    }

    fn warn_wrong_file(&self, wanted: &Upload, error: &StepError) {
        let name = &wanted.image;
        let message = format!(
            "the file in `images_dir` does not give the content of `{name}`, and the master's Glance is asked for it: {error}"
        );
        let warning = Warning::new(WarningCode::WrongFile, message).image(name);
        self.context.events.warning(Some(self.region), warning);
    }
}

fn item_of(upload: &Upload) -> Item {
    Item {
        id: upload.master_id.clone(),
        size: upload.size,
        content: upload.content.clone(),
    }
}

fn failure_of(upload: &Upload, error: &SourceError) -> PlannedFailure {
    PlannedFailure {
        image: upload.image.clone(),
        action: upload.kind(),
        code: error.code(),
        message: format!("the content of `{}` is unavailable: {error}", upload.image),
    }
}
