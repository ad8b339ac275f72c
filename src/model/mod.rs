//! Newtypes and values that every module shares. Nothing here does I/O or knows another module.

mod action;
mod attribute;
mod auth;
mod bandwidth;
mod checksum;
mod content_source;
mod credential;
mod delivery;
mod error_code;
mod failed_proof;
mod hexadecimal;
mod hidden;
mod identity;
mod image;
mod image_id;
mod properties;
mod provenance;
mod redact_urls;
mod region;
mod retention;
mod rules;
mod secret;
mod size;
mod suggest;
mod time_span;
mod warning;
mod wave;

pub use action::{ActionKind, Status};
pub use attribute::SyncAttribute;
pub use auth::{Auth, AuthType, AuthTypeError, Client, Factor, Federation, Grant, TokenEndpoint};
pub use bandwidth::{Bandwidth, BandwidthError};
pub use checksum::{
    Checksum, ChecksumError, ContentHash, Expansion, ListedHash, ListedHashError, MultiHash, Proof,
};
pub use content_source::{ContentOrigin, ContentSource};
pub use credential::{Credential, Interface, InterfaceError, KeystoneUrl, KeystoneUrlError};
pub use delivery::{
    Delivery, DeliveryRules, DeliveryWay, PullFrom, WantedFormat, may_be_expansion,
};
pub use error_code::ErrorCode;
pub use failed_proof::{DeliveryTried, FailedProof, NOT_RETRIED_FOR};
pub use hexadecimal::hexadecimal;
pub use hidden::is_hidden;
pub use identity::{ApplicationCredentialRef, DomainRef, ProjectRef, UserRef};
pub use image::{Image, ImageStatus, Visibility};
pub use image_id::{ImageId, ImageIdError};
pub use properties::{KERNEL_ID, Properties, RAMDISK_ID, is_provenance, is_user_property};
pub use provenance::{MasterFingerprint, Provenance, ProvenanceState};
pub use redact_urls::{redact_urls, remove_url_users};
pub use region::{RegionName, RegionNameError, RegionSelector, TargetName};
pub use retention::{KeepOld, OrphanRule, RetentionRules};
pub use rules::{ChecksumList, SyncRules};
pub use secret::Secret;
pub use size::{ByteSize, ByteSizeError};
pub use suggest::did_you_mean;
pub use time_span::{TimeSpan, TimeSpanError};
pub use warning::{Warning, WarningCode};
pub use wave::{RunWave, Wave, WaveMember, WaveRules, parse_waves};
