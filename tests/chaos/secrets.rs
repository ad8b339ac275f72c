//! Passwords and tokens: in no output, no file, no message of any kind, whatever a server answers.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use glancesync::sandbox::{Effect, Fault};

use crate::common::{Config, Fleet, NewImage, Outcome, Program};

/// Two images to be sent, one to be replaced.
fn fleet() -> Fleet {
    let fleet = Fleet::embedded(|_| ());
    for name in ["a", "b", "c"] {
        fleet.master().create(NewImage::new(name, name));
    }
    let old = fleet.region("RegionTwo");
    old.create(NewImage::new("a", "old"));
    fleet
}

fn config(fleet: &Fleet) -> Config {
    fleet
        .config()
        .master("replace", "any")
        .master("retries", "0")
}

/// What no output may hold: each secret, and every part of a token.
fn secrets(fleet: &Fleet) -> Vec<String> {
    let mut secrets = vec!["s3cr3t".to_owned(), "application-secret-of".to_owned()];
    for (target, keystone) in &fleet.cloud.keystones {
        secrets.push(STANDARD.encode(&keystone.sync.password));
        for token in fleet.sandbox().tokens(target).unwrap() {
            // The beginning of a token is much like that of any other.
            let digits: Vec<char> = token.chars().skip(16).collect();
            secrets.extend(
                digits
                    .chunks(12)
                    .filter(|part| part.len() == 12)
                    .map(String::from_iter),
            );
        }
    }
    secrets
}

/// Every file that the program may have written.
fn files(fleet: &Fleet) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![fleet.work_dir(), fleet.home().join("home")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
}

#[track_caller]
fn assert_kept(fleet: &Fleet, outcome: &Outcome) {
    for secret in secrets(fleet) {
        let mut places = Vec::new();
        if outcome.stdout.contains(&secret) {
            places.push("standard output".to_owned());
        }
        if outcome.stderr.contains(&secret) {
            places.push("standard error".to_owned());
        }
        let holds =
            |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains(&secret);
        let found = files(fleet).into_iter().filter(|path| holds(path));
        places.extend(found.map(|path| path.display().to_string()));
        assert!(places.is_empty(), "{secret:?} is in {places:?}: {outcome}");
    }
}

const FORMATS: [&[&str]; 2] = [&["-vvv"], &["-vv", "--log-format", "json"]];

#[test]
fn no_mode_shows_a_secret() {
    for format in FORMATS {
        let fleet = fleet();
        for words in [
            &["--dry-run", "--format", "json"][..],
            &["--dry-run"],
            &["--show-status", "--format", "json"],
            &["--make-backup"],
            &["--show-regions"],
            &["check-config"],
            &["--parallel"],
        ] {
            let outcome = Program::with(&fleet, &config(&fleet)).args(words);
            let outcome = outcome.args(format).run();
            assert_kept(&fleet, &outcome.expect(0));
        }
        assert!(files(&fleet).len() > 4, "{:?}", files(&fleet));
    }
}

#[test]
fn a_server_that_repeats_what_it_was_told_is_not_quoted_with_it() {
    let places = [
        ("GET", "/v2/images"),
        ("POST", "/v2/images"),
        ("PUT", "/v2/images/*/file"),
        ("GET", "/v2/images/*"),
        ("PATCH", "/v2/images/*"),
        ("DELETE", "/v2/images/*"),
    ];
    let try_out = |method, path, status| {
        let fleet = fleet();
        let fault = Fault::new(method, path, Effect::Echo { status });
        fleet
            .sandbox()
            .set_faults("RegionTwo", vec![fault])
            .unwrap();
        let words = ["--parallel", "-vvv", "RegionTwo"];
        let outcome = Program::with(&fleet, &config(&fleet)).args(words).run();
        // An image that is gone when it is to be deleted is no failure.
        let is_gone = (method, status) == ("DELETE", 404);
        assert_eq!(outcome.code, Some(i32::from(!is_gone)), "{outcome}");
        assert_kept(&fleet, &outcome);
    };
    // A new image that is said not to be there is asked for again for a while.
    std::thread::scope(|scope| {
        for (method, path) in places {
            scope.spawn(move || {
                for status in [302, 400, 401, 403, 404, 500] {
                    try_out(method, path, status);
                }
            });
        }
    });
}

#[test]
fn nor_is_a_keystone() {
    for status in [200, 302, 400, 401, 403, 500] {
        for format in FORMATS {
            let fleet = fleet();
            let fault = Fault::always(Effect::Echo { status });
            for keystone in ["master", "other"] {
                let sandbox = fleet.sandbox();
                sandbox
                    .set_keystone_faults(keystone, vec![fault.clone()])
                    .unwrap();
            }
            let outcome = Program::with(&fleet, &config(&fleet)).args(format).run();
            assert_kept(&fleet, &outcome.expect(2));
            let secret = &fleet.cloud.keystones["master"].application_credential;
            let config = config(&fleet)
                .without("master", "credential")
                .master("keystone_url", &fleet.cloud.keystones["master"].url)
                .master("application_credential_id", &secret.id)
                .master("application_credential_secret", &secret.secret);
            let outcome = Program::with(&fleet, &config).args(format).run();
            assert_kept(&fleet, &outcome.expect(2));
        }
    }
}

#[test]
fn a_password_inside_a_url_is_not_shown() {
    let fleet = fleet();
    let url = fleet.cloud.keystones["master"]
        .url
        .replace("://", "://user:s3cr3t-url@");
    let user = fleet.cloud.keystones["master"].sync.clone();
    for url in [url.clone(), url.replace("127.0.0.1", "127.0.0.9")] {
        let config = config(&fleet)
            .without("master", "credential")
            .master("keystone_url", &url)
            .master("user", &user.name)
            .master("password", &user.password)
            .master("tenant", &user.project);
        for words in [&["--show-status"][..], &["check-config"], &["RegionTwo"]] {
            for format in FORMATS {
                let outcome = Program::with(&fleet, &config)
                    .args(words)
                    .args(format)
                    .run();
                assert_kept(&fleet, &outcome);
            }
        }
    }
}

#[test]
fn mistakes_in_the_configuration_do_not_print_the_secret() {
    let fleet = fleet();
    let good = config(&fleet).text();
    let credential = "credential = ";
    let broken = [
        good.replace(credential, "credential = user,s3cr3t,"),
        good.replace("base64", "")
            .replace(credential, "credential = user,czNjcjN0,s3cr3t,x,"),
        good.replace(credential, "credental = s3cr3t,"),
        good.replace(credential, "s3cr3t "),
        good.replace(credential, "password : s3cr3t\n s3cr3t\n[s3cr"),
        good.replace(
            credential,
            "password = s3cr3t\npassword = s3cr3t2\nuser = u\nx = ",
        ),
    ];
    for text in broken {
        for words in [&["check-config"][..], &["--show-status"]] {
            let outcome = Program::with_text(&fleet, &text).args(words).run();
            assert_kept(&fleet, &outcome);
        }
    }
    for word in [
        "master.password=s3cr3t",
        "password=s3cr3t",
        "master.credential=s3cr3t,eA==",
        "master.pasword=s3cr3t",
        "=s3cr3t",
    ] {
        let program = Program::with(&fleet, &config(&fleet));
        let mut outcome = program.args(["check-config", "--config", word]).run();
        if word.contains("password=") {
            outcome.assert_says("list of processes");
        }
        outcome.command.clear();
        assert_kept(&fleet, &outcome);
    }
}

#[test]
fn a_clouds_yaml_with_a_mistake_is_not_quoted() {
    for text in [
        "clouds:\n  c:\n    auth:\n      password: s3cr3t\n     broken: [",
        "clouds:\n  c:\n    auth: s3cr3t",
        "clouds:\n  c:\n    auth:\n      password: [s3cr3t]\n      auth_url: 7",
        "clouds:\n  c:\n    auth:\n      auth_url: http://u:s3cr3t@[::1/\n      password: s3cr3t",
    ] {
        let fleet = fleet();
        let path = fleet.write_private("clouds.yaml", text);
        let config = config(&fleet)
            .without("master", "credential")
            .master("cloud", "c");
        for words in ["check-config", "--show-status"] {
            let program = Program::with(&fleet, &config).args([words, "-vvv"]);
            let program = program.env("OS_CLIENT_CONFIG_FILE", &path.display().to_string());
            assert_kept(&fleet, &program.run());
        }
    }
}
