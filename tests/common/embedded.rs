//! The embedded fleet, made up as the real one is: the same users, regions and catalogue.

use glancesync::sandbox::{
    ApplicationCredentialSpec, Conversion, KeystoneSpec, ProjectLimits, RecordedRequest,
    RegionSpec, Sandbox, SandboxSpec, UploadPolicy,
};

use super::cloud::{ApplicationCredential, Cloud, Keystone, MASTER, RegionFacts, User};
use super::traffic::Request;

/// Target, password of the sync user, password of the stranger.
///
/// The passwords hold what a configuration file or a shell may stumble over.
const KEYSTONES: [(&str, &str, &str); 2] = [
    (
        MASTER,
        "m%(user)s \"quoted\" \\ # ; s3cr3t",
        "stranger-master",
    ),
    ("other", "o'ther, $HOME: s3cr3t=", "stranger-other"),
];

/// User and project of the product and of the stranger.
const SYNC: (&str, &str) = ("glancesync", "images");
const FOREIGN: (&str, &str) = ("stranger", "tenant");

/// A user of the product's project, its password, and the role that makes it one who may publish.
const PUBLISHER: (&str, &str, &str) = ("publisher", "publisher", "image_publisher");

/// What the embedded fleet consists of, for a test to change before it starts.
pub(crate) fn specification() -> SandboxSpec {
    let mut spec = SandboxSpec::new();
    for (target, password, foreign) in KEYSTONES {
        let keystone = KeystoneSpec::new(target)
            .user(SYNC.0, password, SYNC.1, ["admin"])
            .user(
                PUBLISHER.0,
                PUBLISHER.1,
                SYNC.1,
                ["reader", "member", PUBLISHER.2],
            )
            .user(FOREIGN.0, foreign, FOREIGN.1, ["member"]);
        let keystone = regions(target)
            .into_iter()
            .fold(keystone, KeystoneSpec::region);
        spec = spec.keystone(KeystoneSpec {
            application_credentials: vec![application_credential(target)],
            ..keystone
        });
    }
    spec
}

fn regions(target: &str) -> Vec<RegionSpec> {
    // As Glance 33 with its own schema, on any database.
    let plain = |name| RegionSpec {
        schema_image_json: false,
        publicize_roles: vec!["admin".to_owned(), PUBLISHER.2.to_owned()],
        ..RegionSpec::new(name)
    };
    if target != MASTER {
        // Its Glance takes no imports.
        let mut only = plain("RegionOne");
        only.imports.methods.clear();
        return vec![only];
    }
    let mut converting = plain("RegionTwo");
    converting.imports.conversion = Conversion::Raw;
    let alias = RegionSpec {
        is_same_content: Some("master:RegionOne".to_owned()),
        endpoint_suffix: "/".to_owned(),
        ..RegionSpec::new("Alias")
    };
    let strict = RegionSpec {
        schema_image_json: true,
        stores: vec!["local".to_owned(), "archive".to_owned()],
        ..plain("RegionThree")
    };
    vec![plain("RegionOne"), converting, strict, alias]
}

/// Adds the regions that the lab has with `--import-regions`: `RegionFour`, which takes imports
/// only and gives every image a property, and `RegionFive`, a plain one whose
/// projects have limits, far off.
pub(crate) fn add_import_regions(spec: &mut SandboxSpec) {
    let plain = |name| RegionSpec {
        schema_image_json: false,
        ..RegionSpec::new(name)
    };
    let mut import_only = RegionSpec {
        upload: UploadPolicy::Refused,
        ..plain("RegionFour")
    };
    let injected = ("injected".to_owned(), "yes".to_owned());
    import_only.imports.inject.extend([injected]);
    let regions = &mut spec.keystones[0].regions;
    // Before the alias, as in the lab.
    let mut limited = plain("RegionFive");
    limited.limits.project = Some(ProjectLimits {
        image_size_total: 2000,
        image_stage_total: 1000,
        image_count_total: 100,
        image_count_uploading: 10,
    });
    regions.splice(3..3, [import_only, limited]);
}

fn application_credential(target: &str) -> ApplicationCredentialSpec {
    ApplicationCredentialSpec {
        id: format!("application-credential-of-{target}"),
        name: "glancesync".to_owned(),
        secret: format!("application-secret-of-{target}"),
        user: SYNC.0.to_owned(),
        project: SYNC.1.to_owned(),
        roles: Vec::new(),
    }
}

/// Describes a started sandbox of [`specification`] as the lab describes itself.
pub(crate) fn describe(sandbox: &Sandbox) -> Cloud {
    let user = |target: &str, (user, project): (&str, &str), password: &str| User {
        name: user.to_owned(),
        password: password.to_owned(),
        project: project.to_owned(),
        project_id: sandbox
            .project_id(target, project)
            .expect("a project")
            .to_owned(),
    };
    let keystone = |target: &str, password: &str, foreign: &str| {
        let secret = application_credential(target);
        Keystone {
            url: sandbox.keystone_url(target).expect("a Keystone").to_owned(),
            domain: "Default".to_owned(),
            sync: user(target, SYNC, password),
            publisher: user(target, (PUBLISHER.0, SYNC.1), PUBLISHER.1),
            foreign: user(target, FOREIGN, foreign),
            application_credential: ApplicationCredential {
                id: secret.id,
                secret: secret.secret,
            },
            access_log: None,
        }
    };
    let region = |full_name: String| {
        let (target, name) = full_name.split_once(':').expect("a full name");
        RegionFacts {
            target: target.to_owned(),
            name: name.to_owned(),
            url: sandbox.glance_url(&full_name).expect("a region").to_owned(),
            images_dir: sandbox.images_dir(&full_name).expect("a region").to_owned(),
            access_log: None,
        }
    };
    Cloud {
        keystones: KEYSTONES
            .map(|(target, password, foreign)| {
                (target.to_owned(), keystone(target, password, foreign))
            })
            .into(),
        regions: sandbox.regions().into_iter().map(region).collect(),
        control: None,
        converts: true,
        openstack_command: None,
    }
}

/// A recorded request in the terms of an access log.
pub(crate) fn request(recorded: &RecordedRequest) -> Request {
    let query = if recorded.query.is_empty() { "" } else { "?" };
    Request {
        method: recorded.method.clone(),
        path: format!("{}{query}{}", recorded.path, recorded.query),
        status: recorded.status,
    }
}
