//! Configuration: raw INI text, layers of sources, checked settings.
