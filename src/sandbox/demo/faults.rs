//! What can go wrong in a region of the demo, by name.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::super::{Conversion, Effect, Fault, ImportEnd, ImportStage, RegionSpec, UploadPolicy};

const UPLOAD: &str = "/v2/images/*/file";
const IMPORT: &str = "/v2/images/*/import";

/// Something that goes wrong in a region, for a person to look at.
#[derive(Debug)]
pub struct NamedFault {
    /// By what name it is asked for.
    pub name: &'static str,
    /// What happens, in a few words.
    pub what: &'static str,
    /// Where in the region it is.
    pub(super) cause: Cause,
}

/// Where a fault is.
#[derive(Debug)]
pub(super) enum Cause {
    /// In the answers to requests.
    Requests(fn() -> Vec<Fault>),
    /// In the settings of its Glance.
    Settings(fn(&mut RegionSpec)),
    /// It is not running.
    Down,
    /// In an image that it has.
    Conflict,
}

/// All of them.
pub const NAMED_FAULTS: [NamedFault; 15] = [
    NamedFault {
        name: "down",
        what: "nothing answers at its address",
        cause: Cause::Down,
    },
    NamedFault {
        name: "unstable",
        what: "some requests are answered 503",
        cause: Cause::Requests(|| vec![Fault::always(Effect::status(503)).on(2, 2)]),
    },
    NamedFault {
        name: "slow",
        what: "it takes 1 MiB a second",
        cause: Cause::Requests(|| {
            upload(Effect::Slow {
                bytes_per_sec: 1 << 20,
            })
        }),
    },
    NamedFault {
        name: "cut",
        what: "the first upload is cut off in the middle",
        cause: Cause::Requests(|| vec![uploads(Effect::DropUpload { bytes: 1 << 20 }).on(1, 1)]),
    },
    NamedFault {
        name: "late",
        what: "uploads are answered 504, and saved a second later",
        cause: Cause::Requests(|| upload(Effect::late(504, 1000))),
    },
    NamedFault {
        name: "expired",
        what: "the token expires in the middle of the run",
        cause: Cause::Requests(|| {
            vec![Fault::new("POST", "/v2/images", Effect::ExpireToken).on(1, 1)]
        }),
    },
    NamedFault {
        name: "damaged",
        what: "what it stores is not what was sent",
        cause: Cause::Requests(|| upload(Effect::WrongContent)),
    },
    NamedFault {
        name: "quota",
        what: "the project has no room for another image",
        cause: Cause::Settings(|region| region.limits.user_storage_quota = Some(1 << 10)),
    },
    NamedFault {
        name: "policy",
        what: "the user may not publish images",
        cause: Cause::Settings(|region| region.publicize_roles = Vec::new()),
    },
    NamedFault {
        name: "conflict",
        what: "an image has other content, and nothing says what to do",
        cause: Cause::Conflict,
    },
    NamedFault {
        name: "no-upload",
        what: "uploads are refused, and imports are not",
        cause: Cause::Settings(|region| region.upload = UploadPolicy::Refused),
    },
    NamedFault {
        name: "no-import",
        what: "it offers no imports",
        cause: Cause::Settings(|region| region.imports.methods.clear()),
    },
    NamedFault {
        name: "failing",
        what: "imports fail",
        cause: Cause::Requests(|| vec![import(Effect::import(ImportEnd::Failed))]),
    },
    NamedFault {
        name: "stuck",
        what: "imports never end",
        cause: Cause::Requests(|| vec![import(Effect::import_hangs(ImportStage::Importing))]),
    },
    NamedFault {
        name: "bad-raw",
        what: "what is imported becomes raw, with a byte changed",
        cause: Cause::Settings(|region| {
            region.imports.conversion = Conversion::Raw;
            region
                .faults
                .push(import(Effect::import(ImportEnd::Damaged)));
        }),
    },
];

fn import(effect: Effect) -> Fault {
    Fault::new("POST", IMPORT, effect)
}

fn uploads(effect: Effect) -> Fault {
    Fault::new("PUT", UPLOAD, effect)
}

fn upload(effect: Effect) -> Vec<Fault> {
    vec![uploads(effect)]
}

/// A fault and the region that has it, `NAME=REGION`.
#[derive(Debug, Clone)]
pub struct RegionFault {
    pub(super) fault: &'static NamedFault,
    pub(super) region: String,
}

/// A text that names no fault of a region.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoSuchFault {
    /// The form is wrong.
    #[error("write NAME=REGION, as in `down=West`")]
    Form,
    /// The name is unknown.
    #[error("there is no fault `{0}`, but {all}", all = names())]
    Name(String),
}

fn names() -> String {
    NAMED_FAULTS.map(|fault| fault.name).join(", ")
}

impl FromStr for RegionFault {
    type Err = NoSuchFault;

    fn from_str(text: &str) -> Result<Self, NoSuchFault> {
        let (name, region) = text.split_once('=').ok_or(NoSuchFault::Form)?;
        if region.is_empty() {
            return Err(NoSuchFault::Form);
        }
        let fault = NAMED_FAULTS.iter().find(|fault| fault.name == name);
        Ok(Self {
            fault: fault.ok_or_else(|| NoSuchFault::Name(name.to_owned()))?,
            region: region.to_owned(),
        })
    }
}

impl fmt::Display for RegionFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}", self.fault.name, self.region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_named_with_its_region() {
        let fault: RegionFault = "down=partner:Harbour".parse().unwrap();
        assert_eq!(
            (fault.fault.name, fault.region.as_str()),
            ("down", "partner:Harbour")
        );
        for wrong in ["down", "down="] {
            assert_eq!(wrong.parse::<RegionFault>().unwrap_err(), NoSuchFault::Form);
        }
        let error = "up=West".parse::<RegionFault>().unwrap_err().to_string();
        assert!(
            error.starts_with("there is no fault `up`, but down, unstable,"),
            "{error}"
        );
    }
}
