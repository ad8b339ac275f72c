//! Imports: the region's Glance takes content out of its staging area, or fetches it from another region, and
//! runs its import plugins over it (Image API v2, "Import an image").

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::error::Operation;
use super::glance_service::CALL_TIMEOUT;
use super::retry::Repeat;
use super::{GlanceWriter, OpenStackError};
use crate::model::{ImageId, Interface};

/// Where an import takes the content from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportMethod {
    /// From the staging area (`glance-direct`).
    Direct,
    /// From another region of the same Keystone (`glance-download`).
    Download {
        /// The bare name of that region.
        region: String,
        /// The image there.
        image: ImageId,
        /// Which of that region's endpoints is asked.
        interface: Interface,
    },
}

impl ImportMethod {
    /// Glance's word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Direct => "glance-direct",
            Self::Download { .. } => "glance-download",
        }
    }

    fn to_json(&self) -> Value {
        let name = self.as_str();
        match self {
            Self::Direct => json!({ "name": name }),
            Self::Download {
                region,
                image,
                interface,
            } => json!({
                "name": name,
                "glance_region": region,
                "glance_image_id": image,
                "glance_service_interface": interface.as_str(),
            }),
        }
    }
}

/// How far a task is (Image API v2, "Tasks").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// It waits for a thread, or runs.
    Unfinished,
    /// It did what it was to do.
    Success,
    /// It failed.
    Failure,
}

/// The task of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportTask {
    /// How far it is.
    pub status: TaskStatus,
    /// What the server says of it; empty where it says nothing.
    pub message: String,
    created_at: Option<DateTime<Utc>>,
}

/// The imports of one region.
#[derive(Debug)]
pub struct GlanceImport<'a>(&'a GlanceWriter);

impl<'a> GlanceImport<'a> {
    /// Those of that region.
    pub fn of(writer: &'a GlanceWriter) -> Self {
        Self(writer)
    }

    /// Starts the import of an image without content (Image API v2, "Import an image"), into those stores or
    /// into none of them; without any, into the default store. Never done twice for one image: where
    /// nobody knows whether a request arrived, it is not repeated.
    ///
    /// # Errors
    ///
    /// Codes `import_failed`, `quota_exceeded`, `region_unreachable` and those of a log-in.
    pub async fn start(
        &self,
        id: &ImageId,
        method: &ImportMethod,
        stores: &[String],
    ) -> Result<(), OpenStackError> {
        let service = self.0.service();
        let url = service.endpoint.v2(&["images", id.as_str(), "import"]);
        let mut request = service.request(Operation::Import, Method::POST, url);
        let mut body = json!({ "method": method.to_json() });
        if !stores.is_empty() {
            body["stores"] = json!(stores);
            body["all_stores_must_succeed"] = true.into();
        }
        let media_type = HeaderValue::from_static("application/json");
        request.body = Some((media_type, Bytes::from(body.to_string())));
        let started = service.call(&request, Repeat::IfNotReceived, CALL_TIMEOUT, None);
        started.await.map(drop)
    }

    /// The newest task of an image (Image API v2, "List tasks associated with an image"); none where there is
    /// none.
    ///
    /// # Errors
    ///
    /// Codes `import_failed`, `region_unreachable` and those of a log-in. A region that does not tell answers with
    /// 403 or 404.
    pub async fn newest_task(&self, id: &ImageId) -> Result<Option<ImportTask>, OpenStackError> {
        let service = self.0.service();
        let url = service.endpoint.v2(&["images", id.as_str(), "tasks"]);
        let request = service.request(Operation::Import, Method::GET, url);
        let called = service.call(&request, Repeat::Freely, CALL_TIMEOUT, None);
        let (answer, _) = called.await?;
        let answer = service.json(&request, &answer)?;
        let tasks = answer["tasks"].as_array().into_iter().flatten();
        // Of equal times the last one listed is not newer: Glance lists the newest first.
        let newest = tasks
            .map(read_task)
            .rev()
            .max_by_key(|task| task.created_at);
        Ok(newest)
    }
}

fn read_task(json: &Value) -> ImportTask {
    let text = |name: &str| json[name].as_str().unwrap_or_default();
    ImportTask {
        status: match text("status") {
            "success" => TaskStatus::Success,
            "failure" => TaskStatus::Failure,
            _ => TaskStatus::Unfinished,
        },
        message: text("message").trim().to_owned(),
        created_at: text("created_at").parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_told_as_the_api_takes_it() {
        assert_eq!(
            ImportMethod::Direct.to_json(),
            json!({"name": "glance-direct"})
        );
        let pull = ImportMethod::Download {
            region: "Spain".to_owned(),
            image: ImageId::new("one"),
            interface: Interface::Internal,
        };
        assert_eq!(
            pull.to_json(),
            json!({
                "name": "glance-download",
                "glance_region": "Spain",
                "glance_image_id": "one",
                "glance_service_interface": "internal",
            })
        );
    }

    #[test]
    fn a_task_is_read_whatever_is_missing() {
        let read = read_task(&json!({
            "status": "failure", "message": " Internal Error ", "created_at": "2026-01-02T03:04:05Z",
        }));
        assert_eq!(read.status, TaskStatus::Failure);
        assert_eq!(read.message, "Internal Error");
        assert!(read.created_at.is_some());
        for odd in [
            json!(null),
            json!({}),
            json!({"status": 7, "message": null}),
        ] {
            let read = read_task(&odd);
            assert_eq!(
                (read.status, read.message.as_str()),
                (TaskStatus::Unfinished, "")
            );
        }
    }
}
