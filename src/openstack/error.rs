//! What can go wrong with a cloud, and what to do next about it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{CauseKind, EndpointUrl, TransportCause};
use crate::model::{AuthType, ErrorCode, Interface, RegionName, TargetName, did_you_mean};

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// A token and the catalogue are asked for.
    LogIn(AuthType),
    /// An identity provider is asked for an access token.
    AskProvider(AuthType),
    /// The images are listed.
    List,
    /// One image is looked at.
    Show,
    /// The content of an image is fetched.
    Download,
    /// An image is created, without content.
    Create,
    /// The content of an image is sent.
    Upload,
    /// An import is started, or its tasks are looked at.
    Import,
    /// The region is asked what it offers.
    Ask,
    /// Metadata is changed.
    Update,
    /// The same, and the name with it.
    Rename,
    /// The same, and others see the image from then on.
    Publish,
    /// An image is deleted.
    Delete,
}

impl Operation {
    /// True for what is done before there is a token.
    fn is_login(self) -> bool {
        matches!(self, Self::LogIn(_) | Self::AskProvider(_))
    }

    /// The rest of a sentence that begins with "could not".
    fn words(self) -> &'static str {
        match self {
            Self::LogIn(_) => "log in",
            Self::AskProvider(_) => "get an access token of the identity provider",
            Self::List => "list the images",
            Self::Show => "look at the image",
            Self::Download => "fetch the content",
            Self::Create => "create the image",
            Self::Upload => "send the content",
            Self::Import => "import the content",
            Self::Ask => "ask what the region offers",
            Self::Update => "change the metadata",
            Self::Rename => "rename the image",
            Self::Publish => "publish the image",
            Self::Delete => "delete the image",
        }
    }

    fn code(self) -> ErrorCode {
        match self {
            Self::LogIn(_) | Self::AskProvider(_) => ErrorCode::KeystoneFailed,
            Self::List | Self::Show | Self::Ask => ErrorCode::ListFailed,
            Self::Download => ErrorCode::DownloadFailed,
            Self::Create => ErrorCode::CreateFailed,
            Self::Upload => ErrorCode::UploadFailed,
            Self::Import => ErrorCode::ImportFailed,
            Self::Update | Self::Publish => ErrorCode::UpdateFailed,
            Self::Rename => ErrorCode::RenameFailed,
            Self::Delete => ErrorCode::DeleteFailed,
        }
    }
}

/// Which call it was, and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// The region; with an empty bare name, the target's Keystone.
    pub region: RegionName,
    /// What was being done.
    pub operation: Operation,
    /// The HTTP method.
    pub method: String,
    /// The URL, without query and without user name and password.
    pub url: String,
    /// How often it was tried.
    pub tries: u32,
    /// How long it took, with all tries and the pauses between them.
    pub elapsed: Duration,
}

impl fmt::Display for CallRecord {
    /// `Trento: could not create the image: POST http://…/v2/images (3 tries, 2.4 s)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            region,
            operation,
            method,
            url,
            tries,
            elapsed,
        } = self;
        let seconds = elapsed.as_secs_f64();
        let word = if *tries == 1 { "try" } else { "tries" };
        // A target by itself is printed with its colon.
        let colon = if region.region.is_empty() { "" } else { ":" };
        write!(f, "{region}{colon} could not {}", operation.words())?;
        if let Operation::LogIn(auth_type) | Operation::AskProvider(auth_type) = operation {
            write!(f, " ({auth_type})")?;
        }
        write!(f, ": {method} {url} ({tries} {word}, {seconds:.1} s)")
    }
}

/// What a server answered instead of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The server's message on one line; empty where it had none.
    pub message: String,
    /// `x-openstack-request-id`, by which the server's log is searched.
    pub request_id: Option<String>,
    /// How long it asked to be left alone.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for ServerAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        match &self.request_id {
            Some(id) => write!(f, " [{id}]"),
            None => Ok(()),
        }
    }
}

/// An error of Keystone, Glance, or the way to them. No text in it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenStackError {
    /// The server answered with an error, or with a redirection, which is not followed.
    #[error("{call}: {answer}")]
    Status {
        /// Which call it was.
        call: Box<CallRecord>,
        /// What the server said.
        answer: Box<ServerAnswer>,
    },
    /// No answer, because of the way to the server.
    #[error("{call}: {cause}")]
    Unreachable {
        /// Which call it was.
        call: Box<CallRecord>,
        /// What happened on the way.
        cause: TransportCause,
    },
    /// No answer in time.
    #[error("{call}: not done within {} s", limit.as_secs_f64())]
    TimedOut {
        /// Which call it was.
        call: Box<CallRecord>,
        /// The time that it had.
        limit: Duration,
    },
    /// An answer that is not what the API promises.
    #[error("{call}: {what}")]
    BadAnswer {
        /// Which call it was.
        call: Box<CallRecord>,
        /// What is wrong with the answer.
        what: String,
    },
    /// The catalogue has no endpoint for a region.
    #[error("{region}: the catalogue has no {}image endpoint of this region{}", words_of(*interface), list_of(&region.region, known))]
    RegionUnknown {
        /// The region.
        region: RegionName,
        /// The interface that was asked for; none for any.
        interface: Option<Interface>,
        /// The regions that the catalogue has.
        known: Vec<String>,
    },
    /// The catalogue's endpoint for a region cannot be used.
    #[error("{region}: the catalogue's image endpoint of this region cannot be used: {what}")]
    BadEndpoint {
        /// The region.
        region: RegionName,
        /// What is wrong with it.
        what: String,
    },
    /// A writer was asked for, and the region's Glance is the master's.
    #[error(
        "{region}: {endpoint} is the image service of the master region, which is never written to"
    )]
    MasterRefused {
        /// The region.
        region: RegionName,
        /// Where it leads.
        endpoint: Box<EndpointUrl>,
    },
    /// The token has ended, and the credential gives no other.
    #[error(
        "{target}: the token has expired or was revoked, and a log-in by {auth_type} cannot be repeated"
    )]
    TokenExpired {
        /// The target.
        target: TargetName,
        /// How it was logged in.
        auth_type: AuthType,
    },
    /// The file with the certificates of `cacert` cannot be used.
    #[error("the certificates of `cacert` ({}) cannot be used: {what}", path.display())]
    CaCert {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The file with the certificate that is shown to servers, or with its key, cannot be used.
    #[error("the client certificate of `cert` and `key` ({}) cannot be used: {what}", path.display())]
    ClientCert {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Nothing says which servers are to be trusted.
    #[error(
        "no secure connection can be made: this machine has no trusted certificate authorities"
    )]
    NoAuthorities,
    /// `image_endpoint_override` names no region, and the target has several.
    #[error("{place}: `image_endpoint_override` does not say for which region it is, and [{target}] has {}", regions.join(", "))]
    AmbiguousOverride {
        /// The target.
        target: TargetName,
        /// Where the key stands.
        place: String,
        /// The regions of its catalogue.
        regions: Vec<String>,
    },
    /// The HTTP client could not be made.
    #[error("no HTTP client could be made: {what}")]
    Client {
        /// What is wrong.
        what: String,
    },
}

fn words_of(interface: Option<Interface>) -> String {
    interface.map_or_else(String::new, |interface| format!("{interface} "))
}

fn list_of(region: &str, known: &[String]) -> String {
    let near = did_you_mean(region, known.iter().map(String::as_str));
    if known.is_empty() {
        " (and none of any other)".to_owned()
    } else if let Some(near) = near.filter(|near| *near != region) {
        format!("; did you mean `{near}`?")
    } else {
        format!(" (it has: {})", known.join(", "))
    }
}

impl OpenStackError {
    /// The public code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Status { call, answer } => code_of_status(call.operation, answer.status),
            Self::Unreachable { call, cause } => match call.operation {
                operation if operation.is_login() => ErrorCode::KeystoneUnreachable,
                operation if cause.kind == CauseKind::Lost => operation.code(),
                _ => ErrorCode::RegionUnreachable,
            },
            Self::TimedOut { call, .. } => match call.operation {
                operation if operation.is_login() => ErrorCode::KeystoneUnreachable,
                Operation::List => ErrorCode::ListTimeout,
                operation => operation.code(),
            },
            Self::BadAnswer { call, .. } => call.operation.code(),
            Self::RegionUnknown { .. } | Self::BadEndpoint { .. } => ErrorCode::RegionUnknown,
            Self::MasterRefused { .. } => ErrorCode::MasterRefused,
            Self::TokenExpired { .. } => ErrorCode::TokenExpired,
            Self::CaCert { .. } | Self::ClientCert { .. } | Self::NoAuthorities => {
                ErrorCode::KeystoneUnreachable
            }
            Self::AmbiguousOverride { .. } => ErrorCode::ConfigInvalid,
            Self::Client { .. } => ErrorCode::Internal,
        }
    }

    /// What to do next, as a whole sentence.
    pub fn hint(&self) -> &'static str {
        match (self, self.status()) {
            (Self::CaCert { .. }, _) => {
                "Set `cacert` of this target to a file with PEM certificates."
            }
            (Self::ClientCert { .. }, _) => {
                "Set `cert` of this target to a PEM file with the certificate, and `key` to one with its key."
            }
            (Self::NoAuthorities, _) => {
                "Install the authorities (the package is often called ca-certificates), or set `cacert` of this target to a file with the authority's or the server's own certificate."
            }
            (Self::AmbiguousOverride { .. }, _) => {
                "Name the region where the endpoint is written: `master_region`, $OS_REGION_NAME, or `region_name` of the cloud."
            }
            (Self::Unreachable { cause, .. }, _) if cause.kind == CauseKind::Tls => {
                "Set `cacert` of this target to the authority's or the server's own certificate, or correct the URL."
            }
            (Self::Unreachable { .. }, _) if self.is_broken_upload() => {
                "Run again. If it stays, see the log of the region's Glance: a full disk, or a proxy's limit on sizes, may be behind it."
            }
            (Self::Unreachable { .. } | Self::TimedOut { .. }, _) if self.is_of_provider() => {
                "Check `discovery_endpoint` or `access_token_endpoint` of this target, and that this machine reaches it (proxy, firewall, certificate)."
            }
            (_, Some(400..=403)) if self.is_of_provider() => {
                "Check `client_id`, `client_secret`, `user` and `password` of this target as the identity provider knows them."
            }
            _ if self.is_of_provider() => {
                "Check `discovery_endpoint` or `access_token_endpoint` of this target against what the identity provider documents."
            }
            (_, Some(401 | 403 | 404)) if self.is_login_by(AuthType::Token) => {
                "The token is not valid (any more), or its user has no role in the project: get a new one with `openstack token issue`."
            }
            (_, Some(401))
                if self.is_login_by(AuthType::Totp) || self.is_login_by(AuthType::MultiFactor) =>
            {
                "A passcode is good for some 30 seconds and for one log-in: give a new one, and check user, project and domains of this target."
            }
            (_, Some(401 | 403 | 404)) if self.is_federated_login() => {
                "Check `identity_provider` and `protocol` of this target, and in Keystone that the mapping gives the user a role in the project."
            }
            (_, Some(401))
                if self
                    .operation()
                    .is_some_and(|operation| !operation.is_login()) =>
            {
                "Keystone gave the token, and Glance refused it. Of an application credential with access rules, see docs/rights.md for the requests that they have to allow; otherwise look into the log of that Glance: does it ask the same Keystone, and does it reach it?"
            }
            (_, Some(300..=399)) => {
                "The server points elsewhere: put the URL that it names into the configuration or the catalogue."
            }
            (_, Some(415)) if self.operation() == Some(Operation::Upload) => {
                "The content is not what the image's disk format says: correct the format or the file at the master."
            }
            (_, Some(403 | 405)) if self.operation() == Some(Operation::Upload) => {
                "The region refuses content that is sent to it: set `delivery = import` in the section of this target where the region takes images by import only, or give the user the right to upload (policy `upload_image`)."
            }
            (_, Some(410)) => "Somebody deleted the image meanwhile: run again.",
            (_, Some(409)) if self.is_in_use() => {
                "The image is in use: it can be deleted when no server or volume needs it any more."
            }
            _ => self.code().hint(),
        }
    }

    /// The call that failed; none where it did not come to a call.
    pub fn call(&self) -> Option<&CallRecord> {
        match self {
            Self::Status { call, .. }
            | Self::Unreachable { call, .. }
            | Self::TimedOut { call, .. }
            | Self::BadAnswer { call, .. } => Some(call),
            _ => None,
        }
    }

    /// The failure of a log-in, as that of another target which would have shared it.
    #[must_use]
    pub fn for_target(mut self, target: &TargetName) -> Self {
        if let Self::Status { call, .. }
        | Self::Unreachable { call, .. }
        | Self::TimedOut { call, .. }
        | Self::BadAnswer { call, .. } = &mut self
            && call.operation.is_login()
        {
            call.region.target = target.clone();
        }
        self
    }

    /// The HTTP status; none where the server did not answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { answer, .. } => Some(answer.status),
            _ => None,
        }
    }

    /// True where asking again may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Status { answer, .. } => {
                matches!(answer.status, 408 | 429 | 500 | 502 | 503 | 504)
            }
            Self::Unreachable { cause, .. } => cause.is_transient(),
            Self::TimedOut { .. } => true,
            _ => false,
        }
    }

    /// True where only the server knows whether it did what it was asked to do: its answer was lost, came
    /// from something between, or makes no sense.
    pub fn is_uncertain(&self) -> bool {
        match self {
            Self::Status { answer, .. } => {
                answer.status == 408 || answer.status >= 500 && answer.status != 501
            }
            Self::Unreachable { cause, .. } => !cause.is_before_sending(),
            Self::TimedOut { .. } | Self::BadAnswer { .. } => true,
            _ => false,
        }
    }

    /// True where no server answered at all.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::TimedOut { .. })
    }

    /// How long the server asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { answer, .. } => answer.retry_after,
            _ => None,
        }
    }

    /// The same error of a call that was tried so often, in that time.
    #[must_use]
    pub fn after(mut self, tries: u32, elapsed: Duration) -> Self {
        if let Self::Status { call, .. }
        | Self::Unreachable { call, .. }
        | Self::TimedOut { call, .. }
        | Self::BadAnswer { call, .. } = &mut self
        {
            call.tries = tries;
            call.elapsed = elapsed;
        }
        self
    }

    /// True where the service would not take the token.
    pub fn is_unauthorised(&self) -> bool {
        self.status() == Some(401) || matches!(self, Self::TokenExpired { .. })
    }

    /// True where Glance would not delete an image because something uses it.
    pub fn is_in_use(&self) -> bool {
        self.operation() == Some(Operation::Delete) && self.status() == Some(409)
    }

    /// True where the image is not there (any more).
    pub fn is_gone(&self) -> bool {
        matches!(self.status(), Some(404 | 410))
    }

    fn is_of_provider(&self) -> bool {
        matches!(self.operation(), Some(Operation::AskProvider(_)))
    }

    fn is_login_by(&self, auth_type: AuthType) -> bool {
        self.operation() == Some(Operation::LogIn(auth_type))
    }

    fn is_federated_login(&self) -> bool {
        matches!(self.operation(), Some(Operation::LogIn(auth_type)) if auth_type.is_federated())
    }

    /// True where the server closed the connection while content was sent.
    fn is_broken_upload(&self) -> bool {
        matches!(self, Self::Unreachable { cause, .. } if cause.kind == CauseKind::Lost)
            && self.operation() == Some(Operation::Upload)
    }

    fn operation(&self) -> Option<Operation> {
        self.call().map(|call| call.operation)
    }
}

fn code_of_status(operation: Operation, status: u16) -> ErrorCode {
    match (operation, status) {
        // A token that Keystone does not know (any more) is 404, and OAuth 2.0 has 400 for every
        // refusal of a credential.
        (_, 401)
        | (Operation::LogIn(_), 403)
        | (Operation::LogIn(AuthType::Token), 404)
        | (Operation::AskProvider(_), 400 | 403) => ErrorCode::AuthFailed,
        (operation, 429 | 500..) if operation.is_login() => ErrorCode::KeystoneUnreachable,
        (Operation::Publish, 403) => ErrorCode::PublishRefused,
        (_, 413) => ErrorCode::QuotaExceeded,
        _ => operation.code(),
    }
}
