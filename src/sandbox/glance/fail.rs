//! Glance's error answers: JSON or HTML or plain text, as `WebOb` writes them.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use serde_json::json;

/// A refusal, before it is known how the client wants it written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fail {
    pub(super) status: StatusCode,
    pub(super) explanation: String,
    pub(super) detail: String,
    pub(super) header: Option<(HeaderName, String)>,
}

impl Fail {
    /// A status with `WebOb`'s own explanation of it.
    pub(super) fn bare(status: StatusCode) -> Self {
        Self {
            status,
            explanation: standard_explanation(status).to_owned(),
            detail: String::new(),
            header: None,
        }
    }

    pub(super) fn new(status: StatusCode, explanation: impl Into<String>) -> Self {
        Self {
            explanation: explanation.into(),
            ..Self::bare(status)
        }
    }

    /// A status with its usual explanation, and a detail after it.
    pub(super) fn detailed(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            ..Self::bare(status)
        }
    }

    pub(super) fn bad_request(explanation: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, explanation)
    }

    pub(super) fn forbidden(explanation: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, explanation)
    }

    /// The policy of that name says no.
    pub(super) fn policy(rule: &str) -> Self {
        Self::forbidden(format!("You are not authorized to complete {rule} action."))
    }

    pub(super) fn not_found(explanation: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, explanation)
    }

    pub(super) fn no_image(id: &str) -> Self {
        Self::not_found(format!("No image found with ID {id}"))
    }

    /// 409, as Glance words it when a PATCH does not fit the image.
    pub(super) fn misfit(detail: impl Into<String>) -> Self {
        Self::detailed(StatusCode::CONFLICT, detail)
    }

    /// 403, as Glance words it when an attribute is not for the asking.
    pub(super) fn denied(detail: impl Into<String>) -> Self {
        Self::detailed(StatusCode::FORBIDDEN, detail)
    }

    pub(super) fn conflict(explanation: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, explanation)
    }

    pub(super) fn too_large(explanation: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, explanation)
    }

    pub(super) fn unsupported(detail: impl Into<String>) -> Self {
        Self::detailed(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    pub(super) fn method_not_allowed(allowed: &str) -> Self {
        Self {
            header: Some((axum::http::header::ALLOW, allowed.to_owned())),
            ..Self::bare(StatusCode::METHOD_NOT_ALLOWED)
        }
    }

    /// The answer, in the form that the `Accept` header of the request prefers.
    ///
    /// `request` is the method and the content type of the request, which two of the texts quote.
    pub(super) fn render(&self, accept: Option<&str>, request: (&str, &str)) -> Response<Body> {
        let status = format!("{} {}", self.status.as_u16(), title(self.status));
        let (kind, body) = match preferred(accept.unwrap_or_default()) {
            Some(Form::Json) => {
                let text = self.text(request, str::to_owned);
                let document =
                    json!({"message": text, "code": status, "title": title(self.status)});
                ("application/json", document.to_string())
            }
            Some(Form::Html) => {
                let text = self.text(request, escaped);
                let page = format!(
                    "<html>\n <head>\n  <title>{status}</title>\n </head>\n <body>\n  \
                     <h1>{status}</h1>\n  {text}\n </body>\n</html>"
                );
                ("text/html; charset=UTF-8", page)
            }
            None => {
                let text = self
                    .text(request, str::to_owned)
                    .replace('\n', " ")
                    .replace("<br />", "\n");
                ("text/plain; charset=UTF-8", format!("{status}\n\n{text}"))
            }
        };
        let mut answer = Response::new(Body::from(body));
        *answer.status_mut() = self.status;
        answer
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some((name, value)) = &self.header
            && let Ok(value) = HeaderValue::try_from(value)
        {
            answer.headers_mut().insert(name, value);
        }
        answer
    }

    fn text(&self, (method, content_type): (&str, &str), escape: fn(&str) -> String) -> String {
        let detail = escape(&self.detail);
        match self.status {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => format!(
                "The request media type {} is not supported by this server.\n<br /><br />\n{detail}",
                escape(content_type)
            ),
            StatusCode::METHOD_NOT_ALLOWED => format!(
                "The method {} is not allowed for this resource. <br /><br />\n{detail}",
                escape(method)
            ),
            _ => format!("{}<br /><br />\n{detail}\n\n", escape(&self.explanation)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Html,
    Json,
}

/// Which of HTML and JSON the header asks for; HTML when both are as welcome, none when neither.
fn preferred(accept: &str) -> Option<Form> {
    let html = quality(accept, "text", "html");
    let json = quality(accept, "application", "json");
    if html <= 0.0 && json <= 0.0 {
        None
    } else if json > html {
        Some(Form::Json)
    } else {
        Some(Form::Html)
    }
}

fn quality(accept: &str, kind: &str, subkind: &str) -> f32 {
    let mut best = (0_u8, 0.0_f32);
    for range in accept.split(',') {
        let mut parts = range.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let exactness = match name.split_once('/') {
            Some((k, s)) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subkind) => 3,
            Some((k, "*")) if k.eq_ignore_ascii_case(kind) => 2,
            Some(("*", "*")) => 1,
            _ => continue,
        };
        let quality = parts
            .find_map(|part| part.trim().strip_prefix("q="))
            .map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
        if exactness > best.0 {
            best = (exactness, quality);
        }
    }
    best.1
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#x27;")
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
        StatusCode::RANGE_NOT_SATISFIABLE => "Request Range Not Satisfiable",
        _ => status.canonical_reason().unwrap_or("Unknown"),
    }
}

fn standard_explanation(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => {
            "The server could not comply with the request since it is either malformed or \
             otherwise incorrect."
        }
        401 => {
            "This server could not verify that you are authorized to access the document you \
             requested. Either you supplied the wrong credentials (e.g., bad password), or your \
             browser does not understand how to supply the credentials required."
        }
        403 => "Access was denied to this resource.",
        404 => "The resource could not be found.",
        409 => "There was a conflict when trying to complete your request.",
        410 => "This resource is no longer available.  No forwarding address is given.",
        413 => "The body of your request was too large for this server.",
        416 => "The Range requested is not available.",
        500 => "The server has either erred or is incapable of performing the requested operation.",
        503 => "The server is currently unavailable. Please try again at a later time.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_the_accept_header() {
        assert_eq!(preferred("application/json"), Some(Form::Json));
        assert_eq!(preferred("*/*"), Some(Form::Html));
        assert_eq!(
            preferred("text/html;q=0.5, application/json"),
            Some(Form::Json)
        );
        assert_eq!(preferred("image/png"), None);
        assert_eq!(preferred(""), None);
    }
}
