"""Who and what the fleet consists of; everything here is the same in every fleet."""

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

# The region of the other Keystone bears the master region's name: only endpoints tell them apart.
REGIONS = (
    Region("master", "RegionOne"),
    Region("master", "RegionTwo"),
    Region("master", "RegionThree", strict_schema=True),
    Region("other", "RegionOne"),
)

# One more name in the first catalogue for the Glance of RegionOne, and a region without a Glance.
ALIAS = "Alias"
EMPTY = "Empty"
