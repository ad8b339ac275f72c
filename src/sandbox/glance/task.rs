//! The tasks that imports leave: what `GET /v2/images/{id}/tasks` lists.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

/// What Glance says of every failure whose cause it does not tell.
pub(super) const INTERNAL_ERROR: &str = "Task failed due to Internal Error";
/// How long a task is kept after its end (`task_time_to_live`).
const KEPT_HOURS: i64 = 48;

/// How far a task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskStatus {
    Pending,
    Processing,
    Success,
    Failure,
}

impl TaskStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// Who asked for a task, and by which request.
#[derive(Debug, Clone)]
pub(super) struct TaskOrigin {
    pub(super) owner: Option<String>,
    pub(super) user_id: String,
    pub(super) request_id: String,
}

/// One import.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) image_id: String,
    pub(super) origin: TaskOrigin,
    status: TaskStatus,
    message: String,
    input: Value,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

impl Task {
    /// A pending import of an image into those stores, as that document asks for it.
    pub(super) fn new(image: &str, origin: TaskOrigin, request: &Value, stores: &[String]) -> Self {
        let now = Utc::now();
        Self {
            id: Uuid::new_v4().to_string(),
            image_id: image.to_owned(),
            origin,
            status: TaskStatus::Pending,
            message: String::new(),
            input: json!({"image_id": image, "import_req": request, "backend": stores}),
            created_at: now,
            updated_at: now,
            expires_at: None,
        }
    }

    /// Begins it.
    pub(super) fn begin(&mut self) {
        self.status = TaskStatus::Processing;
        self.updated_at = Utc::now();
    }

    /// Ends it.
    pub(super) fn end(&mut self, status: TaskStatus, message: &str) {
        let now = Utc::now();
        self.status = status;
        message.clone_into(&mut self.message);
        self.updated_at = now;
        self.expires_at = Some(now + TimeDelta::hours(KEPT_HOURS));
    }

    /// What a list has of it.
    pub(super) fn view(&self) -> Value {
        let stamp = |time: DateTime<Utc>| time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
        let result = match self.status {
            TaskStatus::Success => json!({"image_id": self.image_id}),
            _ => Value::Null,
        };
        json!({
            "id": self.id,
            "type": "api_image_import",
            "status": self.status.as_str(),
            "owner": self.origin.owner,
            "expires_at": self.expires_at.map(stamp),
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
            "deleted_at": null,
            "deleted": false,
            "image_id": self.image_id,
            "request_id": self.origin.request_id,
            "user_id": self.origin.user_id,
            "input": self.input,
            "result": result,
            "message": self.message,
        })
    }
}
