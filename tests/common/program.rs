//! The product's binary, run as a user would run it, in a home and a folder of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::config::Config;
use super::fleet::Fleet;
use super::outcome::Outcome;
use super::wait::{poll, wait_until};

/// A run that takes longer than this hangs.
const LIMIT: Duration = Duration::from_mins(2);

/// A run in the making.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    fleet: &'a Fleet,
    words: Vec<OsString>,
    environment: Vec<(String, String)>,
    /// What a shell does before it becomes the program.
    before: Option<String>,
}

impl<'a> Program<'a> {
    /// Without any configuration.
    pub(crate) fn bare(fleet: &'a Fleet) -> Self {
        Self {
            fleet,
            words: Vec::new(),
            environment: Vec::new(),
            before: None,
        }
    }

    /// With that configuration in a file.
    pub(crate) fn with(fleet: &'a Fleet, config: &Config) -> Self {
        Self::with_text(fleet, &config.text())
    }

    /// With that text as configuration file.
    pub(crate) fn with_text(fleet: &'a Fleet, text: &str) -> Self {
        let path = fleet.write_private("glancesync.conf", text);
        Self::bare(fleet).args(["--config-file".into(), path.into_os_string()])
    }

    pub(crate) fn args<W: Into<OsString>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    /// Asks for events on standard error.
    pub(crate) fn events(self) -> Self {
        self.args(["--log-format", "json"])
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has a shell run that first, as in `umask 000` or `ulimit -v 900000`.
    pub(crate) fn after(mut self, shell: &str) -> Self {
        self.before = Some(shell.to_owned());
        self
    }

    fn command(&self) -> Command {
        let home = self.fleet.home();
        let binary = env!("CARGO_BIN_EXE_glancesync");
        let mut command = match &self.before {
            None => Command::new(binary),
            Some(shell) => {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("{shell} && exec \"$0\" \"$@\""), binary]);
                command
            }
        };
        command
            .args(&self.words)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", home.join("home"))
            .env("XDG_CONFIG_HOME", home.join("home/.config"))
            .env("XDG_CACHE_HOME", home.join("home/.cache"))
            .env("XDG_STATE_HOME", home.join("home/.local/state"))
            .env("XDG_DATA_HOME", home.join("home/.local/share"))
            .env("XDG_RUNTIME_DIR", home.join("home/run"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.fleet.work_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end, and fails the test if it hangs.
    #[track_caller]
    pub(crate) fn run(self) -> Outcome {
        let before = self.fleet.traffic_so_far();
        let mut outcome = self.start().wait();
        outcome.traffic = self.fleet.traffic_since(&before);
        outcome
    }

    /// Runs it with a standard output that nobody reads.
    #[track_caller]
    pub(crate) fn run_into_closed_pipe(self) -> Outcome {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut child = self
            .command()
            .stdout(writer)
            .spawn()
            .expect("the binary starts");
        let stderr = Captured::of(child.stderr.take().expect("a pipe"));
        self.running(child, Captured::of(std::io::empty()), stderr)
            .wait()
    }

    /// Starts it and leaves it running.
    pub(crate) fn start(&self) -> Running {
        let mut child = self.command().spawn().expect("the binary starts");
        let stdout = Captured::of(child.stdout.take().expect("a pipe"));
        let stderr = Captured::of(child.stderr.take().expect("a pipe"));
        self.running(child, stdout, stderr)
    }

    fn running(&self, child: Child, stdout: Captured, stderr: Captured) -> Running {
        let words: Vec<_> = self
            .words
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        let command = format!("glancesync {}", words.join(" "));
        Running {
            child,
            command,
            output: Some((stdout, stderr)),
        }
    }
}

/// A run under way; killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    command: String,
    /// Standard output and standard error.
    output: Option<(Captured, Captured)>,
}

impl Running {
    /// Sends it a signal, by its name without `SIG`. One that has ended meanwhile takes no notice. Two of
    /// the same name in a row may be heard as one; of two names both are heard.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .expect("kill");
        assert!(sent.success(), "kill -s {name} {id}");
    }

    /// Waits until that is on standard error, or the run is over.
    #[track_caller]
    pub(crate) fn wait_until_it_says(&mut self, text: &str) {
        wait_until(text, || {
            let (_, stderr) = self.output.as_ref().expect("not waited for yet");
            stderr.so_far().contains(text) || self.has_ended()
        });
    }

    /// Waits until there is something on standard output.
    #[track_caller]
    pub(crate) fn wait_until_it_prints(&self) {
        let (stdout, _) = self.output.as_ref().expect("not waited for yet");
        wait_until("standard output", || !stdout.so_far().is_empty());
    }

    /// True once it is over.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("wait").is_some()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(self) -> Outcome {
        self.wait_within(LIMIT)
    }

    /// Waits for its end, for so long at most.
    #[track_caller]
    pub(crate) fn wait_within(mut self, limit: Duration) -> Outcome {
        let ended = poll(limit, || self.child.try_wait().expect("wait"));
        if ended.is_none() {
            self.child.kill().expect("kill");
        }
        let (stdout, stderr) = self.output.take().expect("not waited for yet");
        let outcome = Outcome {
            command: std::mem::take(&mut self.command),
            code: ended.and_then(|status| status.code()),
            stdout: stdout.all(),
            stderr: stderr.all(),
            traffic: BTreeMap::new(),
        };
        assert!(ended.is_some(), "it hangs: {outcome}");
        outcome.assert_events_are_documented();
        outcome
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.output.is_some() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What one of its outputs has brought so far.
#[derive(Debug)]
struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Captured {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let shared = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            loop {
                let length = pipe.read(&mut piece).expect("output");
                if length == 0 {
                    break;
                }
                shared.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        Self { bytes, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// All of it, once nobody can write to it any more.
    fn all(self) -> String {
        self.reader.join().expect("a reader");
        let bytes = std::mem::take(&mut *self.bytes.lock().unwrap());
        String::from_utf8(bytes).expect("UTF-8")
    }
}
