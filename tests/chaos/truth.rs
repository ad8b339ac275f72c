//! Whether a run's exit code and events tell what has happened.

use serde_json::Value;

use crate::common::Outcome;
use crate::world::{REGIONS, World};

/// What a run said that is not so.
pub(crate) fn contradictions(world: &World, outcome: &Outcome, signalled: bool) -> Vec<String> {
    let mut contradictions = Vec::new();
    let mut check = |is_true: bool, what: &str| {
        if !is_true {
            contradictions.push(what.to_owned());
        }
    };
    // A signal that comes before the program can take any ends it, before it has done anything.
    if signalled && outcome.code.is_none() && outcome.stderr.is_empty() {
        return Vec::new();
    }
    let errors = outcome.events_named("error");
    let finished = outcome.events_named("run_finished");
    let regions = outcome.events_named("region_finished");
    check(
        matches!(outcome.code, Some(0..=2)) || (signalled && outcome.code == Some(130)),
        "an exit code of its own",
    );
    check(!outcome.stderr.contains("panicked"), "a panic");
    check(
        errors.iter().all(|error| error["code"] != "internal"),
        "an internal error",
    );
    check(
        outcome.code == Some(130) || (outcome.code == Some(0)) == errors.is_empty(),
        "exit code 0 with errors, or another one without any",
    );
    check(
        finished.len() == outcome.events_named("run_started").len(),
        "not one `run_finished` for the `run_started`",
    );
    for run in &finished {
        check(
            run["exit_code"] == outcome.code.unwrap_or(-1),
            "`run_finished` has another exit code",
        );
        let is_ok = |region: &&Value| region["result"] != "failed";
        check(
            run["regions_ok"] == regions.iter().filter(is_ok).count(),
            "`run_finished` counts regions otherwise",
        );
    }
    for region in &regions {
        let of_it: Vec<&Value> = errors
            .iter()
            .filter(|error| error["region"] == region["region"])
            .collect();
        check(
            (region["result"] == "failed") != of_it.is_empty(),
            "a region that failed without an error, or has one and did not fail",
        );
        let uploads = outcome
            .events_named("action_finished")
            .into_iter()
            .filter(|event| event["region"] == region["region"])
            .filter(is_upload)
            .count();
        check(
            region["uploaded_images"] == uploads,
            "uploads are counted otherwise",
        );
    }
    for event in outcome.events_named("action_finished") {
        if is_upload(&event) {
            check(is_there(world, &event), &format!("{event} is not there"));
        }
    }
    contradictions
}

fn is_upload(event: &Value) -> bool {
    ["upload", "replace", "rename"].contains(&event["action"].as_str().unwrap_or_default())
}

/// Whether what an upload is said to have made is in its region, for all to see.
fn is_there(world: &World, event: &Value) -> bool {
    let name = event["region"].as_str().unwrap_or_default();
    let region = REGIONS
        .into_iter()
        .find(|region| *region == name || region.strip_prefix("master:") == Some(name))
        .expect("a region");
    let id = event["image_id"].as_str().unwrap_or_default();
    let images = world.now(region);
    images.get(id).is_some_and(|image| {
        image["name"] == event["image"]
            && image["status"] == "active"
            && !image["tags"].to_string().contains("glancesync-")
    })
}
