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
use crate::report::{ColorChoice, OneLine, Paint, Style, format};

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
    let style = ColorChoice::from(args.messages.color).style_of_stdout();
    let document = Document {
        file: settings.file.clone(),
        values: settings.effective().to_vec(),
        online: surveys,
    };
    session.finish().await?;
    output::print(|out| match args.format {
        DocumentFormat::Json => format::json(out, &document),
        DocumentFormat::Text => out.write_all(document.text(style)?.as_bytes()),
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
    fn text(&self, style: Style) -> io::Result<String> {
        let mut text = Vec::new();
        self.write(&mut text, style)?;
        Ok(style.wrapped(&String::from_utf8_lossy(&text), 4))
    }

    fn write(&self, out: &mut impl Write, style: Style) -> io::Result<()> {
        let paint = style.paint;
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
            write_value(out, value, style)?;
        }
        for survey in self.online.iter().flatten() {
            write_survey(out, survey, paint)?;
        }
        Ok(())
    }
}

fn write_value(out: &mut impl Write, value: &EffectiveValue, style: Style) -> io::Result<()> {
    let origin = value.origin.to_string();
    let text = OneLine(&value.value).to_string();
    let place = format!("({})", OneLine(&origin));
    // Where there is no room for a column of places, they follow the values.
    let columns = KEY_WIDTH + " = ".len() + VALUE_WIDTH + 1 + place.chars().count();
    let has_room = style.width.is_none_or(|width| columns <= width);
    let value_width = if has_room { VALUE_WIDTH } else { 0 };
    let place = style.paint.dim(place);
    writeln!(
        out,
        "{:KEY_WIDTH$} = {text:value_width$} {place}",
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Origin;
    use crate::event::Failure;
    use crate::model::{ErrorCode, TargetName};
    use crate::report::looks;

    fn survey(target: &str) -> TargetSurvey {
        TargetSurvey {
            target: TargetName::new(target),
            error: None,
            user: "glancesync".to_owned(),
            project: "images".to_owned(),
            roles: vec!["member".to_owned(), "reader".to_owned()],
            may_publish: false,
            regions: Vec::new(),
        }
    }

    fn region(name: &str, images: Option<usize>) -> RegionSurvey {
        let list_failed = || Failure::new(ErrorCode::ListFailed, "no".to_owned(), "Ask.");
        RegionSurvey {
            region: name.parse().unwrap(),
            is_master: name == "Spain",
            images,
            passed_over: BTreeMap::new(),
            seconds: 0.25,
            api_version: Some("v2.16".to_owned()),
            error: images.is_none().then(list_failed),
        }
    }

    #[test]
    fn a_configuration_and_what_answers_as_they_look() {
        let file: PathBuf = "/etc/glancesync.conf".into();
        let value = |section: &str, key, value: &str, line| EffectiveValue {
            section: section.to_owned(),
            key,
            value: value.to_owned(),
            origin: Origin::File {
                path: file.clone(),
                line,
            },
        };
        let mut master = survey("master");
        master.may_publish = true;
        master.regions = vec![region("Spain", Some(1))];
        let mut partner = survey("partner");
        partner.regions = vec![region("partner:Berlin", None)];
        let mut closed = survey("closed");
        closed.error = Some(Failure::new(ErrorCode::AuthFailed, String::new(), ""));
        let document = Document {
            values: vec![
                value("main", "master_region", "Spain", 4),
                value(
                    "main",
                    "preferable_order",
                    "Trento, Lannion, partner:Berlin, partner:Paris",
                    5,
                ),
                value("master", "password", "***", 9),
            ],
            online: Some(vec![master, partner, closed]),
            file: Some(file),
        };
        insta::assert_snapshot!(looks(|style| document.text(style).unwrap()));
    }
}
