//! The gate: a program of the operator's that says whether the next wave may begin.
//!
//! It is run without a shell, in a process group of its own. Whatever it does, it is bounded: the group is
//! killed when its time is over, when the run is told to stop, and when the program itself has ended; and so
//! are processes that have left the group, which are known by the variable `GLANCESYNC_SUMMARY` of this very
//! gate. Of what it prints, the first part goes to the log.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::Serialize;
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use crate::engine::outcome::RegionOutcome;
use crate::engine::shutdown::StopSignal;
use crate::event::{Events, RegionResult};
use crate::model::{RunWave, Status, TimeSpan};

/// What goes to the log of each of its two streams: bytes, and lines.
const PRINTED_MAX: usize = 64 << 10;
const LINES_MAX: usize = 1000;
/// The variable by which its processes are known.
const SUMMARY: &str = "GLANCESYNC_SUMMARY";
/// So often its processes are looked for: one that is killed may have started another just before.
const LOOKS: usize = 10;
/// After its end, a stream that somebody else holds open is read no longer than that.
const GRACE: Duration = Duration::from_secs(1);

pub(super) struct Gate<'a> {
    /// The program and its arguments; never empty.
    pub(super) command: &'a [String],
    pub(super) timeout: TimeSpan,
    pub(super) events: &'a Events,
    pub(super) stop: &'a StopSignal,
}

/// How the gate ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GateOutcome {
    /// With that exit code.
    Ended(i32),
    /// It could not be asked, was killed, or took too long.
    Failed(String),
    /// The run was told to stop before it had ended.
    Stopped,
}

/// What `GLANCESYNC_SUMMARY` holds.
#[derive(Serialize)]
struct Summary<'a> {
    wave: &'a str,
    regions_failed: usize,
    regions: Vec<RegionResultOf<'a>>,
}

#[derive(Serialize)]
struct RegionResultOf<'a> {
    region: String,
    result: RegionResult,
    uploaded_bytes: u64,
    pulled_bytes: u64,
    /// The status of every selected image at the end.
    images: Vec<ImageResult<'a>>,
}

#[derive(Serialize)]
struct ImageResult<'a> {
    image: &'a str,
    status: Status,
}

/// A process group that goes when this does.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn kill(&self) {
        if let Some(group) = self.0 {
            // Where nobody is left in it, nobody is to be killed.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Gate<'_> {
    /// Runs the gate after that wave.
    pub(super) async fn ask(&self, wave: &RunWave, regions: &[RegionOutcome]) -> GateOutcome {
        let shown = shlex::try_join(self.command.iter().map(String::as_str));
        let shown = shown.unwrap_or_else(|_| self.command.join(" "));
        let summary = match write_summary(wave, regions) {
            Ok(summary) => summary,
            Err(error) => return GateOutcome::Failed(format!("its summary: {error}")),
        };
        self.events.note_of_run(format!(
            "the gate after the wave `{}` is asked: {shown} (at most {})",
            wave.wave, self.timeout
        ));
        let mut child = match self.start(wave, &summary) {
            Ok(child) => child,
            Err(error) => {
                return GateOutcome::Failed(format!("`{shown}` cannot be started: {error}"));
            }
        };
        let group = Group::of(&child);
        let streams = (child.stdout.take(), child.stderr.take());
        let (mut out, mut err) = (Printed::default(), Printed::default());
        let end = {
            let reading = async { tokio::join!(out.read(streams.0), err.read(streams.1)) };
            let time = tokio::time::sleep(self.timeout.0);
            tokio::pin!(reading, time);
            let mut is_read = false;
            let end = loop {
                tokio::select! {
                    biased;
                    () = self.stop.stopping() => break GateOutcome::Stopped,
                    status = child.wait() => break status.map_or_else(
                        |error| GateOutcome::Failed(format!("its end is unknown: {error}")),
                        outcome,
                    ),
                    () = &mut time => break GateOutcome::Failed(format!(
                        "it had not ended after {} (`wave_gate_timeout`), and was killed",
                        self.timeout
                    )),
                    _ = &mut reading, if !is_read => is_read = true,
                }
            };
            group.kill();
            let mark = format!("{SUMMARY}={}", summary.path().display());
            // Where it panicked, the group at least is gone.
            let _ = tokio::task::spawn_blocking(move || kill_marked(&mark)).await;
            if !is_read {
                // Whoever gave the streams away may hold them for as long as it likes.
                let _ = tokio::time::timeout(GRACE, reading).await;
            }
            end
        };
        // What was killed is gone before the run goes on.
        let _ = tokio::time::timeout(GRACE, child.wait()).await;
        self.log(&out);
        self.log(&err);
        end
    }

    fn start(&self, wave: &RunWave, summary: &NamedTempFile) -> std::io::Result<Child> {
        let (program, arguments) = self.command.split_first().ok_or_else(|| {
            std::io::Error::new(std::io::ErrorKind::InvalidInput, "it has no words")
        })?;
        let regions: Vec<String> = wave.regions.iter().map(ToString::to_string).collect();
        Command::new(program)
            .args(arguments)
            .env("GLANCESYNC_WAVE", &wave.wave)
            .env("GLANCESYNC_REGIONS", regions.join(" "))
            .env(SUMMARY, summary.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    fn log(&self, printed: &Printed) {
        let text = String::from_utf8_lossy(&printed.kept);
        let (mut left_out, mut lines) = (printed.left_out, 0);
        for line in text.lines() {
            lines += 1;
            if lines > LINES_MAX {
                left_out += line.len() as u64 + 1;
            } else {
                self.events.note_of_run(format!("gate: {line}"));
            }
        }
        if left_out > 0 {
            self.events.note_of_run(format!(
                "gate: {left_out} more bytes of what it printed are left out"
            ));
        }
    }
}

/// Kills every process of this user that has that variable in its environment.
fn kill_marked(mark: &str) {
    for _ in 0..LOOKS {
        let marked = marked(mark);
        if marked.is_empty() {
            return;
        }
        for process in marked {
            // One that has ended meanwhile need not be killed.
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

/// The processes with that variable; those that have ended and are still listed have none.
fn marked(mark: &str) -> Vec<Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let is_marked = |path: &Path| {
        let environment = std::fs::read(path.join("environ"));
        environment.is_ok_and(|it| it.split(|byte| *byte == 0).any(|it| it == mark.as_bytes()))
    };
    let processes = processes.flatten().map(|entry| entry.path());
    let id = |path: &Path| path.file_name()?.to_str()?.parse().ok();
    processes
        .filter_map(|path| Some((id(&path)?, path)))
        .filter(|(_, path)| is_marked(path))
        .filter_map(|(id, _)| Pid::from_raw(id))
        .collect()
}

fn outcome(status: ExitStatus) -> GateOutcome {
    match (status.code(), status.signal()) {
        (Some(code), _) => GateOutcome::Ended(code),
        (None, Some(signal)) => GateOutcome::Failed(format!("it was killed by signal {signal}")),
        (None, None) => GateOutcome::Failed("its end is unknown".to_owned()),
    }
}

fn region_result(outcome: &RegionOutcome) -> RegionResultOf<'_> {
    let sync = outcome.sync();
    let images = sync.into_iter().flat_map(|sync| &sync.statuses);
    RegionResultOf {
        region: outcome.region.to_string(),
        result: outcome.result,
        uploaded_bytes: sync.map_or(0, |sync| sync.uploaded_bytes),
        pulled_bytes: sync.map_or(0, |sync| sync.pulled_bytes),
        images: images
            .map(|(image, status)| ImageResult {
                image,
                status: *status,
            })
            .collect(),
    }
}

/// A file with what the wave came to; it goes when this does.
fn write_summary(wave: &RunWave, regions: &[RegionOutcome]) -> std::io::Result<NamedTempFile> {
    let summary = Summary {
        wave: &wave.wave,
        regions_failed: regions.iter().filter(|it| it.is_failed()).count(),
        regions: regions.iter().map(region_result).collect(),
    };
    let mut file = tempfile::Builder::new()
        .prefix("glancesync-wave-")
        .suffix(".json")
        .tempfile()?;
    serde_json::to_writer(&mut file, &summary)?;
    file.flush()?;
    Ok(file)
}

/// What a stream said, as far as it is kept.
#[derive(Default)]
struct Printed {
    kept: Vec<u8>,
    left_out: u64,
}

impl Printed {
    /// Reads to the end, and keeps the first part.
    async fn read(&mut self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut piece = vec![0; 16 << 10];
        while let Ok(length @ 1..) = stream.read(&mut piece).await {
            let room = PRINTED_MAX - self.kept.len();
            let kept = length.min(room);
            self.kept.extend_from_slice(&piece[..kept]);
            self.left_out += (length - kept) as u64;
        }
    }
}
