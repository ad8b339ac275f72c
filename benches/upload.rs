//! How fast content goes from a folder of images to a server, beside the same bytes sent through a
//! bare socket. The server is on loopback and throws everything away, so that only the client is
//! measured.
//!
//! `GLANCESYNC_BENCH_IMAGES` names a folder whose files, named by UUIDs, are sent instead of
//! generated ones.

#![allow(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up has nothing to go on with"
)]

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use glancesync::model::{
    Auth, ByteSize, Credential, ImageId, Interface, ProjectRef, Secret, TargetName, UserRef,
};
use glancesync::openstack::{
    GlanceOptions, GlanceWriter, HttpClients, MasterEndpoints, RetryPolicy, Session, TlsOptions,
};
use glancesync::transfer::{Content, ImagesDir, UploadLimits, upload};
use serde_json::json;

const SOCKET_BUFFER_BYTES: usize = 1 << 20;

const LIMITS: UploadLimits = UploadLimits {
    stall_timeout: Duration::from_mins(1),
    pace: None,
};

fn uploads(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let images = std::env::var_os("GLANCESYNC_BENCH_IMAGES")
        .map_or_else(|| generate(folder.path()), |real| find(Path::new(&real)));
    let address = start_sink();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let writer = runtime.block_on(log_in(&address));
    let mut group = criterion.benchmark_group("upload");
    group.sample_size(20).sampling_mode(SamplingMode::Flat);
    for (id, content) in &images {
        let size = content.size();
        let name = ByteSize(size).to_string();
        group.throughput(Throughput::Bytes(size));
        group.bench_function(BenchmarkId::new("glancesync", &name), |bencher| {
            bencher.iter(|| {
                let sent = Arc::default();
                runtime
                    .block_on(upload(&writer, id, content, &sent, &LIMITS))
                    .unwrap();
            });
        });
        group.bench_function(BenchmarkId::new("bare socket", &name), |bencher| {
            bencher.iter(|| send_bare(&address, content).unwrap());
        });
    }
    group.finish();
}

fn generate(folder: &Path) -> Vec<(ImageId, Content)> {
    let block: Vec<u8> = (0..=250).cycle().take(1 << 20).collect();
    for (number, mebibytes) in [(1, 64), (2, 512)] {
        let path = folder.join(format!("00000000-0000-4000-8000-{number:012}"));
        let mut file = File::create(path).unwrap();
        for _ in 0..mebibytes {
            file.write_all(&block).unwrap();
        }
    }
    find(folder)
}

fn find(folder: &Path) -> Vec<(ImageId, Content)> {
    let images = ImagesDir::new(folder);
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let id = ImageId::new(entry.file_name().to_str()?);
            let content = images.find(&id, entry.metadata().ok()?.len()).ok()?;
            Some((id, content))
        })
        .collect();
    found.sort_by_key(|(_, content)| content.size());
    found
}

async fn log_in(address: &str) -> GlanceWriter {
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

/// What the client is measured against: a file and a socket, and nothing between them.
fn send_bare(address: &str, content: &Content) -> io::Result<()> {
    let mut file = File::open(content.path().unwrap())?;
    let mut stream = TcpStream::connect(address)?;
    let size = content.size();
    write!(
        stream,
        "PUT /bare HTTP/1.1\r\ncontent-length: {size}\r\n\r\n"
    )?;
    let mut buffer = vec![0; SOCKET_BUFFER_BYTES];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        stream.write_all(&buffer[..length])?;
    }
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    assert!(answer.contains("204"), "{answer}");
    Ok(())
}

/// A server that logs everybody in and throws away what it gets.
fn start_sink() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let named = address.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let address = named.clone();
            // A connection that is closed is the end of it, and no error.
            thread::spawn(move || drop(serve(&stream, &address)));
        }
    });
    address
}

fn serve(stream: &TcpStream, address: &str) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(SOCKET_BUFFER_BYTES, stream);
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
            if let Some(length) = line.strip_prefix("content-length: ") {
                left = length.parse().unwrap();
            }
        }
        while left > 0 {
            let length = reader.fill_buf()?.len().min(left);
            reader.consume(length);
            left -= length;
        }
        let answer = if request.starts_with("POST") {
            token(address)
        } else {
            "HTTP/1.1 204 No Content\r\n\r\n".to_owned()
        };
        (&*stream).write_all(answer.as_bytes())?;
    }
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

criterion_group!(benches, uploads);
criterion_main!(benches);
