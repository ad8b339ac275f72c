//! Which type a target is logged in by, and that no secret goes to another party than its own.

use super::Fixture;
use super::credential::{login, master};
use crate::model::{Auth, AuthType, Factor, Grant, TargetName};

const MAIN: &str = "[main]\nmaster_region = Spain\n";
const PLACE: &str = "keystone_url = http://ks:5000\ntenant = t\n";
const PROVIDER: &str = "identity_provider = idp\nprotocol = openid\nclient_id = c\n\
                        client_secret = c-secret\ndiscovery_endpoint = https://idp/d\n";

fn auth(fixture: &Fixture) -> Auth {
    let settings = fixture.load().unwrap();
    let target = settings.target(&TargetName::master()).unwrap();
    target.credential.clone().unwrap().auth
}

fn of_file(text: &str) -> Auth {
    auth(&Fixture::new(&format!("{MAIN}[master]\n{PLACE}{text}")))
}

#[test]
fn without_a_type_the_keys_that_are_there_decide() {
    use AuthType as T;
    for (text, expected) in [
        ("user = u\npassword = p\n", T::Password),
        (
            "application_credential_id = a\napplication_credential_secret = s\n",
            T::ApplicationCredential,
        ),
        ("token = gAAA\n", T::Token),
        ("user = u\npassword = p\ntoken = gAAA\n", T::Password),
        ("user = u\npasscode = 123456\n", T::Totp),
        (
            "user = u\npassword = p\npasscode = 123456\n",
            T::MultiFactor,
        ),
        (
            "identity_provider = i\nprotocol = o\naccess_token = x\n",
            T::OidcAccessToken,
        ),
        (PROVIDER, T::OidcClientCredentials),
        (
            &format!("{PROVIDER}user = u\npassword = p\n"),
            T::OidcPassword,
        ),
    ] {
        assert_eq!(of_file(text).auth_type(), expected, "{text}");
    }
}

#[test]
fn a_type_that_is_written_down_counts_and_takes_its_keys() {
    let all = format!(
        "{PROVIDER}user = u\npassword = p\npasscode = 123456\ntoken = gAAA\naccess_token = x\napplication_credential_id = a\napplication_credential_secret = s\n"
    );
    for known in AuthType::ALL {
        let text = format!("auth_type = {known}\n{all}");
        assert_eq!(of_file(&text).auth_type(), known);
    }
    let both = "auth_type = v3multifactor\nuser = u\npassword = p\npasscode = 1\ntoken = g\n\
                auth_methods = v3totp, v3token\n";
    let Auth::Factors { factors, .. } = of_file(both) else {
        panic!("other factors")
    };
    assert!(matches!(
        factors[..],
        [Factor::Totp { .. }, Factor::Token(_)]
    ));
}

#[test]
fn what_is_not_understood_or_missing_is_an_error_that_says_what_is() {
    let said = |text: &str| Fixture::new(&format!("{MAIN}[master]\n{PLACE}{text}")).errors();
    for other in [
        "v3adfspassword",
        "v3samlpassword",
        "v3oidcauthcode",
        "v3kerberos",
        "none",
        "http_basic",
        "admin_token",
        "v2password",
    ] {
        let said = said(&format!(
            "auth_type = {other}\nuser = u\npassword = hunter2\n"
        ));
        assert!(
            said.contains(other) && said.contains("v3oidcpassword"),
            "{said}"
        );
        assert!(
            said.contains("glancesync.conf:6") && !said.contains("hunter2"),
            "{said}"
        );
    }
    for (text, words) in [
        (
            "auth_type = v3token\nuser = u\npassword = p\n",
            "`token` (or $OS_TOKEN) is missing",
        ),
        (
            "auth_type = v3oidcpassword\nuser = u\npassword = p\nclient_id = c\n",
            "`identity_provider` (or $OS_IDENTITY_PROVIDER)",
        ),
        (
            "auth_type = v3oidcpassword\nuser = u\npassword = p\nclient_id = c\n",
            "`discovery_endpoint` (or $OS_DISCOVERY_ENDPOINT)",
        ),
        (
            "auth_type = v3multifactor\nuser = u\nauth_methods = v3totp\n",
            "`passcode` (or $OS_PASSCODE)",
        ),
        (
            "auth_type = v3multifactor\nuser = u\npassword = p\nauth_methods = v3password, v3kerberos\n",
            "`v3kerberos` of `auth_methods` is not supported",
        ),
        (
            &PROVIDER.replace("https://idp/d", "idp/d"),
            "`discovery_endpoint` is wrong",
        ),
        (
            &PROVIDER.replace("https://idp/d", "https://u:hunter2@idp/d"),
            "take it out",
        ),
        ("token = two words\n", "`token` holds a space"),
    ] {
        let said = said(text);
        assert!(said.contains(words) && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn an_inherited_type_says_what_a_targets_own_password_is_for() {
    // The password is the provider's, wherever in the file the type is.
    for above in [
        format!("auth_type = v3oidcpassword\n{PROVIDER}"),
        PROVIDER.to_owned(),
    ] {
        let text =
            format!("{MAIN}[DEFAULT]\n{above}[master]\n{PLACE}user = u\npassword = idp-secret\n");
        assert_eq!(
            auth(&Fixture::new(&text)).auth_type(),
            AuthType::OidcPassword
        );
    }
}

const OIDC: [(&str, &str); 10] = [
    ("OS_AUTH_TYPE", "v3oidcpassword"),
    ("OS_AUTH_URL", "http://ks:5000/v3"),
    ("OS_PROJECT_NAME", "t"),
    ("OS_USERNAME", "idp-user"),
    ("OS_PASSWORD", "idp-secret"),
    ("OS_IDENTITY_PROVIDER", "idp"),
    ("OS_PROTOCOL", "openid"),
    ("OS_CLIENT_ID", "c"),
    ("OS_ACCESS_TOKEN_ENDPOINT", "https://idp/token"),
    ("OS_REGION_NAME", "Spain"),
];

#[test]
fn the_environment_says_all_of_it_too() {
    let fixture = Fixture::without_file().env(&OIDC);
    let Auth::Federated { federation, .. } = auth(&fixture) else {
        panic!("another type")
    };
    assert_eq!(federation.protocol, "openid");
    assert!(
        matches!(federation.grant, Grant::Password { ref username, .. } if username == "idp-user")
    );
    for (name, value) in [
        ("OS_AUTH_TYPE", "v3adfspassword"),
        ("OS_AUTH_TYPE", "v3oidcauthcode"),
    ] {
        let said = Fixture::without_file()
            .env(&OIDC)
            .env(&[(name, value)])
            .errors();
        assert!(
            said.contains(value) && said.contains("$OS_AUTH_TYPE"),
            "{said}"
        );
    }
}

#[test]
fn a_whole_log_in_of_the_file_takes_no_secret_and_no_type_of_the_environment() {
    let text = format!("{MAIN}[master]\n{PLACE}user = u\npassword = p\n");
    for kind in ["v3oidcpassword", "v3kerberos"] {
        let fixture = Fixture::new(&text)
            .env(&OIDC)
            .env(&[("OS_AUTH_TYPE", kind), ("OS_PASSCODE", "1")]);
        insta::allow_duplicates! {
            insta::assert_snapshot!(master(&fixture), @r#"Name { name: "u", domain: Name("Default") } p Name { name: "t", domain: Name("Default") } http://ks:5000/"#);
        }
    }
}

#[test]
fn a_password_of_a_provider_never_completes_a_log_in_to_keystone() {
    // The file says that it is Keystone which is asked; what the environment has is another's.
    let text = format!("{MAIN}[master]\nauth_type = password\n{PLACE}user = u\n");
    let said = Fixture::new(&text).env(&OIDC).errors();
    assert!(
        said.contains("`password` (or $OS_PASSWORD) is missing"),
        "{said}"
    );
    let settings = Fixture::new(&format!(
        "{MAIN}[DEFAULT]\ncloud = idp\n[master]\ncredential = u,cGFzcw==,http://ks:5000,t\n"
    ));
    settings.file(
        "clouds.yaml",
        "clouds: {idp: {auth_type: v3oidcpassword, auth: {auth_url: 'http://x', username: i, password: idp-secret}}}",
    );
    let settings = settings.load().unwrap();
    assert!(!login(&settings, "master").contains("idp-secret"));
}
