//! The image services of a Keystone's catalogue (Identity API v3, "Service catalog and endpoints").

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use super::EndpointUrl;
use crate::model::Interface;

/// One endpoint of an image service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageEndpoint {
    /// The region, by its bare name.
    pub region: String,
    /// For whom the endpoint is.
    pub interface: Interface,
    /// Where it leads, as the catalogue has it: it need not be a URL.
    pub url: String,
}

/// The image endpoints that a token's catalogue lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue(Vec<ImageEndpoint>);

impl Catalogue {
    /// Reads `token.catalog`; what is not an endpoint of an image service is passed over.
    pub(super) fn read(catalog: &Value) -> Self {
        let services = catalog.as_array().map(Vec::as_slice).unwrap_or_default();
        let endpoints = services
            .iter()
            .filter(|service| service["type"] == "image")
            .filter_map(|service| service["endpoints"].as_array())
            .flatten()
            .filter_map(read_endpoint)
            .collect();
        Self(endpoints)
    }

    /// The bare names of the regions that have an image service, by name.
    pub fn regions(&self) -> BTreeSet<&str> {
        self.0.iter().map(|e| e.region.as_str()).collect()
    }

    /// The endpoint of that interface, as the catalogue has it. Of several the first counts.
    pub fn find(&self, region: &str, interface: Interface) -> Option<&ImageEndpoint> {
        self.0
            .iter()
            .find(|e| e.region == region && e.interface == interface)
    }

    /// Where all endpoints lead, less those that are no URLs.
    pub(super) fn all_endpoints(&self) -> impl Iterator<Item = EndpointUrl> {
        self.0.iter().filter_map(|e| e.url.parse().ok())
    }

    /// The same, in which every interface of that region leads there first.
    pub(super) fn with_endpoint(&self, region: &str, url: &Url) -> Self {
        let own = [Interface::Public, Interface::Internal, Interface::Admin].map(|interface| {
            ImageEndpoint {
                region: region.to_owned(),
                interface,
                url: url.to_string(),
            }
        });
        Self(own.into_iter().chain(self.0.iter().cloned()).collect())
    }

    /// The first of those interfaces that the region has; the first of them where it has none.
    pub fn choose(&self, region: &str, interfaces: &[Interface]) -> Interface {
        let has = |interface: &&Interface| self.find(region, **interface).is_some();
        let found = interfaces.iter().find(has).or(interfaces.first());
        found.copied().unwrap_or_default()
    }

    /// Where the region's endpoints lead, of all interfaces, less those that are no URLs.
    pub fn endpoints(&self, region: &str) -> impl Iterator<Item = EndpointUrl> {
        self.0
            .iter()
            .filter(move |e| e.region == region)
            .filter_map(|e| e.url.parse().ok())
    }
}

fn read_endpoint(endpoint: &Value) -> Option<ImageEndpoint> {
    // `region` is the older name of `region_id`; Keystone still gives both.
    let region = endpoint["region_id"]
        .as_str()
        .or_else(|| endpoint["region"].as_str())
        .filter(|region| !region.is_empty())?;
    Some(ImageEndpoint {
        region: region.to_owned(),
        interface: endpoint["interface"].as_str()?.parse().ok()?,
        url: endpoint["url"].as_str()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_image_endpoints_that_can_be_read_count() {
        let catalogue = Catalogue::read(&json!([
            {"type": "compute", "endpoints": [{"region_id": "X", "interface": "public", "url": "http://n"}]},
            {"type": "image", "endpoints": [
                {"region_id": "B", "interface": "public", "url": "http://b:9292/v2"},
                {"region": "A", "interface": "public", "url": "http://a:9292"},
                {"region_id": "A", "interface": "internal", "url": "http://a.local:9292"},
                {"region_id": null, "region": null, "interface": "public", "url": "http://c"},
                {"region_id": "C", "interface": "weird", "url": "http://c"},
                {"region_id": "D", "interface": "public", "url": "$(nonsense)s"},
                7,
            ]},
            {"type": "image"},
            null,
        ]));
        assert_eq!(
            catalogue.regions().into_iter().collect::<Vec<_>>(),
            ["A", "B", "D"]
        );
        assert_eq!(catalogue.endpoints("A").count(), 2);
        assert_eq!(catalogue.endpoints("D").count(), 0);
        assert!(catalogue.find("B", Interface::Public).is_some());
        assert!(catalogue.find("B", Interface::Internal).is_none());
        assert_eq!(Catalogue::read(&Value::Null), Catalogue::default());
        let both = [Interface::Admin, Interface::Internal, Interface::Public];
        assert_eq!(catalogue.choose("A", &both), Interface::Internal);
        assert_eq!(catalogue.choose("B", &both), Interface::Public);
        assert_eq!(catalogue.choose("X", &both), Interface::Admin);
        let elsewhere = "https://glance:1/".parse().unwrap();
        let other = catalogue.with_endpoint("B", &elsewhere);
        assert_eq!(
            other.find("B", Interface::Admin).unwrap().url,
            "https://glance:1/"
        );
        assert_eq!(other.endpoints("B").count(), 4);
        assert_eq!(
            other.find("A", Interface::Public),
            catalogue.find("A", Interface::Public)
        );
    }
}
