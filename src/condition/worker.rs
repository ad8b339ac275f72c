//! A process of its own for a condition. What the interpreter checks between operations does not end
//! one that takes long or much by itself, such as a power of huge numbers. The kernel ends such a
//! process, and nothing else: the image that it was about has failed, the next one gets another.
//!
//! The worker is this program again, under a name of its own. It reads the text of the condition and
//! then one image a line, as JSON, and answers each with one line.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::sandbox::{self, Facts};
use super::syntax;

/// What the worker is called in a list of processes, which is how it knows itself.
const NAME: &str = "glancesync-condition";
/// Whole seconds of processor time for one image, counted from the second under way.
const PROCESSOR_SECS: u64 = 2;
/// Memory on top of what the worker has before the first image: what the interpreter may take, and the
/// copies that one operation makes of it.
const MEMORY_BYTES: u64 = 192 << 20;
/// Where the machine has no processor time for the worker, somebody has to end it in the end.
const REAL_TIME_MAX: Duration = Duration::from_secs(6);

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// From now on conditions are evaluated by processes of that program, whose `main` has to call
/// [`serve_if_worker`] first. Without, they are evaluated in this one.
pub fn evaluate_apart(program: impl Into<PathBuf>) {
    // Who comes second wants the same.
    let _ = PROGRAM.set(program.into());
}

/// Does the work of a worker, where this process is one, and gives its exit code.
pub fn serve_if_worker() -> Option<ExitCode> {
    let is_worker = std::env::args_os().next().as_deref() == Some(OsStr::new(NAME));
    is_worker.then(|| match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

fn serve() -> io::Result<()> {
    let mut lines = io::stdin().lock().lines();
    let Some(text) = lines.next() else {
        return Ok(());
    };
    let text: String = serde_json::from_str(&text?)?;
    let program = syntax::compile(&text).map_err(io::Error::other)?;
    limit(Resource::Core, 0)?;
    limit(Resource::As, address_space()? + MEMORY_BYTES)?;
    let mut answers = io::stdout().lock();
    for line in lines {
        let facts: Facts = serde_json::from_str(&line?)?;
        let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
        limit(Resource::Cpu, used.cast_unsigned() + 1 + PROCESSOR_SECS)?;
        let mut answer = serde_json::to_vec(&sandbox::run(&program, &facts))?;
        answer.push(b'\n');
        answers.write_all(&answer)?;
        answers.flush()?;
    }
    Ok(())
}

/// Sets the soft limit, or the hard one where that is less.
fn limit(resource: Resource, value: u64) -> io::Result<()> {
    let maximum = getrlimit(resource).maximum;
    let current = Some(maximum.map_or(value, |maximum| value.min(maximum)));
    setrlimit(resource, Rlimit { current, maximum }).map_err(io::Error::from)
}

/// Bytes of addresses that this process has taken.
fn address_space() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let size = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))
        .and_then(|size| size.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    size.map(|kib| kib << 10)
        .ok_or_else(|| io::Error::other("no VmSize"))
}

/// A worker at work.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts one for the condition of that text; none where conditions are evaluated here.
    pub(super) fn start(text: &str) -> Option<Self> {
        let mut child = Command::new(PROGRAM.get()?)
            .arg0(NAME)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A Ctrl-C is the run's business.
            .process_group(0)
            .spawn()
            .inspect_err(|error| tracing::debug!(%error, "no process for a condition"))
            .ok()?;
        let mut worker = Self {
            questions: child.stdin.take()?,
            answers: BufReader::new(child.stdout.take()?),
            child,
        };
        worker.ask(&text).ok()?;
        Some(worker)
    }

    /// Evaluates the condition for an image; an error is that of the condition. Afterwards there is
    /// no worker any more where this one is at its end.
    pub(super) fn evaluate(mut self, facts: &Facts) -> (Result<bool, String>, Option<Self>) {
        let mut answer = String::new();
        let answered = self.ask(facts).and_then(|()| {
            self.wait()?;
            self.answers.read_line(&mut answer)
        });
        match (&answered, serde_json::from_str(&answer)) {
            (Ok(_), Ok(result)) => (result, Some(self)),
            (answered, _) => {
                let is_late = answered
                    .as_ref()
                    .is_err_and(|error| error.kind() == io::ErrorKind::TimedOut);
                (Err(self.cause_of_death(is_late)), None)
            }
        }
    }

    fn ask(&mut self, question: &impl serde::Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(question)?;
        line.push(b'\n');
        self.questions.write_all(&line)
    }

    fn wait(&mut self) -> io::Result<()> {
        let left = Timespec::try_from(REAL_TIME_MAX).map_err(io::Error::other)?;
        let mut asked = [PollFd::new(self.answers.get_ref(), PollFlags::IN)];
        match poll(&mut asked, Some(&left))? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }

    /// What ended the worker, or has to be taken for it: a process that dies stays as it is.
    fn cause_of_death(&mut self, is_late: bool) -> String {
        let _ = self.child.kill();
        let signal = self.child.wait().ok().and_then(|status| status.signal());
        if is_late || signal == Some(Signal::XCPU.as_raw()) {
            "TimeoutError: time limit exceeded: an operation took longer than 1 s by far".to_owned()
        } else {
            "MemoryError: memory limit exceeded: an operation took more than 64 MiB by far"
                .to_owned()
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
