//! What a server says about an error, made fit for one line of a report.

use serde_json::Value;
use url::form_urlencoded;

use crate::model::Secret;

/// Most characters of a server's message that are kept.
const MAX_CHARS: usize = 400;

/// The message in the body of an error answer: JSON's `message` (Glance), `error.message`
/// (Keystone), or the text of an HTML page; tags taken off, on one line, bounded in length. Empty
/// where the body says nothing. `***` stands where the server repeats the secret.
pub(super) fn of_body(body: &[u8], secrets: &[&Secret]) -> String {
    // Before anything is taken off or cut, for what is left of a secret is not known as one; and
    // once more, for it may be written otherwise inside of JSON.
    let text = without_secrets(String::from_utf8_lossy(body).into_owned(), secrets);
    let message = serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|json| in_json(&json))
        .map_or(text, |message| without_secrets(message, secrets));
    let plain = without_secrets(without_tags(&message), secrets);
    one_line(&plain)
}

fn without_secrets(text: String, secrets: &[&Secret]) -> String {
    secrets
        .iter()
        .fold(text, |text, secret| without_secret(text, secret.expose()))
}

/// The text with `***` for the secret, as it is and as JSON, URLs and forms write it.
fn without_secret(mut text: String, secret: &str) -> String {
    if secret.is_empty() {
        return text;
    }
    let json = Value::from(secret).to_string();
    let json = &json[1..json.len() - 1];
    let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let url = form.replace('+', "%20");
    for spelling in [secret, json, &form, &url] {
        text = text.replace(spelling, "***");
    }
    text
}

fn in_json(json: &Value) -> Option<String> {
    [
        "message",
        "error_description",
        "title",
        "description",
        "faultstring",
    ]
    .iter()
    .find_map(|key| json[key].as_str().filter(|text| !text.trim().is_empty()))
    .map(ToOwned::to_owned)
    // Keystone and most proxies wrap the same fields in one object.
    .or_else(|| json.get("error").and_then(in_json))
    .or_else(|| json.as_str().map(ToOwned::to_owned))
}

/// Each tag becomes a space; what stands in `<head>`, `<style>` and `<script>` goes with it.
fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        out.push_str(&rest[..start]);
        let tag = &rest[start + 1..];
        // `size < 5` is not a tag.
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') {
            out.push('<');
            rest = tag;
            continue;
        }
        let name: String = tag
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        out.push(' ');
        let end = if matches!(name.as_str(), "head" | "style" | "script") {
            let close = format!("</{name}>");
            tag.to_ascii_lowercase()
                .find(&close)
                .map(|at| at + close.len())
        } else {
            tag.find('>').map(|at| at + 1)
        };
        let Some(end) = end else { return out };
        rest = &tag[end..];
    }
    out.push_str(rest);
    for (entity, character) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ] {
        out = out.replace(entity, character);
    }
    out
}

fn one_line(text: &str) -> String {
    let line = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_glance_keystone_and_proxies_are_found() {
        for (body, message) in [
            (
                r#"{"message": "Image <b>x</b> not found.<br /><br />\n\n\n", "code": "404 Not Found", "title": "Not Found"}"#,
                "Image x not found.",
            ),
            (
                r#"{"error": {"code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized"}}"#,
                "The request you have made requires authentication.",
            ),
            (
                "<html>\n <head>\n  <title>403 Forbidden</title>\n </head>\n <body>\n  <h1>403 Forbidden</h1>\n  You are not authorized &amp; so on.<br /><br />\n\n </body>\n</html>",
                "403 Forbidden You are not authorized & so on.",
            ),
            ("plain\ttext\u{7}\n", "plain text"),
            ("size < 5 and > 3", "size < 5 and > 3"),
            ("a <unclosed", "a"),
            ("", ""),
            ("{}", "{}"),
        ] {
            assert_eq!(of_body(body.as_bytes(), &[]), message, "{body}");
        }
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let message = of_body("ä".repeat(MAX_CHARS * 2).as_bytes(), &[]);
        assert_eq!(message.chars().count(), MAX_CHARS + 1);
        assert!(of_body(&[0xff, 0xfe, b'x'], &[]).ends_with('x'));
    }

    #[test]
    fn a_repeated_secret_is_not_quoted_however_it_is_written_or_cut() {
        let secret = Secret::new("p\"a\\s <b>&s\u{e9}");
        let json = Value::from(secret.expose()).to_string();
        let twice = serde_json::json!({"message": json}).to_string();
        let url = form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect::<String>();
        let long = format!("{}{}", "x".repeat(MAX_CHARS - 4), secret.expose());
        for body in [secret.expose(), &json, &twice, &url, &long] {
            let said = of_body(body.as_bytes(), &[&secret]);
            assert!(!said.contains("p\"") && !said.contains("a\\"), "{said}");
            assert!(said.contains("***"), "{said}");
        }
        assert_eq!(of_body(b"all well", &[&Secret::default()]), "all well");
    }
}
