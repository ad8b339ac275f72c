//! The sockets of a sandbox, bound before anything serves: every catalogue names them.

use std::net::{Ipv4Addr, TcpListener};

use super::error::SandboxError;
use super::keystone::Endpoint;
use super::spec::{KeystoneSpec, RegionSpec, SandboxSpec};

/// The sockets of a specification, bound before anything serves, for the catalogues name them all.
pub(super) struct Bound<'a> {
    pub(super) keystones: Vec<TcpListener>,
    pub(super) listeners: Vec<(&'a KeystoneSpec, &'a RegionSpec, TcpListener)>,
    /// Keystone, region and port.
    pub(super) regions: Vec<(String, String, u16)>,
}

impl<'a> Bound<'a> {
    pub(super) fn all(spec: &'a SandboxSpec) -> Result<Self, SandboxError> {
        let mut bound = Self {
            keystones: Vec::new(),
            listeners: Vec::new(),
            regions: Vec::new(),
        };
        for (place, keystone) in spec.keystones.iter().enumerate() {
            if spec.keystones[..place]
                .iter()
                .any(|other| other.name == keystone.name)
            {
                return Err(SandboxError::Spec(format!(
                    "two Keystones {:?}",
                    keystone.name
                )));
            }
            bound.keystones.push(listen(&keystone.name, keystone.port)?);
            for (place, region) in keystone.regions.iter().enumerate() {
                if keystone.regions[..place]
                    .iter()
                    .any(|other| other.name == region.name)
                {
                    return Err(SandboxError::Spec(format!("two regions {:?}", region.name)));
                }
                if region.is_same_content.is_none() {
                    let listener = listen(&region.name, region.port)?;
                    let port = port_of(&listener);
                    bound
                        .regions
                        .push((keystone.name.clone(), region.name.clone(), port));
                    bound.listeners.push((keystone, region, listener));
                }
            }
        }
        Ok(bound)
    }
}

pub(super) fn endpoints(
    keystone: &KeystoneSpec,
    ports: &[(String, String, u16)],
) -> Result<Vec<Endpoint>, SandboxError> {
    keystone
        .regions
        .iter()
        .map(|region| {
            let own = format!("{}:{}", keystone.name, region.name);
            let target = region.is_same_content.as_deref().unwrap_or(&own);
            let (_, _, port) = ports
                .iter()
                .find(|(keystone, name, _)| {
                    target == name || target.split_once(':') == Some((keystone, name))
                })
                .ok_or_else(|| SandboxError::UnknownRegion(target.to_owned()))?;
            let url = match &region.endpoint {
                Some(url) => url.replace("{port}", &port.to_string()),
                None => format!("http://127.0.0.1:{port}{}", region.endpoint_suffix),
            };
            Ok(Endpoint {
                region: region.name.clone(),
                url,
            })
        })
        .collect()
}

fn listen(service: &str, port: u16) -> Result<TcpListener, SandboxError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| SandboxError::Listen {
        service: service.to_owned(),
        port,
        source,
    })
}

pub(super) fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |address| address.port())
}
