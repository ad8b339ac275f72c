//! Looking for the content of an image, where the configuration says that it may come from.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use super::expanded;
use super::image_content::Content;
use super::images_dir::{FoundFile, ImagesDir};
use super::qcow2::{HEADER_BYTES, Header};
use super::source_error::SourceError;
use super::spool::{Item, RegionLease, Spool};
use crate::host;
use crate::model::{ContentOrigin, ContentSource, ImageId};

/// Where the contents of a run come from.
#[derive(Debug)]
pub struct ContentResolver {
    source: ContentSource,
    images: ImagesDir,
    spool: Arc<Spool>,
    /// Files that turned out to have another content.
    wrong_files: Mutex<BTreeSet<ImageId>>,
    /// What the master's Glance said to whether it gives a content.
    answers: Answers<()>,
    /// The virtual sizes of contents.
    virtual_sizes: Answers<u64>,
}

/// What is asked once in a run for each image.
type Answers<T> = Mutex<HashMap<ImageId, Arc<OnceCell<Result<T, SourceError>>>>>;

impl ContentResolver {
    /// Content from there; the spool is not touched where only the folder is allowed.
    pub fn new(source: ContentSource, images: ImagesDir, spool: Spool) -> Self {
        Self {
            source,
            images,
            spool: Arc::new(spool),
            wrong_files: Mutex::default(),
            answers: Mutex::default(),
            virtual_sizes: Mutex::default(),
        }
    }

    /// The lease of a region that may need those images.
    pub fn lease(&self, may_need: impl IntoIterator<Item = ImageId>) -> Arc<RegionLease> {
        RegionLease::new(&self.spool, may_need)
    }

    /// True where the spool may not become as large as that, so that such a content is fetched anew
    /// for regions that do not read it at the same time.
    pub fn is_streamed(&self, bytes: u64) -> bool {
        self.spool.is_too_small_for(bytes)
    }

    /// Where the content of an image would come from. Whether the master's Glance would give it is not
    /// asked; see [`ContentResolver::ask`].
    pub async fn find_origin(&self, item: &Item) -> Result<ContentOrigin, SourceError> {
        let file = self.find_file(item).await;
        Ok(file?.map_or(ContentOrigin::Glance, |_| ContentOrigin::Directory))
    }

    /// Asks the master's Glance, once in a run, whether it would give a content.
    pub async fn ask(&self, item: &Item) -> Result<(), SourceError> {
        if item.size == 0 {
            return Ok(());
        }
        let answer = cell(&self.answers, &item.id);
        let ask = async || {
            let reader = self.spool.reader();
            match reader.check_content(&item.id).await? {
                Some(actual) if actual != item.size => Err(SourceError::GlanceSize {
                    expected: item.size,
                    actual,
                }),
                _ => Ok(()),
            }
        };
        answer.get_or_init(ask).await.clone()
    }

    /// The size, in bytes, that a qcow2 of the master has when it is expanded to raw: by the header of
    /// its content, which is asked for once in a run, and no more of it than that where it comes from
    /// Glance. It is not known by that whether all of it can be expanded; see [`Content::expanded`].
    ///
    /// # Errors
    ///
    /// Code `source_unsupported` where the header tells that it cannot; else why it is unavailable.
    pub async fn virtual_size(&self, item: &Item) -> Result<u64, SourceError> {
        let answer = cell(&self.virtual_sizes, &item.id);
        let ask = async || {
            let Some(found) = self.find_file(item).await? else {
                let first = self.spool.first_bytes(item, HEADER_BYTES).await?;
                return Ok(Header::parse(&first, item.size)?.virtual_size());
            };
            let lost = found.unreadable("the thread that reads it ended unexpectedly");
            let size = move || expanded::virtual_size(&found);
            tokio::task::spawn_blocking(size).await.unwrap_or(Err(lost))
        };
        answer.get_or_init(ask).await.clone()
    }

    /// The content of an image, for a region with that lease.
    pub async fn find(
        &self,
        item: &Item,
        lease: &Arc<RegionLease>,
    ) -> Result<Content, SourceError> {
        let file = self.find_file(item).await?;
        Ok(file.map_or_else(|| from_glance(item, lease), Content::from))
    }

    /// Another content for an image whose content turned out to be wrong, or could not be read to its
    /// end: what the master's Glance gives in place of a file, if that is allowed. The file is not
    /// taken again in this run.
    pub fn instead_of(
        &self,
        wrong: &Content,
        item: &Item,
        lease: &Arc<RegionLease>,
    ) -> Option<Content> {
        if self.source != ContentSource::Auto || wrong.origin() != ContentOrigin::Directory {
            return None;
        }
        self.wrong_files().insert(item.id.clone());
        Some(from_glance(item, lease))
    }

    fn wrong_files(&self) -> std::sync::MutexGuard<'_, BTreeSet<ImageId>> {
        host::locked(&self.wrong_files)
    }

    /// The file, or nothing where Glance is to be asked.
    async fn find_file(&self, item: &Item) -> Result<Option<FoundFile>, SourceError> {
        if self.source == ContentSource::Glance || self.wrong_files().contains(&item.id) {
            return Ok(None);
        }
        let images = self.images.clone();
        let (id, size) = (item.id.clone(), item.size);
        let found = tokio::task::spawn_blocking(move || images.find(&id, size));
        match found.await {
            Ok(Ok(file)) => Ok(Some(file)),
            // Where the thread is gone, nothing is known of the file.
            Ok(Err(_)) | Err(_) if self.source == ContentSource::Auto => Ok(None),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(SourceError::Unreadable {
                path: self.images.path().to_owned(),
                what: "the thread that reads it ended unexpectedly".to_owned(),
            }),
        }
    }
}

/// Where the answer of an image is.
fn cell<T>(answers: &Answers<T>, id: &ImageId) -> Arc<OnceCell<Result<T, SourceError>>> {
    Arc::clone(host::locked(answers).entry(id.clone()).or_default())
}

fn from_glance(item: &Item, lease: &Arc<RegionLease>) -> Content {
    lease.want(&item.id);
    Content::of_glance(item.clone(), lease)
}
