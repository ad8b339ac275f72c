//! URLs without the user names and passwords in them, wherever they stand in what a Glance answers.

use serde_json::Value;

/// Takes `user:password@` out of every URL in every string of `value`: `locations` and `direct_url`
/// may hold those of the store (Image API v2, "Show image").
pub fn remove(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(clean) = without_userinfo(text) {
                *text = clean;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(remove),
        Value::Object(fields) => fields.values_mut().for_each(remove),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text with clean URLs; none where they are clean already.
fn without_userinfo(text: &str) -> Option<String> {
    const AUTHORITY: &str = "://";
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(AUTHORITY) {
        let (before, after) = rest.split_at(at + AUTHORITY.len());
        clean.push_str(before);
        rest = &after[userinfo_len(after)..];
    }
    clean.push_str(rest);
    (clean.len() < text.len()).then_some(clean)
}

/// The length of `user:password@` at the beginning of what follows `://`; 0 where there is none.
fn userinfo_len(after: &str) -> usize {
    let url_end = after
        .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>'))
        .unwrap_or(after.len());
    let url = &after[..url_end];
    let authority_end = url.find(['/', '?', '#', '\\']).unwrap_or(url.len());
    let authority = &url[..authority_end];
    if let Some(at) = authority.rfind('@') {
        return at + 1;
    }
    // A password may hold a slash that nobody encoded. What follows the colon is then no port.
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    let is_address = authority.starts_with('[') || port.bytes().all(|byte| byte.is_ascii_digit());
    match url.find('@') {
        Some(at) if !is_address => at + 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_url_keeps_its_user_and_password() {
        for (text, clean) in [
            ("http://u:p@h/x", "http://h/x"),
            (
                "swift+https://acc%3Auser:key@auth.example.org:5000/v3/c/o",
                "swift+https://auth.example.org:5000/v3/c/o",
            ),
            (
                "s3://AKIA:a/b+c=@s3.example.org/bucket/o",
                "s3://s3.example.org/bucket/o",
            ),
            ("http://u:p@q@h/", "http://h/"),
            ("ssh://git@h/r", "ssh://h/r"),
            ("cinder://u:p@", "cinder://"),
            (
                "see http://a:b@c/ and ftp://d:e@f, or \"g://h:i@j\"",
                "see http://c/ and ftp://f, or \"g://j\"",
            ),
        ] {
            assert_eq!(without_userinfo(text).as_deref(), Some(clean), "{text}");
        }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for text in [
            "",
            "rbd://fsid/pool/image/snap",
            "file:///var/lib/glance/images/1",
            "http://h:9292/a@b?c=d@e#f@g",
            "http://[::1]:9292/a@b",
            "http://h/ me@example.org",
            "me@example.org",
            "a: //b@c",
            "://",
        ] {
            assert_eq!(without_userinfo(text), None, "{text}");
        }
    }

    #[test]
    fn urls_are_found_however_deep_they_stand() {
        let mut image = json!({
            "locations": [{"url": "http://u:p@h/1", "metadata": {"from": "http://u:p@h/2"}}],
            "direct_url": "http://u:p@h/3",
            "size": 7,
            "nid": "http://u:p@h/4",
        });
        remove(&mut image);
        assert_eq!(
            image,
            json!({
                "locations": [{"url": "http://h/1", "metadata": {"from": "http://h/2"}}],
                "direct_url": "http://h/3",
                "size": 7,
                "nid": "http://h/4",
            })
        );
    }
}
