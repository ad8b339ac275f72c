//! Where the content of an image is sent.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use super::EndpointUrl;
use super::request::{self, AUTH_TOKEN};
use crate::model::{ImageId, Secret};

/// Makes Glance check the length of what arrives.
const IMAGE_SIZE: HeaderName = HeaderName::from_static("x-openstack-image-size");
const STORE: HeaderName = HeaderName::from_static("x-image-meta-store");

/// Where the content of an image is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ContentTarget {
    /// Into the region's default store (Image API v2, "Upload binary image data").
    #[default]
    DefaultStore,
    /// Into the store of that id.
    Store(String),
    /// Into the staging area, from where an import takes it (Image API v2, "Stage binary image data").
    Staging,
}

impl ContentTarget {
    /// What the content of that image is sent to.
    pub(super) fn url(&self, endpoint: &EndpointUrl, id: &ImageId) -> Url {
        let last = match self {
            Self::DefaultStore | Self::Store(_) => "file",
            Self::Staging => "stage",
        };
        endpoint.v2(&["images", id.as_str(), last])
    }

    /// The headers of so many bytes.
    pub(super) fn headers(&self, token: &Secret, size: u64) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([
            (AUTH_TOKEN, request::token_header(token)),
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/octet-stream"),
            ),
            // Without a length Glance makes an empty image active, and of an empty body the client
            // would not say the length by itself.
            (header::CONTENT_LENGTH, size.into()),
            (IMAGE_SIZE, size.into()),
        ]);
        if let Self::Store(store) = self
            && let Ok(store) = HeaderValue::from_str(store)
        {
            headers.insert(STORE, store);
        }
        headers
    }
}
