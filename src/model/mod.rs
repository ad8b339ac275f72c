//! Newtypes and values that every room shares. Nothing here does I/O or knows another room.

mod action;
mod auth;
mod checksum;
mod content_source;
mod credential;
mod error_code;
mod image;
mod nearest;
mod redact_urls;
mod region;
mod rules;
mod secret;
mod size;
mod time_span;
mod warning;

pub use action::{ActionKind, Status};
pub use auth::{Auth, AuthType, AuthTypeError, Client, Factor, Federation, Grant, TokenEndpoint};
pub use checksum::{
    Checksum, ChecksumError, ContentHash, ListedHash, ListedHashError, MultiHash, Proof,
};
pub use content_source::{ContentOrigin, ContentSource};
pub use credential::{
    ApplicationCredentialRef, Credential, DomainRef, Interface, InterfaceError, KeystoneUrl,
    KeystoneUrlError, ProjectRef, UserRef,
};
pub use error_code::ErrorCode;
pub use image::{
    Image, ImageId, ImageIdError, ImageStatus, KERNEL_ID, Properties, RAMDISK_ID, Visibility,
    is_user_property,
};
pub use nearest::nearest;
pub use redact_urls::{redact_urls, remove_url_users};
pub use region::{RegionName, RegionNameError, RegionSelector, TargetName};
pub use rules::{ChecksumList, SyncRules};
pub use secret::Secret;
pub use size::{ByteSize, ByteSizeError};
pub use time_span::{TimeSpan, TimeSpanError};
pub use warning::{Warning, WarningCode};
