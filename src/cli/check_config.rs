//! `glancesync check-config`: the configuration as it counts, and, where that is asked for, whether
//! the clouds in it answer.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::{CheckConfigArgs, DocumentFormat};
use super::error::CliError;
use super::output;
use super::session::{self, Session};
use crate::config::EffectiveValue;
use crate::engine::{self, RegionSurvey, Scope, TargetSurvey};
use crate::exit_codes;
use crate::model::RegionName;
use crate::plan::passed_over_text;
use crate::report::{ColorChoice, OneLine, Paint, format};

/// Columns of the longest names of keys, and of a value that leaves room for its place.
const KEY_WIDTH: usize = 29;
const VALUE_WIDTH: usize = 36;

pub(super) fn run(args: &CheckConfigArgs) -> u8 {
    let sources = session::sources(&args.config, args.config.overrides());
    session::run(
        &args.messages,
        session::STATS,
        &sources,
        |draft, findings| findings.targets(draft, &Scope::default()),
        async |session| check(args, session).await,
    )
}

async fn check(args: &CheckConfigArgs, session: Session) -> Result<u8, CliError> {
    let settings = &session.settings;
    // The log-in to `master` is checked with the rest; the others' need not work.
    for warning in settings.check_credentials([]).map_err(CliError::Config)? {
        session.events.warning(None, warning);
    }
    let surveys = if args.online {
        Some(engine::survey(settings).await)
    } else {
        None
    };
    let is_failed = report_failures(&session, surveys.as_deref().unwrap_or_default());
    let paint = ColorChoice::from(args.messages.color).for_stdout();
    let document = Document {
        file: settings.file.clone(),
        values: settings.effective().to_vec(),
        online: surveys,
    };
    session.finish().await?;
    output::print(|out| match args.format {
        DocumentFormat::Json => format::json(out, &document),
        DocumentFormat::Text => document.write(out, paint),
    })?;
    Ok(if is_failed {
        exit_codes::FAILED
    } else {
        exit_codes::OK
    })
}

/// Reports every failure, and says whether there was one.
fn report_failures(session: &Session, surveys: &[TargetSurvey]) -> bool {
    let mut is_failed = false;
    for survey in surveys {
        let of_target = survey
            .error
            .iter()
            .map(|error| (RegionName::new(survey.target.clone(), ""), error));
        let of_regions = survey
            .regions
            .iter()
            .filter_map(|region| Some((region.region.clone(), region.error.as_ref()?)));
        for (region, failure) in of_target.chain(of_regions) {
            is_failed = true;
            session.events.error(Some(&region), failure.clone());
        }
    }
    is_failed
}

#[derive(Serialize)]
struct Document {
    file: Option<PathBuf>,
    values: Vec<EffectiveValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<Vec<TargetSurvey>>,
}

impl Document {
    fn write(&self, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        let file = self.file.as_deref().map(Path::to_string_lossy);
        match &file {
            Some(file) => writeln!(out, "Configuration file: {}", OneLine(file))?,
            None => writeln!(out, "No configuration file.")?,
        }
        let mut section = "";
        for value in &self.values {
            if value.section != section {
                section = &value.section;
                writeln!(out, "\n{}", paint.bold(format!("[{}]", OneLine(section))))?;
            }
            write_value(out, value, paint)?;
        }
        for survey in self.online.iter().flatten() {
            write_survey(out, survey, paint)?;
        }
        Ok(())
    }
}

fn write_value(out: &mut impl Write, value: &EffectiveValue, paint: Paint) -> io::Result<()> {
    let origin = value.origin.to_string();
    let text = OneLine(&value.value).to_string();
    let place = paint.dim(format!("({})", OneLine(&origin)));
    writeln!(
        out,
        "{:KEY_WIDTH$} = {text:VALUE_WIDTH$} {place}",
        value.key
    )
}

fn write_survey(out: &mut impl Write, survey: &TargetSurvey, paint: Paint) -> io::Result<()> {
    let name = paint.bold(format!("Target {}:", OneLine(survey.target.as_str())));
    if let Some(error) = &survey.error {
        let failed = paint.red("no log-in");
        return writeln!(out, "\n{name} {failed} [{}]", error.code);
    }
    writeln!(
        out,
        "\n{name} logged in as {} to project {}",
        OneLine(&survey.user),
        OneLine(&survey.project)
    )?;
    let roles = survey.roles.join(", ");
    let verdict = if survey.may_publish {
        paint.green("may publish images, by Glance's usual policy")
    } else {
        paint.yellow("may not publish images, unless the policy `publicize_image` allows it without the role `admin`")
    };
    writeln!(out, "  roles {}: {verdict}", OneLine(&roles))?;
    for region in &survey.regions {
        write_region(out, region, paint)?;
    }
    Ok(())
}

fn write_region(out: &mut impl Write, survey: &RegionSurvey, paint: Paint) -> io::Result<()> {
    let name = survey.region.to_string();
    let name = paint.cyan(OneLine(&name));
    let master = if survey.is_master {
        " (master region)"
    } else {
        ""
    };
    let answer = match (&survey.error, survey.images) {
        (Some(error), _) => {
            let failed = paint.red("failed");
            format!("{failed} [{}]", error.code)
        }
        (None, Some(1)) => "answers, 1 image".to_owned(),
        (None, images) => format!("answers, {} images", images.unwrap_or_default()),
    };
    let version = survey
        .api_version
        .as_deref()
        .map_or_else(String::new, |version| {
            format!(", Image API {}", OneLine(version))
        });
    writeln!(
        out,
        "  {name}{master}: {answer} in {} s{version}",
        survey.seconds
    )?;
    if !survey.passed_over.is_empty() {
        let reasons = passed_over_text(&survey.passed_over);
        writeln!(out, "    of its images these do not count: {reasons}")?;
    }
    Ok(())
}
