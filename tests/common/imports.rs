//! Imports as the tests make and watch them: staging, import requests, tasks.

use serde_json::{Value, json};

use super::glance::{NewImage, Region, Who};
use super::http::Answer;
use super::wait::wait_for;

/// An import of what was staged.
pub(crate) fn direct() -> Value {
    json!({"method": {"name": "glance-direct"}})
}

/// An import of an image of another region.
pub(crate) fn pull(region: &str, image: &str) -> Value {
    json!({"method": {
        "name": "glance-download", "glance_region": region, "glance_image_id": image,
        "glance_service_interface": "public",
    }})
}

/// The import with those stores.
pub(crate) fn into_stores(mut import: Value, stores: &[&str]) -> Value {
    import["stores"] = json!(stores);
    import
}

impl Region<'_> {
    /// `PUT …/file`, whatever becomes of it.
    pub(crate) fn put(&self, id: &str, content: &[u8]) -> Answer {
        self.send_content(Who::Sync, id, "file", content)
    }

    /// The same into that store.
    pub(crate) fn put_into(&self, id: &str, content: &[u8], store: &str) -> Answer {
        let path = format!("/v2/images/{id}/file");
        let headers = [
            ("Content-Type", "application/octet-stream"),
            ("X-Image-Meta-Store", store),
        ];
        self.send_with(Who::Sync, "PUT", &path, &headers, content)
    }

    /// Sends five bytes to `file` or `stage`, and says that they are so many MiB.
    pub(crate) fn announce(&self, id: &str, what: &str, mebibytes: u64) -> Answer {
        let size = (mebibytes << 20).to_string();
        let headers = [
            ("Content-Type", "application/octet-stream"),
            ("X-OpenStack-Image-Size", size.as_str()),
        ];
        let path = format!("/v2/images/{id}/{what}");
        self.send_with(Who::Sync, "PUT", &path, &headers, b"hello")
    }

    /// `PUT …/stage`, whatever becomes of it.
    pub(crate) fn stage(&self, id: &str, content: &[u8]) -> Answer {
        self.stage_as(Who::Sync, id, content)
    }

    /// The same by anybody.
    pub(crate) fn stage_as(&self, who: Who, id: &str, content: &[u8]) -> Answer {
        self.send_content(who, id, "stage", content)
    }

    fn send_content(&self, who: Who, id: &str, what: &str, content: &[u8]) -> Answer {
        let path = format!("/v2/images/{id}/{what}");
        self.send(who, "PUT", &path, "application/octet-stream", content)
    }

    /// `POST …/import`, whatever becomes of it.
    pub(crate) fn import(&self, id: &str, body: &Value) -> Answer {
        self.import_as(Who::Sync, id, body)
    }

    /// The same by anybody.
    pub(crate) fn import_as(&self, who: Who, id: &str, body: &Value) -> Answer {
        let path = format!("/v2/images/{id}/import");
        let body = body.to_string();
        self.send(who, "POST", &path, "application/json", body.as_bytes())
    }

    /// Makes an image, stages that content and begins to import it; gives the id.
    pub(crate) fn import_new(&self, image: NewImage, content: &[u8], body: &Value) -> String {
        let id = self.create(image);
        self.stage(&id, content).expect(204, "stage");
        self.import(&id, body).expect(202, "import");
        id
    }

    /// Makes an image and begins to pull its content; gives the id.
    pub(crate) fn pull_new(&self, image: NewImage, from: &str, source: &str) -> String {
        let id = self.create(image);
        self.import(&id, &pull(from, source)).expect(202, "import");
        id
    }

    /// The tasks of an image.
    pub(crate) fn tasks(&self, id: &str) -> Vec<Value> {
        self.tasks_as(Who::Sync, id)
    }

    /// The tasks of an image that somebody sees.
    pub(crate) fn tasks_as(&self, who: Who, id: &str) -> Vec<Value> {
        let path = format!("/v2/images/{id}/tasks");
        let tasks = self
            .send(who, "GET", &path, "", b"")
            .expect(200, &path)
            .json();
        tasks["tasks"].as_array().expect("tasks").clone()
    }

    /// What a path answers.
    pub(crate) fn ask(&self, path: &str) -> Answer {
        self.send(Who::Sync, "GET", path, "", b"")
    }

    /// The document that a path answers with, which must be 200.
    pub(crate) fn read(&self, path: &str) -> Value {
        self.ask(path).expect(200, path).json()
    }

    /// Waits until the image has a task that has ended so, and no task has its lock any more; gives the
    /// image as it then is.
    #[track_caller]
    pub(crate) fn wait_for_import(&self, id: &str, status: &str) -> Value {
        let task = self.wait_for_task(id, status);
        wait_for("an image that its task has let go of", || {
            let image = self.get(id).expect("the image");
            (image.get("os_glance_import_task") != Some(&task["id"])).then_some(image)
        })
    }

    /// Waits until the newest task of the image has that status; gives the task.
    #[track_caller]
    pub(crate) fn wait_for_task(&self, id: &str, status: &str) -> Value {
        wait_for(&format!("a task that is {status}"), || {
            let mut tasks = self.tasks(id);
            tasks.sort_by_key(|task| task["created_at"].to_string());
            let newest = tasks.pop()?;
            let ended = newest["status"] == "success" || newest["status"] == "failure";
            assert!(newest["status"] == status || !ended, "{newest}");
            (newest["status"] == status).then_some(newest)
        })
    }
}
