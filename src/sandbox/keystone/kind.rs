//! What Keystone keeps lists of.

/// What a collection consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Projects,
    Services,
    Endpoints,
    Regions,
    Users,
    Groups,
    ApplicationCredentials,
}

impl Kind {
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "projects" => Self::Projects,
            "services" => Self::Services,
            "endpoints" => Self::Endpoints,
            "regions" => Self::Regions,
            "users" => Self::Users,
            _ => return None,
        })
    }

    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Projects => "projects",
            Self::Services => "services",
            Self::Endpoints => "endpoints",
            Self::Regions => "regions",
            Self::Users => "users",
            Self::Groups => "groups",
            Self::ApplicationCredentials => "application_credentials",
        }
    }

    pub(super) fn singular(self) -> &'static str {
        self.plural().trim_end_matches('s')
    }

    /// As an error names it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::ApplicationCredentials => "Application Credential",
            kind => kind.singular(),
        }
    }

    /// The only parameters that a list may be asked with; none where any may.
    pub(super) fn parameters(self) -> Option<&'static [&'static str]> {
        (self == Self::Regions).then_some(&["parent_region_id", "limit", "marker"])
    }
}
