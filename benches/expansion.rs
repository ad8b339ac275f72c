//! A qcow2 expanded to raw as an upload does it, without the upload.
//!
//! `cargo bench --bench expansion -- expand FILE ALGORITHM…` expands the file, whose name is a UUID, and prints its
//! hashes by the algorithms; without any it is expanded and thrown away. `benches/run expansions` compares that
//! with `qemu-img`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that cannot be set up has nothing to go on with; what it made is told"
)]

use std::path::Path;

use glancesync::content::{Content, ImagesDir};
use glancesync::model::ImageId;

fn expand(file: &Path, algorithms: &[String]) {
    let id = ImageId::new(file.file_name().unwrap().to_str().unwrap());
    let size = file.metadata().unwrap().len();
    let found = ImagesDir::new(file.parent().unwrap()).find(&id, size);
    let content = Content::from(found.unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let hashes = runtime.unwrap().block_on(async {
        let expanded = content.expanded().await.unwrap();
        let hashes = expanded.hashes(algorithms.iter().cloned()).await;
        hashes.unwrap()
    });
    for hash in hashes {
        println!("{hash}");
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match &words[..] {
        [word, file, algorithms @ ..] if word == "expand" => expand(Path::new(file), algorithms),
        _ => println!("nothing to expand: see `benches/run expansions`"),
    }
}
