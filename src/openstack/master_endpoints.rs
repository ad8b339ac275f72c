//! Every endpoint that leads to the master region's Glance: what is never written to.
//!
//! What reads the master is a [`GlanceReader`](super::GlanceReader), which has no call that changes anything and does not turn
//! into a `GlanceWriter`. A writer's constructor takes the endpoints of the master, of every interface,
//! and refuses a region that one of them leads to: the same port and decoded path, and the same host by
//! name or by one of its addresses, which are looked up once in a run (`MasterEndpoints`). Such regions
//! are in no expansion, and skipped with a warning when they are named. A region whose list has an image
//! of the id and creation time of one of the master's is the master as well, however it was reached, and
//! is skipped with the same warning before anything is planned.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::addresses::look_up;
use super::endpoint_url::{HostKey, Location};
use super::{EndpointUrl, OpenStackError, Session};

/// For all names together. A name without an address is only compared as a name.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(3);

/// The endpoints of the master region, and the addresses of hosts that are called otherwise elsewhere.
#[derive(Debug, Clone)]
pub struct MasterEndpoints {
    endpoints: BTreeSet<EndpointUrl>,
    addresses: BTreeMap<String, BTreeSet<IpAddr>>,
}

impl MasterEndpoints {
    /// The endpoints of the region of that bare name in the catalogue of the target `master`, of
    /// all interfaces. Host names are compared as names, until [`MasterEndpoints::resolve`] is called.
    ///
    /// # Errors
    ///
    /// [`OpenStackError::RegionUnknown`] where the catalogue has none: without an endpoint nothing
    /// could be told to be the master.
    pub fn of(session: &Session, region: &str) -> Result<Self, OpenStackError> {
        let endpoints: BTreeSet<_> = session.catalogue().endpoints(region).collect();
        if endpoints.is_empty() {
            return Err(session.region_unknown(region, None));
        }
        Ok(Self {
            endpoints,
            addresses: BTreeMap::new(),
        })
    }

    /// Looks up the addresses of all host names by which a region in these catalogues could lead to
    /// the master. To be called once in a run. It takes seconds at most; a name that has no address by
    /// then is only compared as a name.
    pub async fn resolve<'a>(&mut self, sessions: impl IntoIterator<Item = &'a Session>) {
        let mut names = BTreeSet::new();
        for session in sessions {
            for endpoint in session.catalogue().all_endpoints() {
                let other = endpoint.location();
                for master in self.alike(other) {
                    names.extend([master, other].into_iter().filter_map(name_of));
                }
            }
        }
        self.addresses = look_up(names, LOOK_UP_TIMEOUT).await;
    }

    /// True where one of the region's endpoints, of whatever interface, is one of the master's.
    pub fn lead_to(&self, session: &Session, region: &str) -> bool {
        session
            .catalogue()
            .endpoints(region)
            .any(|endpoint| self.contains(&endpoint))
    }

    /// True for an endpoint that leads to the master: by the same name, or by an address of it.
    pub fn contains(&self, endpoint: &EndpointUrl) -> bool {
        self.endpoints.contains(endpoint) || {
            let addresses = self.addresses_of(endpoint.location());
            self.alike(endpoint.location())
                .any(|master| !self.addresses_of(master).is_disjoint(&addresses))
        }
    }

    /// The master's locations of the same port and path, and another host.
    fn alike<'a>(&'a self, other: &'a Location) -> impl Iterator<Item = &'a Location> {
        let locations = self.endpoints.iter().map(EndpointUrl::location);
        locations.filter(move |master| {
            (master.port, &master.path) == (other.port, &other.path) && master.host != other.host
        })
    }

    fn addresses_of(&self, location: &Location) -> BTreeSet<HostKey> {
        match &location.host {
            HostKey::Address(_) => [location.host.clone()].into(),
            HostKey::Name(name) => {
                let addresses = self.addresses.get(name).into_iter().flatten();
                addresses.map(|address| HostKey::from(*address)).collect()
            }
        }
    }
}

fn name_of(location: &Location) -> Option<String> {
    match &location.host {
        HostKey::Name(name) => Some(name.clone()),
        HostKey::Address(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(endpoints: &[&str], addresses: &[(&str, &str)]) -> MasterEndpoints {
        let mut all: BTreeMap<String, BTreeSet<IpAddr>> = BTreeMap::new();
        for (name, address) in addresses {
            let of_name = all.entry((*name).to_owned()).or_default();
            of_name.insert(address.parse().unwrap());
        }
        MasterEndpoints {
            endpoints: endpoints.iter().map(|url| url.parse().unwrap()).collect(),
            addresses: all,
        }
    }

    #[test]
    fn another_name_of_the_same_address_leads_to_the_master() {
        let master = master(
            &["http://glance.one:9292/image", "http://10.0.0.7:9292"],
            &[
                ("glance.one", "10.0.0.9"),
                ("alias", "::ffff:10.0.0.9"),
                ("internal", "10.0.0.7"),
                ("other", "10.0.0.8"),
            ],
        );
        for (url, leads_there) in [
            ("http://GLANCE.one.:9292/image/v2", true),
            ("http://alias:9292/image", true),
            ("http://10.0.0.9:9292/%69mage/v2/v2", true),
            ("http://internal:9292/v2", true),
            ("http://alias:9292", false),
            ("http://alias:9293/image", false),
            ("http://other:9292/image", false),
            ("http://unknown:9292/image", false),
        ] {
            assert_eq!(master.contains(&url.parse().unwrap()), leads_there, "{url}");
        }
    }
}
