//! `glancesync sandbox`: keeps a demo fleet running until a signal comes.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::args::SandboxArgs;
use super::demo::{Demo, DemoError};
use super::output;
use super::signals::FirstSignal;
use crate::event::Failure;
use crate::exit_codes;
use crate::model::ErrorCode;
use crate::report::Terminal;
use crate::sandbox::SandboxError;
use crate::sandbox::demo::{MASTER_PASSWORD, MASTER_REGION, PROJECT, USER};
use crate::state::write_atomic;

/// A server on loopback that takes longer to answer does not work.
const PATIENCE: Duration = Duration::from_secs(30);

/// The file of the variables has passwords, if only those of a demo.
const PERMISSIONS: u32 = 0o600;

pub(super) fn run(args: &SandboxArgs) -> u8 {
    let terminal = Terminal::stderr(args.messages.terminal_options());
    match serve(args, &terminal) {
        Ok(()) => exit_codes::OK,
        Err(error) => {
            if let Some(error) = error.downcast_ref::<DemoError>() {
                return output::end_with(&terminal, &[error.failure()], error.exit_code());
            }
            let hint = "The fleet is gone again: mend that, and start anew.";
            let failure = Failure::new(ErrorCode::Internal, error.to_string(), hint);
            output::end_with(&terminal, &[failure], exit_codes::FAILED)
        }
    }
}

fn serve(args: &SandboxArgs, terminal: &Terminal) -> Result<(), Box<dyn std::error::Error>> {
    let signal = FirstSignal::listen(terminal.clone())?;
    let demo = Demo::start(&args.fleet)?;
    let variables = variables(&demo)?;
    match &args.env_file {
        // Whoever waits for the file finds it whole, and servers that answer.
        Some(path) => {
            wait_for_answer(demo.fleet.sandbox().keystone_url("master")?)?;
            write_atomic(path, variables.as_bytes(), PERMISSIONS)
                .map_err(|error| format!("--env-file {}: {error}", path.display()))?;
            terminal.say(&format!(
                "The variables are in {}: source it.",
                path.display()
            ));
        }
        None => output::print(|out| out.write_all(variables.as_bytes()))?,
    }
    terminal.say(
        "The fleet runs until Ctrl-C. In another terminal, after the lines above:\n\
         \x20 glancesync --show-status --all\n\
         \x20 openstack image list\n\
         \x20 curl -H \"X-Auth-Token: $(openstack token issue -f value -c id)\" $GLANCE_URL/v2/images",
    );
    signal.wait();
    if let Some(path) = &args.env_file {
        // It leads to a fleet that is gone; whoever has removed it already meant just that.
        let _ = fs::remove_file(path);
    }
    Ok(())
}

fn variables(demo: &Demo) -> Result<String, SandboxError> {
    let sandbox = demo.fleet.sandbox();
    Ok(format!(
        "# Configuration file: {config}\n\
         export GLANCESYNC_CONFIG={config}\n\
         export OS_AUTH_URL={keystone}\n\
         export OS_USERNAME={USER}\n\
         export OS_PASSWORD={MASTER_PASSWORD}\n\
         export OS_PROJECT_NAME={PROJECT}\n\
         export OS_USER_DOMAIN_NAME=Default\n\
         export OS_PROJECT_DOMAIN_NAME=Default\n\
         export OS_IDENTITY_API_VERSION=3\n\
         export OS_REGION_NAME={MASTER_REGION}\n\
         export GLANCE_URL={glance}\n",
        config = demo.config_file.display(),
        keystone = sandbox.keystone_url("master")?,
        glance = sandbox.glance_url("master:Central")?,
    ))
}

/// Asks a server for its versions, and waits for the first bytes of the answer.
fn wait_for_answer(url: &str) -> Result<(), Box<dyn std::error::Error>> {
    let address = url::Url::parse(url)?.socket_addrs(|| None)?;
    let mut server = TcpStream::connect(&address[..])?;
    server.set_read_timeout(Some(PATIENCE))?;
    server.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    server.read_exact(&mut [0; 12])?;
    Ok(())
}
