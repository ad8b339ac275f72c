//! The fleet of `glancesync demo` and `glancesync sandbox`: a master region and others, most of which
//! lack an image or have an outdated one, so that a run has something to do and puts all of it
//! right. What is to go wrong is asked for by name ([`NAMED_FAULTS`]).

mod faults;
mod images;
mod regions;

use std::fmt::Write as _;
use std::path::Path;

use md5::{Digest, Md5};
use thiserror::Error;

use faults::Cause;
pub use faults::{NAMED_FAULTS, NamedFault, NoSuchFault, RegionFault};
use regions::{DemoRegion, DemoState, RENAMED, REPLACED};

use super::hex::hexadecimal;
use super::{KeystoneSpec, RegionSpec, Sandbox, SandboxError, SandboxSpec};

/// The user of both Keystones, with a password for each.
pub const USER: &str = "image-admin";
/// The user's project.
pub const PROJECT: &str = "images";
/// Password at the Keystone of the target `master`.
pub const MASTER_PASSWORD: &str = "demo-master";
/// Password at the Keystone of the target `partner`.
const PARTNER_PASSWORD: &str = "demo-partner";
/// The master region.
pub const MASTER_REGION: &str = "Central";

/// What a demo fleet consists of.
#[derive(Debug, Clone)]
pub struct DemoSpec {
    /// How many regions there are besides the master region.
    pub regions: u16,
    /// How many images the master region has.
    pub images: u16,
    /// What goes wrong, and where.
    pub faults: Vec<RegionFault>,
}

impl Default for DemoSpec {
    fn default() -> Self {
        Self {
            regions: regions::USUAL,
            images: images::USUAL,
            faults: Vec::new(),
        }
    }
}

/// Why there is no such demo fleet.
#[derive(Debug, Error)]
pub enum DemoError {
    /// A fault is to be in a region that the fleet does not have.
    #[error("`--fault {fault}`: the fleet has no region `{region}`, but {known}")]
    UnknownRegion {
        /// The whole of it.
        fault: String,
        /// The region's name.
        region: String,
        /// The names that there are.
        known: String,
    },
    /// The master region is only read, so that most of what can go wrong does not go wrong there.
    #[error("`--fault {0}`: the master region is only read, and there `down` alone has an effect")]
    Master(String),
    /// The servers.
    #[error("the embedded OpenStack does not start: {0}")]
    Sandbox(#[from] SandboxError),
}

/// A running demo fleet.
#[derive(Debug)]
pub struct DemoFleet {
    sandbox: Sandbox,
    has_partner: bool,
}

impl DemoFleet {
    /// Brings it up, with its files in a folder of their own in `folder`.
    ///
    /// # Errors
    ///
    /// [`DemoError`] when a fault is to be where it cannot be, or the servers do not start.
    pub fn start(spec: &DemoSpec, folder: &Path) -> Result<Self, DemoError> {
        let regions = DemoRegion::all(spec.regions);
        for wanted in &spec.faults {
            check(wanted, &regions)?;
        }
        let faults = |region: &DemoRegion| {
            let faults = spec
                .faults
                .iter()
                .filter(|one| region.is_called(&one.region));
            faults.map(|one| one.fault).collect::<Vec<_>>()
        };
        let mut master = KeystoneSpec::new("master")
            .user(USER, MASTER_PASSWORD, PROJECT, ["admin"])
            .region(RegionSpec::new(MASTER_REGION));
        let mut partner =
            KeystoneSpec::new("partner").user(USER, PARTNER_PASSWORD, PROJECT, ["admin"]);
        for region in &regions {
            let keystone = match region.target {
                "partner" => &mut partner,
                _ => &mut master,
            };
            let settings = configured(&region.name, &faults(region));
            keystone.regions.push(settings);
        }
        let has_partner = !partner.regions.is_empty();
        let mut sandbox = SandboxSpec::new().keystone(master);
        if has_partner {
            sandbox = sandbox.keystone(partner);
        }
        let fleet = Self {
            sandbox: Sandbox::start_in(&sandbox, folder)?,
            has_partner,
        };
        fleet.fill(spec.images, &regions, faults)?;
        let is_down = |faults: &[&NamedFault]| {
            let mut causes = faults.iter().map(|fault| &fault.cause);
            causes.any(|cause| matches!(cause, Cause::Down))
        };
        for region in regions.iter().filter(|region| is_down(&faults(region))) {
            fleet.sandbox.kill_region(&region.full_name())?;
        }
        if spec.faults.iter().any(|one| is_master(&one.region)) {
            fleet.sandbox.kill_region("master:Central")?;
        }
        Ok(fleet)
    }

    /// The servers themselves.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    fn fill<'a>(
        &self,
        images: u16,
        regions: &[DemoRegion],
        faults: impl Fn(&DemoRegion) -> Vec<&'a NamedFault>,
    ) -> Result<(), SandboxError> {
        let masters = images::of_master(images);
        for image in &masters {
            self.sandbox.add_image("master:Central", image)?;
        }
        let views = images::by_name(self.sandbox.images("master:Central")?);
        for region in regions {
            let name = region.full_name();
            let faults = faults(region);
            let mut causes = faults.iter().map(|fault| &fault.cause);
            let state = match faults.len() {
                0 => DemoState::Usual,
                _ if causes.any(|cause| matches!(cause, Cause::Conflict)) => DemoState::Conflict,
                _ => DemoState::Faulty,
            };
            for master in masters
                .iter()
                .filter(|master| master.visibility == "public")
            {
                let view = &views[master.name.as_deref().unwrap_or_default()];
                let copy = images::copy(master, view, region.number);
                if let Some(image) = region.version(copy, state) {
                    self.sandbox.add_image(&name, &image)?;
                }
            }
            if let Some(image) = region.further() {
                self.sandbox.add_image(&name, &image)?;
            }
        }
        Ok(())
    }

    /// A configuration for it, with region logs and state in `folder`.
    ///
    /// # Errors
    ///
    /// None as long as the fleet is what [`Self::start`] made.
    pub fn configuration(&self, folder: &Path) -> Result<String, SandboxError> {
        let md5 = |content: &str| hexadecimal(&Md5::digest(content));
        let mut text = format!(
            "[main]\n\
             master_region = {MASTER_REGION}\n\
             source = glance\n\
             spool_dir = {folder}/spool\n\
             state_dir = {folder}/state\n\
             log_dir = {folder}\n\
             \n\
             [DEFAULT]\n\
             user = {USER}\n\
             tenant = {PROJECT}\n\
             # Images that have this property are synchronised; other properties are local.\n\
             metadata_set = nid\n\
             # What to do about images whose content differs, by the checksum that the region has.\n\
             rename = {rename}\n\
             replace = {replace}\n\
             \n\
             [master]\n\
             password = {MASTER_PASSWORD}\n\
             keystone_url = {master}\n",
            folder = folder.display(),
            rename = md5(RENAMED),
            replace = md5(REPLACED),
            master = self.sandbox.keystone_url("master")?,
        );
        if self.has_partner {
            // Writing into a text does not fail.
            let _ = write!(
                text,
                "\n\
                 [partner]\n\
                 password = {PARTNER_PASSWORD}\n\
                 keystone_url = {partner}\n\
                 # This target takes the base images only.\n\
                 metadata_condition = image.name.startswith('base_')\n",
                partner = self.sandbox.keystone_url("partner")?,
            );
        }
        Ok(text)
    }
}

fn is_master(region: &str) -> bool {
    region == MASTER_REGION || region.strip_prefix("master:") == Some(MASTER_REGION)
}

fn check(wanted: &RegionFault, regions: &[DemoRegion]) -> Result<(), DemoError> {
    if is_master(&wanted.region) {
        return match wanted.fault.cause {
            Cause::Down => Ok(()),
            _ => Err(DemoError::Master(wanted.to_string())),
        };
    }
    if regions
        .iter()
        .any(|region| region.is_called(&wanted.region))
    {
        return Ok(());
    }
    let mut known: Vec<&str> = regions.iter().map(|region| region.name.as_str()).collect();
    if known.len() > regions::USUAL.into() {
        known.truncate(regions::USUAL.into());
        known.push("…");
    }
    Err(DemoError::UnknownRegion {
        fault: wanted.to_string(),
        region: wanted.region.clone(),
        known: known.join(", "),
    })
}

/// A region with what is wrong from its start.
fn configured(name: &str, faults: &[&NamedFault]) -> RegionSpec {
    let mut region = RegionSpec::new(name);
    for fault in faults {
        match fault.cause {
            Cause::Requests(requests) => region.faults.extend(requests()),
            Cause::Settings(change) => change(&mut region),
            Cause::Down | Cause::Conflict => {}
        }
    }
    region
}
