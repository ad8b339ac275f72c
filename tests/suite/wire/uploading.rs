//! Sending content (`PUT /v2/images/{id}/file`).

use serde_json::json;

use super::pair::{Pair, image};
use super::{Case, ask, compare, contents};

fn put(name: &str, status: u16) -> Case {
    ask(&format!("PUT /v2/images/<{name}>/file {status}"))
}

/// An upload with the size announced.
fn put_sized(name: &str, status: u16, content: &[u8], size: &str) -> Case {
    put(name, status)
        .header("X-OpenStack-Image-Size", size)
        .content(content)
}

#[test]
#[ignore = "needs the lab"]
fn content_is_taken_alike() {
    compare(|pair| {
        let long = vec![7; 300_000];
        for (name, upload) in [
            ("plain", put("plain", 204).content("hello")),
            ("sized", put_sized("sized", 204, b"hello", "5")),
            ("long", put_sized("long", 204, &long, "300000")),
            ("empty", put_sized("empty", 204, b"", "0")),
            ("chunked", put("chunked", 204).chunked("hello")),
            (
                "chunkedsized",
                put("chunkedsized", 204)
                    .header("X-OpenStack-Image-Size", "5")
                    .chunked("hello"),
            ),
            ("chunkedempty", put("chunkedempty", 204).chunked("")),
            (
                "lengthless",
                put("lengthless", 204).header("Content-Type", "application/octet-stream"),
            ),
            (
                "parameter",
                put("parameter", 204).bytes("application/octet-stream; a=b", "hello"),
            ),
            ("html", put("html", 204).content("x").accept("text/html")),
        ] {
            pair.create(name, json!({}));
            pair.check(upload);
            pair.show(name);
            pair.check(put(name, 409).content("again"));
        }
        pair.check(
            ask("POST /v2/images 201")
                .foreign()
                .json(image("theirs", json!({}))),
        );
        pair.check(put("theirs", 204).foreign().content("hello"));
        pair.show("theirs");
    });
}

#[test]
#[ignore = "needs the lab"]
fn content_is_refused_alike() {
    compare(|pair| {
        pair.create("queued", json!({}));
        pair.check_all([
            put_sized("queued", 400, b"hello", "6"),
            put_sized("queued", 400, b"hello", "3"),
            put_sized("queued", 400, b"hello", "x"),
            put("queued", 415).bytes("text/plain", "hello"),
            put("queued", 415).bytes("application/json", "hello"),
            put("queued", 404).foreign().content("hello"),
            put("absent", 404).content("hello"),
        ]);
        pair.show("queued");
        // No file has been left behind that would be in the way.
        pair.check(put_sized("queued", 204, b"hello", "5"));
        pair.create_active("public", json!({"visibility": "public"}), b"hello");
        pair.check(put("public", 403).foreign().content("hello"));
        pair.check(put("public", 409).content("hello"));
        pair.check("POST /v2/images/<public>/actions/deactivate 204");
        pair.check(put("public", 409).content("hello"));
        pair.check("DELETE /v2/images/<public> 204");
        pair.check(put("public", 404).content("hello"));
        for (name, attributes) in [
            (
                "formless",
                json!({"disk_format": null, "container_format": null}),
            ),
            ("diskless", json!({"disk_format": null})),
            ("containerless", json!({"container_format": null})),
        ] {
            pair.create(name, attributes);
            pair.check(put(name, 400).content("hello"));
            pair.show(name);
        }
    });
}

/// Uploads content to a new image of that format, and shows what has become of it.
fn upload_as(pair: &mut Pair, name: &str, formats: (&str, &str), status: u16, content: &[u8]) {
    let (disk, container) = formats;
    pair.create(
        name,
        json!({"disk_format": disk, "container_format": container}),
    );
    pair.check(put_sized(name, status, content, &content.len().to_string()));
    pair.show(name);
    if status != 204 {
        // What was refused for its format cannot be sent again, right or wrong.
        pair.check(put(name, 500).content(content));
        pair.show(name);
    }
    pair.check(format!("DELETE /v2/images/<{name}> 204").as_str());
}

#[test]
#[ignore = "needs the lab"]
fn formats_are_checked_alike() {
    let cut = &contents::qcow2()[..300];
    compare(|pair| {
        for (number, (disk, status, content)) in [
            ("qcow2", 204, contents::qcow2()),
            ("qcow2", 415, b"hello".to_vec()),
            ("qcow2", 415, Vec::new()),
            ("qcow2", 415, vec![0; 70_000]),
            ("qcow2", 415, contents::qcow2_on_another()),
            ("qcow2", 415, cut.to_vec()),
            ("qcow2", 415, contents::iso()),
            ("raw", 204, contents::qcow2()),
            ("raw", 204, contents::iso()),
            ("raw", 204, contents::partitioned(true)),
            ("raw", 415, contents::partitioned(false)),
            ("ami", 415, contents::qcow2()),
            ("ami", 415, contents::partitioned(true)),
            ("aki", 204, b"hello".to_vec()),
            ("aki", 415, contents::partitioned(true)),
            ("ari", 204, b"hello".to_vec()),
            ("vmdk", 204, contents::vmdk("monolithicSparse")),
            ("vmdk", 415, contents::vmdk("monolithicFlat")),
            ("vmdk", 415, b"hello".to_vec()),
            ("iso", 204, contents::iso()),
            ("iso", 415, b"hello".to_vec()),
            ("vhd", 204, contents::vhd()),
            ("vhd", 415, b"hello".to_vec()),
            ("vhdx", 415, contents::vhdx()),
            ("vdi", 415, b"hello".to_vec()),
            ("ploop", 204, b"hello".to_vec()),
        ]
        .into_iter()
        .enumerate()
        {
            upload_as(
                pair,
                &format!("i{number}"),
                (disk, "bare"),
                status,
                &content,
            );
        }
        // Only in `bare` the content is looked at.
        for (number, (disk, container)) in [
            ("ami", "ami"),
            ("aki", "aki"),
            ("qcow2", "ovf"),
            ("vmdk", "ova"),
            ("raw", "docker"),
        ]
        .into_iter()
        .enumerate()
        {
            upload_as(
                pair,
                &format!("c{number}"),
                (disk, container),
                204,
                b"hello",
            );
        }
    });
}
