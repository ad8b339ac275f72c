//! The product's binary, run as a user would run it, in a home and a folder of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::config::Config;
use super::fleet::Fleet;
use super::outcome::Outcome;

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
        let stderr = collect(child.stderr.take().expect("a pipe"));
        self.running(child, std::thread::spawn(Vec::new), stderr)
            .wait()
    }

    /// Starts it and leaves it running.
    pub(crate) fn start(&self) -> Running {
        let mut child = self.command().spawn().expect("the binary starts");
        let stdout = collect(child.stdout.take().expect("a pipe"));
        let stderr = collect(child.stderr.take().expect("a pipe"));
        self.running(child, stdout, stderr)
    }

    fn running(
        &self,
        child: Child,
        stdout: JoinHandle<Vec<u8>>,
        stderr: JoinHandle<Vec<u8>>,
    ) -> Running {
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

/// The readers of standard output and standard error.
type Readers = (JoinHandle<Vec<u8>>, JoinHandle<Vec<u8>>);

/// A run under way; killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    command: String,
    output: Option<Readers>,
}

impl Running {
    /// Sends it a signal, by its name without `SIG`. One that has ended meanwhile takes no notice.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .expect("kill");
        assert!(sent.success(), "kill -s {name} {id}");
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
        let text = |reader: JoinHandle<Vec<u8>>| {
            String::from_utf8(reader.join().expect("a reader")).expect("UTF-8")
        };
        let (stdout, stderr) = self.output.take().expect("not waited for yet");
        let outcome = Outcome {
            command: std::mem::take(&mut self.command),
            code: ended.and_then(|status| status.code()),
            stdout: text(stdout),
            stderr: text(stderr),
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

/// Asks again and again until there is an answer; none when the time is up.
pub(crate) fn poll<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        let answer = ask();
        if answer.is_some() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("output");
        bytes
    })
}
