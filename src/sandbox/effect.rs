//! What a fault does to a request, as data.
//!
//! The service's front (`http`) carries most of it out; what belongs to an image itself is handed
//! on to Glance's own code as a `ResponseFault`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whether a fault comes before the service did what was asked of it, or afterwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Nothing was done.
    #[default]
    Before,
    /// It was done, and only the answer is lost or wrong.
    After,
}

/// What a client hears at the end of an upload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Glance's 204.
    #[default]
    Usual,
    /// A proxy's error page with that status.
    Status(u16),
    /// Nothing: the connection is closed.
    Drop,
}

/// How storing an image's content ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaveEnd {
    /// The image is `active`.
    #[default]
    Active,
    /// It is `active` with another content than was sent.
    Damaged,
    /// The store fails, and it is `queued` again.
    Queued,
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportStage {
    /// Its task is `pending`, as where all threads are busy; the image is as it was.
    #[default]
    Pending,
    /// Its task is `processing`, and the image still as it was.
    Processing,
    /// The image is `importing`, and nothing was read yet.
    Importing,
    /// The image is `active`, and the task still `processing`.
    Active,
}

/// How an import ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportEnd {
    /// As it should.
    #[default]
    Usual,
    /// It fails before the content is stored: the image is `queued` again.
    Failed,
    /// It fails while the content is stored: an image that was staged stays `importing` for ever,
    /// unless a conversion puts it back, and one that is pulled is `queued` again.
    FailedInStore,
    /// The image is `active`, and its first byte is another.
    Damaged,
    /// The image is `active` with half of its bytes.
    Truncated,
    /// The image is `active` with 512 more bytes, zeros.
    Longer,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Effect {
    /// Answers with this status. The request's body is read first, unless `early` is set: then
    /// the answer comes at once and the connection is closed over the unread body.
    Answer {
        /// HTTP status code.
        status: u16,
        /// Headers of the answer, such as `Retry-After`.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body; none gives the service's own error body of that status.
        #[serde(default)]
        body: Option<String>,
        /// Before or after the request took effect.
        #[serde(default)]
        when: When,
        /// Whether the request's body is left unread.
        #[serde(default)]
        early: bool,
    },
    /// Waits, then goes on as usual.
    Delay {
        /// Milliseconds.
        millis: u64,
    },
    /// Never answers; the connection stays open.
    Hang {
        /// Before or after the request took effect.
        #[serde(default)]
        when: When,
    },
    /// Closes the connection without an answer.
    Drop {
        /// Before or after the request took effect.
        #[serde(default)]
        when: When,
    },
    /// Closes the connection after so many bytes of an upload were read.
    DropUpload {
        /// Bytes of the request's body.
        bytes: u64,
    },
    /// The service dies after so many bytes of an upload were read, as if killed, and is back at
    /// once: every connection to it is closed, and the image stays `saving` for ever.
    Crash {
        /// Bytes of the request's body.
        bytes: u64,
    },
    /// After the last byte of an upload the image stays `saving` for a while, as long as the store
    /// takes, and the answer does not wait for it.
    SaveLater {
        /// Milliseconds from the last byte until the image has its new status.
        millis: u64,
        /// What is answered meanwhile.
        #[serde(default)]
        answer: Reply,
        /// What becomes of the image.
        #[serde(default)]
        end: SaveEnd,
    },
    /// An import takes its time, and ends so.
    Import {
        /// Where it waits.
        #[serde(default)]
        wait_at: ImportStage,
        /// For how long, in milliseconds; none means for ever.
        #[serde(default)]
        millis: Option<u64>,
        /// What becomes of it then.
        #[serde(default)]
        end: ImportEnd,
    },
    /// The image that a `POST` makes is not seen for a while, as where a replica of the database
    /// lags behind: its own paths are 404, and lists leave it out.
    Unseen {
        /// Milliseconds from its creation.
        millis: u64,
    },
    /// The service does not see that header of the request; `range` makes a store one that always
    /// sends the whole.
    IgnoreHeader {
        /// Its name.
        name: String,
    },
    /// The request has its effect, and the JSON of the answer is changed.
    Rewrite {
        /// JSON pointers (`/id`, `/images/0/checksum`) and the values that are put there.
        values: BTreeMap<String, serde_json::Value>,
    },
    /// A page of a list holds as many images as asked for, none of which exists, and leads to
    /// another page like it, behind a marker that was never given before.
    EndlessList,
    /// Sends only so many bytes of the answer's body, then closes the connection.
    CutBody {
        /// Bytes of the answer's body.
        bytes: u64,
    },
    /// Answers with the usual status and a body that breaks off, though it claims to be JSON.
    WrongJson,
    /// Reads an upload, or sends a body, at that rate only.
    Slow {
        /// Bytes a second.
        bytes_per_sec: u64,
    },
    /// An upload is stored damaged, so that its checksums are others; a download is sent with its
    /// first byte changed.
    WrongContent,
    /// The token turns out to be expired: it is revoked, and the answer is 401.
    ExpireToken,
    /// An upload is read to its end and then refused with 415, as if its content were not what
    /// `disk_format` says.
    WrongFormat,
    /// Answers with this status, and with all that the request held, secrets included, in its body
    /// and its headers: what a proxy does that was left in debugging.
    Echo {
        /// HTTP status code.
        status: u16,
    },
    /// Answers with this status and a body that never ends.
    Endless {
        /// HTTP status code.
        status: u16,
        /// How the body begins.
        start: String,
        /// What comes after that, again and again.
        piece: String,
    },
}

impl Effect {
    /// A proxy's `status` after the last byte of an upload, while the image goes on being stored
    /// and is `active` after so many milliseconds.
    pub fn late(status: u16, millis: u64) -> Self {
        Self::SaveLater {
            millis,
            answer: Reply::Status(status),
            end: SaveEnd::Active,
        }
    }

    /// 204 after the last byte of an upload, and `saving` for so many milliseconds more.
    pub fn saving(millis: u64) -> Self {
        Self::SaveLater {
            millis,
            answer: Reply::Usual,
            end: SaveEnd::Active,
        }
    }

    /// An import that ends so.
    pub fn import(end: ImportEnd) -> Self {
        Self::Import {
            wait_at: ImportStage::Pending,
            millis: Some(0),
            end,
        }
    }

    /// An import that waits there for so many milliseconds, and then goes on as usual.
    pub fn import_waits(wait_at: ImportStage, millis: u64) -> Self {
        Self::Import {
            wait_at,
            millis: Some(millis),
            end: ImportEnd::Usual,
        }
    }

    /// An import that comes no further than that.
    pub fn import_hangs(wait_at: ImportStage) -> Self {
        Self::Import {
            wait_at,
            millis: None,
            end: ImportEnd::Usual,
        }
    }

    /// A change of the answer's JSON in one place, which a JSON pointer gives.
    pub fn rewrite(pointer: &str, value: impl Into<serde_json::Value>) -> Self {
        Self::Rewrite {
            values: BTreeMap::from([(pointer.to_owned(), value.into())]),
        }
    }

    /// An answer of that status instead of the usual one, nothing having been done.
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            headers: BTreeMap::new(),
            body: None,
            when: When::Before,
            early: false,
        }
    }

    /// An answer of that status without reading the request's body; the connection is closed.
    pub fn early(status: u16) -> Self {
        Self::Answer {
            status,
            headers: BTreeMap::new(),
            body: None,
            when: When::Before,
            early: true,
        }
    }

    /// An answer of that status with a `Retry-After` header of that many seconds.
    pub fn retry_after(status: u16, secs: u64) -> Self {
        Self::Answer {
            status,
            headers: BTreeMap::from([("Retry-After".to_owned(), secs.to_string())]),
            body: None,
            when: When::Before,
            early: false,
        }
    }
}
