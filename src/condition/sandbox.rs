//! Runs a compiled condition within bounds of time and memory, with nothing in reach but its inputs.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use monty::MontyRun;
use monty_types::{
    BASELINE_MEMORY, ExcType, LIVE_MEMORY, MontyClassInstance, MontyClassType, MontyException,
    MontyObject, MontyUuid, PrintWriter, ResourceLimits, ResourceTracker,
};

use serde::{Deserialize, Serialize};

use crate::host;
use crate::model::Image;

/// The names that a condition may use, in the order in which [`run`] gives their values.
pub(super) const INPUTS: [&str; 2] = ["image", "metadata_set"];

const MAX_DURATION: Duration = Duration::from_secs(1);
const MAX_MEMORY: usize = 64 * 1024 * 1024;
/// Far more than a condition needs; far less than a thread's stack holds in a debug build.
const MAX_RECURSION: usize = 100;
/// The longest message of an exception, in characters.
const LONGEST_MESSAGE: usize = 300;

/// The interpreter measures memory against one mark for the whole process, so one evaluation runs
/// at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What a condition can ask about.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Facts {
    id: String,
    name: String,
    owner: Option<String>,
    size: Option<i64>,
    region: String,
    checksum: Option<String>,
    status: String,
    is_public: bool,
    visibility: String,
    properties: Vec<(String, String)>,
    metadata_set: BTreeSet<String>,
}

impl Facts {
    pub(super) fn of(image: &Image, region: &str, metadata_set: &BTreeSet<String>) -> Self {
        let properties = image.properties.iter();
        Self {
            id: image.id.to_string(),
            name: image.name.clone(),
            owner: image.owner.clone(),
            size: image
                .size
                .map(|size| i64::try_from(size).unwrap_or(i64::MAX)),
            region: region.to_owned(),
            checksum: image
                .content
                .md5
                .as_ref()
                .map(|checksum| checksum.as_str().to_owned()),
            status: image.status.as_str().to_owned(),
            is_public: image.visibility.is_public(),
            visibility: image.visibility.as_str().to_owned(),
            properties: properties
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            metadata_set: metadata_set.clone(),
        }
    }
}

/// Evaluates a program to a truth value, or gives the words of the exception.
pub(super) fn run(program: &MontyRun, facts: &Facts) -> Result<bool, String> {
    // A panic in an earlier evaluation left nothing half done: there is no data behind the lock.
    let _guard = host::locked(&ONE_AT_A_TIME);
    let attempt = || {
        let inputs = vec![image_object(facts), set(&facts.metadata_set)];
        run_bounded(program, inputs)
    };
    let result = match attempt() {
        // What other threads take meanwhile counts too: once may have been their doing.
        Err(error) if error.exc_type() == ExcType::MemoryError => attempt(),
        result => result,
    };
    match result {
        Ok(MontyObject::Bool(truth)) => Ok(truth),
        Ok(_) => Err("the condition has no truth value".to_owned()),
        Err(error) => Err(one_line(&error.summary())),
    }
}

fn run_bounded(
    program: &MontyRun,
    inputs: Vec<MontyObject>,
) -> Result<MontyObject, MontyException> {
    let limits = ResourceLimits::default()
        .max_duration(MAX_DURATION)
        .max_memory(MAX_MEMORY)
        .max_recursion_depth(MAX_RECURSION);
    // Only the interpreter's own limit, which raises. The allocator's own, which ends the process,
    // stays unarmed.
    BASELINE_MEMORY.store(LIVE_MEMORY.load(Ordering::Relaxed), Ordering::Relaxed);
    catch_unwind(AssertUnwindSafe(|| {
        program.run(inputs, ResourceTracker::new(limits), PrintWriter::Disabled)
    }))
    .unwrap_or_else(|_| {
        let message = "the interpreter stopped unexpectedly".to_owned();
        Err(MontyException::new(ExcType::RuntimeError, Some(message)))
    })
}

fn text(text: &str) -> MontyObject {
    MontyObject::String(text.to_owned())
}

fn text_or_none(value: Option<&str>) -> MontyObject {
    value.map_or(MontyObject::None, text)
}

fn set(names: &BTreeSet<String>) -> MontyObject {
    MontyObject::Set(names.iter().map(|name| text(name)).collect())
}

/// The object `image`, with the attributes of the contract.
fn image_object(facts: &Facts) -> MontyObject {
    let properties: Vec<_> = facts
        .properties
        .iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect();
    let attributes = [
        ("id", text(&facts.id)),
        ("name", text(&facts.name)),
        ("owner", text_or_none(facts.owner.as_deref())),
        (
            "size",
            facts.size.map_or(MontyObject::None, MontyObject::Int),
        ),
        ("region", text(&facts.region)),
        ("checksum", text_or_none(facts.checksum.as_deref())),
        ("status", text(&facts.status)),
        ("is_public", MontyObject::Bool(facts.is_public)),
        ("visibility", text(&facts.visibility)),
        ("user_properties", MontyObject::dict(properties)),
    ];
    MontyObject::ClassInstance(Box::new(MontyClassInstance {
        class_type: MontyClassType {
            name: "Image".to_owned(),
            id: MontyUuid::from_u128(1),
            host_defined: true,
            is_dataclass: false,
            attrs: Vec::new().into(),
        },
        instance_id: MontyUuid::from_u128(2),
        attrs: attributes
            .into_iter()
            .map(|(name, value)| (text(name), value))
            .collect(),
    }))
}

/// An exception's words on one line, and not more of them than a log should hold.
fn one_line(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= LONGEST_MESSAGE {
        line
    } else {
        line.chars()
            .take(LONGEST_MESSAGE - 1)
            .chain(['…'])
            .collect()
    }
}
