//! URLs without the user names and passwords in them, wherever they stand: in what a Glance answers,
//! in a property's value, in a message. What is sent to a Glance never goes through here.

use std::borrow::Cow;

use serde_json::Value;

/// What stands where a user and a password were, when a text is shown.
const HIDDEN: &str = "***@";

/// What a URL ends at where it stands in a text; what is stored keeps what stands between quotes apart.
type UrlEnd = fn(char) -> bool;

/// The text as it may be shown: `http://user:password@host/` becomes `http://***@host/`. Whoever shows
/// it twice changes nothing.
pub fn redact_urls(text: &str) -> Cow<'_, str> {
    // Rather too much is hidden than a part of a password shown.
    replaced(text, HIDDEN, char::is_whitespace)
}

/// Takes `user:password@` out of every URL in every string of `value`: `locations` and `direct_url`
/// may hold those of the store (Image API v2, "Show image").
pub fn remove_url_users(value: &mut Value) {
    match value {
        Value::String(text) => {
            let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>');
            if let Cow::Owned(clean) = replaced(text, "", is_end) {
                *text = clean;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(remove_url_users),
        Value::Object(fields) => fields.values_mut().for_each(remove_url_users),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text with something else in the place of each user and password; borrowed where there is none.
fn replaced<'a>(text: &'a str, replacement: &str, is_end: UrlEnd) -> Cow<'a, str> {
    const AUTHORITY: &str = "://";
    let mut clean = String::new();
    let mut rest = text;
    let mut is_changed = false;
    while let Some(at) = rest.find(AUTHORITY) {
        let (before, after) = rest.split_at(at + AUTHORITY.len());
        clean.push_str(before);
        let length = userinfo_len(after, is_end);
        if length > 0 {
            is_changed = true;
            clean.push_str(replacement);
        }
        rest = &after[length..];
    }
    if !is_changed {
        return Cow::Borrowed(text);
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

/// The length of `user:password@` at the beginning of what follows `://`; 0 where there is none.
fn userinfo_len(after: &str, is_end: UrlEnd) -> usize {
    let url_end = after.find(is_end).unwrap_or(after.len());
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
            ("http://u:p'w!$&()*+,;=@h/x", "http://h/x"),
            ("http://u:1234\u{202e}5@h/x", "http://h/x"),
            (
                "see http://a:b@c/ and ftp://d:e@f, or \"g://h:i@j\"",
                "see http://c/ and ftp://f, or \"g://j\"",
            ),
        ] {
            let mut value = json!(text);
            remove_url_users(&mut value);
            assert_eq!(value, clean, "{text}");
        }
    }

    #[test]
    fn what_is_hidden_is_marked_and_stays_hidden() {
        let text = "from http://u:p@h/x and `ftp://only-user@h`, not http://h/y";
        let shown = "from http://***@h/x and `ftp://***@h`, not http://h/y";
        assert_eq!(redact_urls(text), shown);
        assert_eq!(redact_urls(shown), shown);
        assert_eq!(redact_urls("http://u:p\"<w`>@h"), "http://***@h");
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
            assert!(matches!(redact_urls(text), Cow::Borrowed(_)), "{text}");
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
        remove_url_users(&mut image);
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
