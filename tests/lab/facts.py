"""Who and what the fleet consists of; everything here is the same in every fleet."""

import shutil
from dataclasses import dataclass

SERVICE_USER, SERVICE_PASSWORD, SERVICE_PROJECT = "glance", "glance-service", "service"
SYNC_USER, SYNC_PROJECT = "glancesync", "images"
# The role is the one that conf/glance-policy.yaml lets publish.
PUBLISHER_USER, PUBLISHER_PASSWORD, PUBLISHER_ROLE = "publisher", "publisher", "image_publisher"
FOREIGN_USER, FOREIGN_PROJECT = "stranger", "tenant"


@dataclass(frozen=True)
class Keystone:
    """A Keystone: the same users as behind the other one, with other passwords."""

    target: str
    sync_password: str
    foreign_password: str


@dataclass(frozen=True)
class Region:
    """A Glance, and where its endpoint is registered."""

    target: str
    name: str
    strict_schema: bool = False
    # Whether it offers the import methods that glancesync uses.
    imports: bool = True
    # Whether what is imported becomes raw (the plugin `image_conversion`).
    converts: bool = False
    # Properties that the plugin `inject_image_metadata` gives to what is imported.
    injects: tuple = ()
    # Whether its policy refuses `PUT .../file`.
    import_only: bool = False
    # The stores, the default one first.
    stores: tuple = ("local",)
    # Limits of every project, in Keystone.
    limits: tuple = ()
    # Whether it is there only where `--import-regions` asks for it.
    optional: bool = False

    @property
    def full_name(self):
        return f"{self.target}:{self.name}"

    @property
    def placeholder(self):
        """The endpoint in the database templates, before the fleet has ports."""
        return f"http://{self.target}-{self.name.lower()}.invalid"


# The passwords hold what a configuration file or a shell may stumble over.
KEYSTONES = (
    Keystone("master", "m%(user)s \"quoted\" \\ # ; s3cr3t", "stranger-master"),
    Keystone("other", "o'ther, $HOME: s3cr3t=", "stranger-other"),
)

# Sizes in MiB.
LIMITS = (
    ("image_size_total", 2000),
    ("image_stage_total", 1000),
    ("image_count_total", 100),
    ("image_count_uploading", 10),
)

# The region of the other Keystone has the master region's name: only endpoints tell them apart.
REGIONS = (
    Region("master", "RegionOne"),
    Region("master", "RegionTwo", converts=True),
    Region("master", "RegionThree", strict_schema=True, stores=("local", "archive")),
    Region("master", "RegionFour", import_only=True, injects=("injected:yes",), optional=True),
    Region("master", "RegionFive", limits=LIMITS, optional=True),
    Region("other", "RegionOne", imports=False),
)

# One more name in the first catalogue for the Glance of RegionOne, and a region without a Glance.
ALIAS = "Alias"
EMPTY = "Empty"


def can_convert():
    """Whether there is what `image_conversion` runs; on Debian it is in the package qemu-utils."""
    return shutil.which("qemu-img") is not None
