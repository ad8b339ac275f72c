//! A region that can be changed: a list of images, newest first, and what every moment looked like.

use crate::model::{ContentHash, Image, ImageId, ImageStatus, Visibility};
use crate::plan::Upload;
use crate::plan::fixture::{PROJECT, content, image, now};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nothing.
    None,
    /// The request of that number is refused.
    Refused(usize),
    /// The content of that request proves wrong at the source: its image fails alone.
    WrongContent(usize),
    /// The process ends before the request of that number.
    Killed(usize),
    /// Whoever runs the region interrupts it before the step of that number.
    Interrupted(usize),
    /// Glance deletes nothing, because everything is in use.
    InUse,
}

/// Why a request was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Refused,
    InUse,
    Dead,
}

pub(super) struct Glance {
    /// After each request that was done; the first is the beginning.
    pub(super) moments: Vec<Vec<Image>>,
    pub(super) deleted: Vec<ImageId>,
    trouble: Trouble,
    requests: usize,
    created: usize,
}

impl Glance {
    pub(super) fn new(images: &[Image], trouble: Trouble) -> Self {
        Self {
            moments: vec![images.to_vec()],
            deleted: Vec::new(),
            trouble,
            requests: 0,
            created: images.len(),
        }
    }

    pub(super) fn images(&self) -> &[Image] {
        self.moments.last().unwrap()
    }

    pub(super) fn image(&self, id: &ImageId) -> &Image {
        self.images().iter().find(|image| image.id == *id).unwrap()
    }

    fn request(&mut self) -> Result<usize, Refusal> {
        let number = self.requests;
        self.requests += 1;
        match self.trouble {
            Trouble::Killed(from) if number >= from => Err(Refusal::Dead),
            Trouble::Refused(this) if number == this => Err(Refusal::Refused),
            _ => Ok(number),
        }
    }

    fn next_id(&mut self) -> ImageId {
        self.created += 1;
        ImageId::new(&format!("dddddddd-0000-4000-8000-{:012}", self.created))
    }

    /// A new image without content: private and unprotected.
    pub(super) fn create(&mut self, traits: impl FnOnce(&mut Image)) -> Result<ImageId, Refusal> {
        self.request()?;
        let mut id = self.next_id();
        // An id is never given twice.
        while self.images().iter().any(|image| image.id == id) {
            id = self.next_id();
        }
        let mut new = Image {
            id: id.clone(),
            status: ImageStatus::Queued,
            visibility: Visibility::Private,
            owner: Some(PROJECT.to_owned()),
            content: ContentHash::default(),
            size: None,
            created_at: Some(now()),
            ..image("").build()
        };
        traits(&mut new);
        let mut images = self.images().to_vec();
        images.insert(0, new);
        self.moments.push(images);
        Ok(id)
    }

    /// Sends content. Gives false where it is not what it should be.
    pub(super) fn fill(&mut self, id: &ImageId, upload: &Upload) -> Result<bool, Refusal> {
        let number = self.request()?;
        assert_eq!(self.image(id).status, ImageStatus::Queued);
        let is_right = self.trouble != Trouble::WrongContent(number);
        let stored = if is_right {
            upload.content.clone()
        } else {
            content("damaged")
        };
        self.change(id, |image| {
            image.status = ImageStatus::Active;
            image.content = stored;
            image.size = Some(upload.size);
        });
        Ok(is_right)
    }

    pub(super) fn patch(
        &mut self,
        id: &ImageId,
        change: impl FnOnce(&mut Image),
    ) -> Result<(), Refusal> {
        self.request()?;
        self.change(id, change);
        Ok(())
    }

    /// Deletes what could not be completed; what Glance does not delete stays.
    pub(super) fn clean_up(&mut self, id: &ImageId) -> Result<(), Refusal> {
        let deleted = if self.image(id).protected {
            self.request().map(drop)
        } else {
            self.delete(id)
        };
        match deleted {
            Err(Refusal::Dead) => deleted,
            _ => Ok(()),
        }
    }

    /// Deletes an image, as a plan asks for it: never a protected one.
    pub(super) fn delete(&mut self, id: &ImageId) -> Result<(), Refusal> {
        self.request()?;
        if self.trouble == Trouble::InUse {
            return Err(Refusal::InUse);
        }
        assert!(
            !self.image(id).protected,
            "a plan deletes no protected image"
        );
        let mut images = self.images().to_vec();
        images.retain(|image| image.id != *id);
        self.moments.push(images);
        self.deleted.push(id.clone());
        Ok(())
    }

    fn change(&mut self, id: &ImageId, change: impl FnOnce(&mut Image)) {
        let mut images = self.images().to_vec();
        change(images.iter_mut().find(|image| image.id == *id).unwrap());
        self.moments.push(images);
    }
}
