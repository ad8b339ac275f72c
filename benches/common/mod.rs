//! A Keystone with one Glance that cost next to nothing: one list, and uploads that are read and
//! thrown away.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use glancesync::model::{Auth, Credential, Interface, ProjectRef, Secret, TargetName, UserRef};
use glancesync::openstack::{
    GlanceOptions, GlanceWriter, HttpClients, MasterEndpoints, RetryPolicy, Session, TlsOptions,
};
use serde_json::{Value, json};

const BUFFER_BYTES: usize = 1 << 20;

/// The address of a server that gives this list to whoever asks for any.
pub(crate) fn start(list: &[Value]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let token = token(&address);
    let list: Arc<str> = json!({"images": list}).to_string().into();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (token, list) = (token.clone(), Arc::clone(&list));
            // A connection that is closed is the end of it, and no error.
            thread::spawn(move || drop(serve(&stream, &token, &list)));
        }
    });
    address
}

/// A writer, and so a reader, of its region.
pub(crate) async fn log_in(address: &str) -> GlanceWriter {
    let http = HttpClients::default().get(&TlsOptions::default()).unwrap();
    let credential = Credential {
        keystone_url: format!("http://{address}").parse().unwrap(),
        auth: Auth::Password {
            user: UserRef::Id("user".to_owned()),
            password: Secret::new("secret"),
            project: ProjectRef::Id("project".to_owned()),
        },
    };
    let retry = RetryPolicy::new(0);
    let session = Session::log_in(http, TargetName::master(), credential, retry)
        .await
        .unwrap();
    let master = MasterEndpoints::of(&session, "Master").unwrap();
    let options = GlanceOptions::default();
    GlanceWriter::new(&session, "R", Interface::Public, options, &master).unwrap()
}

/// The same, of a server of its own.
#[allow(dead_code, reason = "not every bench has several")]
pub(crate) async fn log_in_to_new() -> GlanceWriter {
    log_in(&start(&[])).await
}

/// A runtime as an arbiter has it.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// An image as Glance lists it.
#[allow(dead_code, reason = "not every bench has lists")]
pub(crate) fn listed(number: usize) -> Value {
    let id = format!("00000000-0000-4000-8000-{number:012}");
    json!({
        "id": id, "name": format!("base_image_of_the_fleet_{number}"), "status": "active",
        "visibility": "public", "owner": "project", "size": number, "virtual_size": number,
        "checksum": "d41d8cd98f00b204e9800998ecf8427e", "os_hash_algo": "sha512",
        "os_hash_value": "cf83e1357eefb8bd".repeat(8), "disk_format": "qcow2",
        "container_format": "bare", "min_disk": 10, "min_ram": 512, "protected": false,
        "os_hidden": false, "tags": [], "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:04:05Z", "self": format!("/v2/images/{id}"),
        "file": format!("/v2/images/{id}/file"), "schema": "/v2/schemas/image",
        "stores": "local", "nid": number.to_string(), "type": "baseimage",
        "os_version": "22.04", "hw_disk_bus": "virtio",
    })
}

fn serve(stream: &TcpStream, token: &str, list: &str) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, stream);
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut left = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if line.starts_with("expect:") {
                (&*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            if let Some(length) = line.strip_prefix("content-length: ") {
                left = length.parse().unwrap();
            }
        }
        discard(&mut reader, left)?;
        let mut stream = stream;
        match request.split(' ').next() {
            Some("POST") => stream.write_all(token.as_bytes())?,
            Some("GET") => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", list.len());
                stream.write_all(head.as_bytes())?;
                stream.write_all(list.as_bytes())?;
            }
            _ => stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?,
        }
    }
}

fn discard(reader: &mut BufReader<&TcpStream>, mut left: usize) -> io::Result<()> {
    let buffered = reader.buffer().len().min(left);
    reader.consume(buffered);
    left -= buffered;
    let mut buffer = vec![0; BUFFER_BYTES.min(left)];
    while left > 0 {
        let most = buffer.len().min(left);
        let length = reader.get_mut().read(&mut buffer[..most])?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= length;
    }
    Ok(())
}

fn token(address: &str) -> String {
    let endpoint = |region: &str, path: &str| json!({"region_id": region, "interface": "public", "url": format!("http://{address}{path}")});
    let body = json!({"token": {
        "project": {"id": "project"},
        "catalog": [{"type": "image", "endpoints": [endpoint("R", ""), endpoint("Master", "/m")]}],
    }})
    .to_string();
    format!(
        "HTTP/1.1 201 Created\r\nx-subject-token: token\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
