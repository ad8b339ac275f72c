//! The list of images, page after page (Image API v2, "List images").

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::OpenStackError;
use super::attempt::AttemptError;
use super::error::Operation;
use super::glance_service::Service;
use super::image_json::Listed;
use super::image_list_stream::{Page, PageReader};
use super::request::Request;
use super::retry::{Repeat, Tries};
use crate::model::Image;

/// The most that Glance gives in one page.
const PAGE_LIMIT: &str = "1000";

/// No page of so many images is larger, even with all properties that Glance allows.
const MAX_PAGE_BYTES: usize = 256 << 20;

/// No list is longer or larger, with all its pages: who gives more gives pages without end.
const MOST_IMAGES: usize = 200_000;
const MOST_BYTES: usize = 1 << 30;

/// What has come of a list so far.
#[derive(Debug, Default)]
struct Extent {
    images: usize,
    bytes: usize,
}

impl Extent {
    /// Counts a page, and says what is wrong where that is too much.
    fn add(&mut self, images: usize, bytes: usize) -> Result<(), &'static str> {
        self.images += images;
        self.bytes += bytes;
        if self.images > MOST_IMAGES {
            Err("the list has more than 200,000 images")
        } else if self.bytes > MOST_BYTES {
            Err("the list is larger than 1 GiB")
        } else {
            Ok(())
        }
    }
}

/// Which images are listed. What the credential may not see is in no list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Those that Glance lists by default, newest first.
    Visible,
    /// Those, and after them the hidden ones, within the time of one list.
    WithHidden,
    /// The hidden ones, which Glance keeps in a list of their own.
    Hidden,
    /// All that the credential may see, other projects' community images among them, which no list
    /// has by default; the hidden ones last, within the time of one list.
    All,
    /// Those of the default list with that name.
    Named(String),
    /// The hidden ones with that name.
    HiddenNamed(String),
}

impl Listing {
    /// The filters of each list that has to be read.
    fn queries(&self) -> Vec<Vec<(&'static str, String)>> {
        let visible = Vec::new();
        let hidden = vec![("os_hidden", "true".to_owned())];
        match self {
            Self::Visible => vec![visible],
            Self::WithHidden => vec![visible, hidden],
            Self::Hidden => vec![hidden],
            Self::All => [visible, hidden]
                .into_iter()
                .map(|filters| [filters, vec![("visibility", "all".to_owned())]].concat())
                .collect(),
            Self::Named(name) => vec![vec![named(name)]],
            Self::HiddenNamed(name) => vec![[hidden, vec![named(name)]].concat()],
        }
    }

    /// False for what a database that does not tell upper from lower case adds.
    fn wants(&self, row: &impl Row) -> bool {
        match self {
            Self::Named(name) | Self::HiddenNamed(name) => row.name() == Some(name),
            _ => true,
        }
    }
}

/// Without an operator, a colon in the name would be taken for the end of one.
fn named(name: &str) -> (&'static str, String) {
    ("name", format!("eq:{name}"))
}

/// What is read of each image of a list.
pub(super) trait Row: DeserializeOwned {
    /// Its id, if it has one.
    fn id(&self) -> Option<&str>;
    /// Its name, if it has one.
    fn name(&self) -> Option<&str>;
}

/// What the rules look at.
impl Row for Listed {
    fn id(&self) -> Option<&str> {
        Some(self.0.as_ref()?.as_ref().ok()?.id.as_str())
    }

    fn name(&self) -> Option<&str> {
        Some(self.0.as_ref()?.as_ref().ok()?.name.as_str())
    }
}

/// Everything.
impl Row for Value {
    fn id(&self) -> Option<&str> {
        self["id"].as_str()
    }

    fn name(&self) -> Option<&str> {
        self["name"].as_str()
    }
}

/// A whole list.
pub(super) struct Rows<R> {
    /// Its images, in order.
    pub(super) rows: Vec<R>,
    /// The server's own time when it gave the first page; none where it does not tell.
    pub(super) date: Option<DateTime<Utc>>,
}

/// Reads the images of a list and the server's time, as [`read`] does, and keeps of them what `keep`
/// wants.
///
/// An image whose id cannot be part of a URL makes the list an error: passed over, its name would be
/// taken for absent.
pub(super) async fn images(
    service: &Service,
    listing: &Listing,
    keep: impl Fn(&Image) -> bool,
) -> Result<(Vec<Image>, Option<DateTime<Utc>>), OpenStackError> {
    let is_kept = |row: &Listed| match &row.0 {
        Some(Ok(image)) => keep(image),
        Some(Err(_)) => true,
        None => false,
    };
    let list = read(service, listing, is_kept).await?;
    let mut images = Vec::with_capacity(list.rows.len());
    for image in list.rows.into_iter().filter_map(|row| row.0) {
        images.push(image.map_err(|error| {
            let request = list_request(service, Vec::new());
            service.bad_answer(&request, format!("in the list, {error}"))
        })?);
    }
    Ok((images, list.date))
}

/// Reads the whole list within its time and its bounds, and keeps of each page what `keep` wants; no
/// image is in it twice.
pub(super) async fn read<R: Row>(
    service: &Service,
    listing: &Listing,
    keep: impl Fn(&R) -> bool,
) -> Result<Rows<R>, OpenStackError> {
    let limit = service.options.list_timeout;
    let started = Tries::new(&service.options.retry, Repeat::Freely, None);
    let deadline = Instant::now() + limit;
    let keep = |row: &R| listing.wants(row) && keep(row);
    timeout_at(deadline, read_lists(service, listing, keep, deadline))
        .await
        .unwrap_or_else(|_| {
            Err(OpenStackError::TimedOut {
                call: Box::new(list_request(service, Vec::new()).record(&started)),
                limit,
            })
        })
}

fn list_request(service: &Service, filters: Vec<(&'static str, String)>) -> Request {
    let mut url = service.endpoint.v2(&["images"]);
    url.query_pairs_mut()
        .append_pair("limit", PAGE_LIMIT)
        .extend_pairs(filters);
    service.request(Operation::List, Method::GET, url)
}

async fn read_lists<R: Row>(
    service: &Service,
    listing: &Listing,
    keep: impl Fn(&R) -> bool,
    deadline: Instant,
) -> Result<Rows<R>, OpenStackError> {
    let mut rows: Vec<R> = Vec::new();
    let mut date = None;
    let mut extent = Extent::default();
    for filters in listing.queries() {
        let list: Rows<R> = read_pages(service, filters, &keep, &mut extent, deadline).await?;
        date = date.or(list.date);
        if rows.is_empty() {
            rows = list.rows;
            continue;
        }
        // A server that does not know the filter of hidden images gives the same list again.
        let mut ids = Ids::default();
        ids.add(&rows);
        rows.extend(list.rows.into_iter().filter(|row| ids.is_new(row)));
    }
    Ok(Rows { rows, date })
}

async fn read_pages<R: Row>(
    service: &Service,
    filters: Vec<(&'static str, String)>,
    keep: &impl Fn(&R) -> bool,
    extent: &mut Extent,
    deadline: Instant,
) -> Result<Rows<R>, OpenStackError> {
    let mut images = Vec::new();
    let mut date = None;
    let mut ids = Ids::default();
    let mut queries = HashSet::new();
    let mut request = list_request(service, filters);
    loop {
        let limit = deadline.saturating_duration_since(Instant::now());
        let ((page, page_date, bytes), _) = service
            .call_reading(&request, Repeat::Freely, limit, Some(deadline), read_page)
            .await?;
        date = date.or(page_date);
        let page: Page<R> = page.map_err(|what| service.bad_answer(&request, what))?;
        let Some(found) = page.images else {
            return Err(service.bad_answer(&request, "a page of the list has no `images`"));
        };
        extent
            .add(found.len(), bytes)
            .map_err(|what| service.bad_answer(&request, what))?;
        // Most lists have one page, whose images differ.
        let Some(next) = page.next else {
            // Pages shift when images are created meanwhile.
            let is_new = |image: &R| ids.is_empty() || ids.is_new(image);
            images.extend(found.into_iter().filter(is_new).filter(keep));
            return Ok(Rows { rows: images, date });
        };
        let known = ids.len();
        let mut fresh = found;
        fresh.retain(|image| ids.is_new(image));
        let has_new = ids.len() > known || fresh.iter().any(|image| image.id().is_none());
        images.extend(fresh.into_iter().filter(keep));
        let query =
            next_query(&request.url, &next).map_err(|what| service.bad_answer(&request, what))?;
        if !queries.insert(query.clone()) || !has_new {
            let what = "the list goes round in a circle: a page came again";
            return Err(service.bad_answer(&request, what));
        }
        request.url.set_query(Some(&query));
    }
}

/// Reads a page while it arrives. What is not a page is the list's failure, and no reason to ask again.
async fn read_page<R: Row>(
    mut response: reqwest::Response,
) -> Result<(Result<Page<R>, &'static str>, Option<DateTime<Utc>>, usize), AttemptError> {
    let date = date_of(response.headers());
    let mut page = PageReader::new();
    let mut length = 0;
    while let Some(chunk) = response.chunk().await.map_err(AttemptError::transport)? {
        length += chunk.len();
        if length > MAX_PAGE_BYTES {
            return Err(AttemptError::TooLarge(MAX_PAGE_BYTES));
        }
        if let Err(what) = page.feed(&chunk) {
            return Ok((Err(what), date, length));
        }
    }
    Ok((page.finish(), date, length))
}

/// The time by the server's own clock (RFC 9110, "Date").
fn date_of(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some(date.with_timezone(&Utc))
}

/// The ids of the images so far.
#[derive(Default)]
struct Ids(HashSet<String>);

impl Ids {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add<R: Row>(&mut self, images: &[R]) {
        let ids = images.iter().filter_map(Row::id);
        self.0.extend(ids.map(ToOwned::to_owned));
    }

    /// True for an image that was not there before; from now on it was. One without an id is as new as
    /// any.
    fn is_new(&mut self, image: &impl Row) -> bool {
        image.id().is_none_or(|id| self.0.insert(id.to_owned()))
    }
}

/// The query of the next page. `next` is relative to the server's own idea of where it is, which a
/// proxy may have changed; so only the query is taken, and the list never leaves its place.
fn next_query(page: &Url, next: &str) -> Result<String, &'static str> {
    let next = page
        .join(next)
        .map_err(|_| "the next page of the list is not a URL")?;
    if next.origin() != page.origin() {
        return Err("the next page of the list is on another server");
    }
    next.query()
        .map(ToOwned::to_owned)
        .ok_or("the next page of the list has no marker")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_bounds() {
        let mut extent = Extent::default();
        for _ in 0..200 {
            extent.add(1000, 1 << 20).unwrap();
        }
        assert!(extent.add(1, 1).unwrap_err().contains("200,000"));
        let mut extent = Extent::default();
        extent.add(1, MOST_BYTES).unwrap();
        assert!(extent.add(1, 1).unwrap_err().contains("1 GiB"));
    }

    #[test]
    fn the_next_page_stays_on_its_server() {
        let page: Url = "http://g:9292/image/v2/images?limit=1000".parse().unwrap();
        for next in [
            "/v2/images?limit=1000&marker=m",
            "http://g:9292/v2/images?limit=1000&marker=m",
        ] {
            assert_eq!(next_query(&page, next).unwrap(), "limit=1000&marker=m");
        }
        for next in [
            "http://evil/v2/images?marker=m",
            "https://g:9292/v2/images?marker=m",
            "//evil/v2/images?marker=m",
            "/v2/images",
        ] {
            assert!(next_query(&page, next).is_err(), "{next}");
        }
    }
}
