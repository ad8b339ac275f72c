//! Log-ins by every type: which party gets what, and what cannot be repeated.

use serde_json::{Value, json};

use crate::model::{
    Auth, Client, Credential, ErrorCode, Factor, Federation, Grant, Interface, ProjectRef, Secret,
    TargetName, TokenEndpoint, UserRef,
};
use crate::openstack::testing::{FakeCloud, Script, Seen, options, quick};
use crate::openstack::{GlanceReader, HttpClients, Listing, OpenStackError, Session, TlsOptions};

const TOKENS: &str = "/v3/auth/tokens";
const FEDERATED: &str = "/v3/OS-FEDERATION/identity_providers/my%2Fidp/protocols/open%20id/auth";

fn project() -> ProjectRef {
    ProjectRef::Id("p1".to_owned())
}

async fn log_in(cloud: &FakeCloud, auth: Auth) -> Result<Session, OpenStackError> {
    let http = HttpClients::default().get(&TlsOptions::default()).unwrap();
    let credential = Credential {
        keystone_url: cloud.url.parse().unwrap(),
        auth,
    };
    Session::log_in(http, TargetName::master(), credential, quick()).await
}

fn federated(grant: Grant) -> Auth {
    Auth::Federated {
        federation: Box::new(Federation {
            identity_provider: "my/idp".to_owned(),
            protocol: "open id".to_owned(),
            grant,
        }),
        project: project(),
    }
}

fn client(secret: Option<&str>, endpoint: TokenEndpoint) -> Client {
    Client {
        id: "client".to_owned(),
        secret: secret.map(Secret::new),
        endpoint,
        scope: "openid profile".to_owned(),
        token_field: "access_token".to_owned(),
    }
}

fn password(client: Client) -> Grant {
    Grant::Password {
        client,
        username: "me".to_owned(),
        password: Secret::new("idp & secret"),
    }
}

/// A Keystone that takes the access token `good`.
async fn keystone() -> FakeCloud {
    FakeCloud::start(|seen| {
        seen.is("POST", FEDERATED).then(|| {
            if seen.headers.get("authorization").map(String::as_str) == Some("Bearer good") {
                let headers = vec![("x-subject-token", "unscoped".to_owned())];
                Script::Answer(201, headers, "{}".to_owned())
            } else {
                Script::status(401)
            }
        })
    })
    .await
}

/// An identity provider that gives out the access token `good`.
async fn provider() -> FakeCloud {
    FakeCloud::start(|seen| {
        let answer = match seen.target.as_str() {
            "/.well-known/openid-configuration" => json!({
                "token_endpoint": format!("http://{}/token", seen.headers["host"]),
                "grant_types_supported": ["password", "client_credentials"],
            }),
            _ => json!({"access_token": "good", "id_token": "identity"}),
        };
        Some(Script::json(200, &answer))
    })
    .await
}

fn all_seen(cloud: &FakeCloud) -> Vec<Seen> {
    cloud.seen.lock().unwrap().clone()
}

/// Everything that a server was told, to be searched for a secret.
fn everything(cloud: &FakeCloud) -> String {
    let text = |seen: &Seen| {
        let body = String::from_utf8_lossy(&seen.body).into_owned();
        format!("{} {:?} {body}\n", seen.target, seen.headers)
    };
    all_seen(cloud).iter().map(text).collect()
}

#[tokio::test]
async fn a_password_of_an_identity_provider_goes_to_that_provider_alone() {
    let (keystone, provider) = (keystone().await, provider().await);
    let document = format!("{}/.well-known/openid-configuration", provider.url);
    let endpoint = TokenEndpoint::Discovered(document.parse().unwrap());
    let grant = password(client(Some("client-secret"), endpoint));
    let session = log_in(&keystone, federated(grant)).await.unwrap();
    assert_eq!(session.project_id(), "p1");

    let asked = all_seen(&provider);
    assert_eq!(asked[0].method, "GET");
    assert!(asked[1].is("POST", "/token"));
    assert_eq!(
        asked[1].headers["authorization"],
        "Basic Y2xpZW50OmNsaWVudC1zZWNyZXQ="
    );
    assert_eq!(
        String::from_utf8_lossy(&asked[1].body),
        "grant_type=password&username=me&password=idp+%26+secret&scope=openid+profile"
    );
    let told = everything(&keystone);
    for secret in ["idp", "client-secret", "Y2xpZW50"] {
        let told = told.replace("my%2Fidp", "");
        assert!(!told.contains(secret), "{told}");
    }
    let scoping = keystone.last();
    assert!(scoping.is("POST", TOKENS));
    assert_eq!(
        scoping.json(),
        json!({"auth": {
            "identity": {"methods": ["token"], "token": {"id": "unscoped"}},
            "scope": {"project": {"id": "p1"}}}})
    );
}

#[tokio::test]
async fn clients_with_and_without_a_secret_ask_a_known_endpoint() {
    let (keystone, provider) = (keystone().await, provider().await);
    let endpoint = TokenEndpoint::Known(format!("{}/token", provider.url).parse().unwrap());
    let grant = Grant::ClientCredentials(client(Some("s"), endpoint.clone()));
    log_in(&keystone, federated(grant)).await.unwrap();
    let asked = provider.last();
    assert_eq!(
        String::from_utf8_lossy(&asked.body),
        "grant_type=client_credentials&scope=openid+profile"
    );
    log_in(&keystone, federated(password(client(None, endpoint))))
        .await
        .unwrap();
    let asked = provider.last();
    assert!(!asked.headers.contains_key("authorization"));
    assert!(String::from_utf8_lossy(&asked.body).ends_with("&client_id=client"));
    assert_eq!(
        provider.count("GET", "/.well-known/openid-configuration"),
        0
    );
}

#[tokio::test]
async fn an_access_token_is_shown_to_keystone_and_no_provider_is_asked() {
    let keystone = keystone().await;
    let auth = federated(Grant::AccessToken(Secret::new("good")));
    log_in(&keystone, auth).await.unwrap();
    assert_eq!(keystone.count("POST", FEDERATED), 1);
    let auth = federated(Grant::AccessToken(Secret::new("bad-token")));
    let error = log_in(&keystone, auth).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::AuthFailed);
    let said = format!("{error} {}", error.hint());
    for word in [
        "master:",
        "v3oidcaccesstoken",
        FEDERATED,
        "`identity_provider`",
    ] {
        assert!(said.contains(word), "{said}");
    }
    assert!(!said.contains("bad-token"));
}

#[tokio::test]
async fn what_an_identity_provider_refuses_is_said_to_be_its_word() {
    let keystone = keystone().await;
    let error = async |status: u16, answer: Value| {
        let provider = FakeCloud::start(move |_| Some(Script::json(status, &answer))).await;
        let document = format!("{}/d", provider.url).parse().unwrap();
        let grant = password(client(Some("s3"), TokenEndpoint::Discovered(document)));
        let error = log_in(&keystone, federated(grant)).await.unwrap_err();
        (error.code(), format!("{error} {}", error.hint()))
    };
    let refused = json!({"error": "invalid_grant", "error_description": "no: idp & secret"});
    let (code, said) = error(400, refused).await;
    assert_eq!(code, ErrorCode::AuthFailed);
    assert!(
        said.contains("identity provider (v3oidcpassword)"),
        "{said}"
    );
    assert!(
        said.contains("/d") && said.contains("`client_id`"),
        "{said}"
    );
    for (answer, words) in [
        (json!({}), "names no `token_endpoint`"),
        (json!({"token_endpoint": "ftp://x/"}), "not a valid URL"),
        (
            json!({"token_endpoint": "http://127.0.0.1:1/", "grant_types_supported": ["implicit"]}),
            "does not offer",
        ),
    ] {
        let (code, said) = error(200, answer).await;
        assert_eq!(code, ErrorCode::KeystoneFailed);
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(keystone.seen.lock().unwrap().len(), 0);
}

fn passcode() -> Auth {
    Auth::Factors {
        factors: vec![Factor::Totp {
            user: UserRef::Id("u1".to_owned()),
            passcode: Secret::new("123456"),
        }],
        is_multi_factor: false,
        project: project(),
    }
}

#[tokio::test]
async fn a_passcode_is_sent_once_whatever_happens_to_its_answer() {
    let cloud = FakeCloud::start(|_| Some(Script::status(503))).await;
    let error = log_in(&cloud, passcode()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::KeystoneUnreachable);
    assert_eq!(cloud.count("POST", TOKENS), 1);
}

#[tokio::test]
async fn what_cannot_be_renewed_and_ends_is_said_to_have_ended() {
    let token = Auth::Token {
        token: Secret::new("given"),
        project: project(),
    };
    for auth in [passcode(), token] {
        let auth_type = auth.auth_type().to_string();
        let cloud =
            FakeCloud::start(|seen| (seen.method == "GET").then(|| Script::status(401))).await;
        let session = log_in(&cloud, auth).await.unwrap();
        let reader = GlanceReader::new(&session, "R", Interface::Public, options()).unwrap();
        let error = reader.list(&Listing::Visible).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::TokenExpired);
        assert!(error.to_string().contains(&auth_type), "{error}");
        assert_eq!(cloud.count("POST", TOKENS), 1, "{auth_type}");
        // A Glance whose Keystone is down for a moment says 401 as well.
        assert_eq!(cloud.count("GET", "/v2/images"), 2);
    }
}

#[tokio::test]
async fn a_token_that_ended_by_the_clock_is_not_even_shown() {
    let cloud = FakeCloud::start(|seen| {
        let at = "2026-01-01T00:00:00Z";
        let token = json!({"token": {
            "project": {"id": "p1"}, "issued_at": at, "expires_at": at,
            "catalog": [{"type": "image", "endpoints": [
                {"region_id": "R", "interface": "public",
                 "url": format!("http://{}", seen.headers["host"])}]}]}});
        let headers = vec![("x-subject-token", "t".to_owned())];
        Some(Script::Answer(201, headers, token.to_string()))
    })
    .await;
    let session = log_in(&cloud, passcode()).await.unwrap();
    let reader = GlanceReader::new(&session, "R", Interface::Public, options()).unwrap();
    let error = reader.list(&Listing::Visible).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::TokenExpired);
    assert_eq!(cloud.seen.lock().unwrap().len(), 1);
}
