//! A client of the embedded OpenStack that takes nothing of this crate but its addresses.

use glancesync::sandbox::{KeystoneSpec, RegionSpec, Sandbox, SandboxSpec};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wait::until;

const PATCH: &str = "application/openstack-images-v2.1-json-patch";

/// The md5 of `abc`.
pub(crate) const ABC_MD5: &str = "900150983cd24fb0d6963f7d28e17f72";

/// A logged-in client of one region.
pub(crate) struct Cloud {
    pub(crate) client: Client,
    pub(crate) token: String,
    pub(crate) glance: String,
}

impl Cloud {
    pub(crate) async fn new(sandbox: &Sandbox, region: &str) -> Self {
        let client = Client::builder().no_proxy().build().unwrap();
        let token = log_in(&client, sandbox, "admin", "secret", "admin").await;
        Self {
            client,
            token,
            glance: sandbox.glance_url(region).unwrap().to_owned(),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.glance))
            .header("X-Auth-Token", &self.token)
            .header("Accept", "application/json")
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        split(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn create(&self, fields: Value) -> (StatusCode, Value) {
        let mut body = json!({"disk_format": "raw", "container_format": "bare"});
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        split(
            self.request(Method::POST, "/v2/images")
                .json(&body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn queued(&self) -> String {
        let (status, image) = self.create(json!({})).await;
        assert_eq!(status, 201);
        image["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn upload(
        &self,
        id: &str,
        content: &'static [u8],
    ) -> reqwest::Result<Response> {
        self.request(Method::PUT, &format!("/v2/images/{id}/file"))
            .header("Content-Type", "application/octet-stream")
            .body(content)
            .send()
            .await
    }

    pub(crate) async fn image(&self, id: &str) -> Value {
        self.get(&format!("/v2/images/{id}")).await.1
    }

    pub(crate) async fn patch(&self, id: &str, changes: Value) -> StatusCode {
        self.request(Method::PATCH, &format!("/v2/images/{id}"))
            .header("Content-Type", PATCH)
            .body(changes.to_string())
            .send()
            .await
            .unwrap()
            .status()
    }

    /// Begins an upload by hand and gives the connection, `sent` bytes of `length` being out.
    pub(crate) async fn begin_upload(&self, id: &str, length: usize, sent: usize) -> TcpStream {
        let address = self.glance.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "PUT /v2/images/{id}/file HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {}\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n",
            self.token
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b'x'; sent]).await.unwrap();
        self.wait_for(id, "saving").await;
        stream
    }

    /// Sends content without saying how long it is; gives the answer's status.
    pub(crate) async fn upload_chunked(&self, id: &str, content: &str) -> String {
        let address = self.glance.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "PUT /v2/images/{id}/file HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {}\r\n\
             Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
             {:x}\r\n{content}\r\n0\r\n\r\n",
            self.token,
            content.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[9..]).into_owned()
    }

    pub(crate) async fn wait_for(&self, id: &str, status: &str) {
        let what = format!("an image that is {status}");
        until(&what, async || self.image(id).await["status"] == status).await;
    }
}

async fn split(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    (status, response.json().await.unwrap_or_default())
}

pub(crate) async fn log_in(
    client: &Client,
    sandbox: &Sandbox,
    user: &str,
    password: &str,
    project: &str,
) -> String {
    let response = client
        .post(format!(
            "{}/auth/tokens",
            sandbox.keystone_url("main").unwrap()
        ))
        .json(&json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": user, "password": password, "domain": {"id": "default"},
            }}},
            "scope": {"project": {"name": project, "domain": {"id": "default"}}},
        }}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 201);
    response.headers()["x-subject-token"]
        .to_str()
        .unwrap()
        .to_owned()
}

pub(crate) fn one_region() -> Sandbox {
    Sandbox::start(&SandboxSpec::fleet(["One"])).unwrap()
}

pub(crate) fn with_region(region: RegionSpec) -> Sandbox {
    let keystone = KeystoneSpec::new("main")
        .user("admin", "secret", "admin", ["admin"])
        .region(region);
    Sandbox::start(&SandboxSpec::new().keystone(keystone)).unwrap()
}
