"""The databases of the fleet, filled once: schemas, users, projects, catalogues."""

import base64
import json
import os
import shutil
import sqlite3

import api
import facts
from servers import GlanceServer, KeystoneServer, free_port


def make(folder, environment):
    """Fills `folder` with what `Fleet` copies at each start."""
    glance = GlanceServer("glance", folder / "glance", environment, 0)
    glance.folder.mkdir()
    glance.configure("http://keystone.invalid/v3", facts.REGIONS[0])
    config = glance.folder / "glance-api.conf"
    glance.manage("glance-manage", "--config-file", config, "db_sync")
    settle(glance.database)
    schema = None
    for one in facts.KEYSTONES:
        schema = make_keystone(folder, environment, one, schema)


def make_keystone(folder, environment, one, schema):
    """Makes one Keystone, from the bare schema of an earlier one if there is one."""
    keystone = KeystoneServer(
        one.target, folder / one.target, environment, free_port(set())
    )
    keystone.folder.mkdir()
    keystone.configure()
    manage = ("keystone-manage", "--config-file", keystone.folder / "keystone.conf")
    if schema is None:
        schema = folder / "keystone-schema.sqlite"
        keystone.manage(*manage, "db_sync")
        settle(keystone.database)
        shutil.copy(keystone.database, schema)
    else:
        shutil.copy(schema, keystone.database)
    for kind in ("fernet", "credential"):
        make_keys(keystone.folder / kind)
    words = ["--bootstrap-username", facts.SYNC_USER]
    words += ["--bootstrap-password", one.sync_password]
    words += ["--bootstrap-project-name", facts.SYNC_PROJECT]
    keystone.manage(*manage, "bootstrap", *words)
    keystone.start()
    try:
        api.wait_until_ready(keystone, keystone.url)
        known = fill(keystone, one)
    finally:
        keystone.kill()
    settle(keystone.database)
    (keystone.folder / "facts.json").write_text(json.dumps(known))
    return schema


def make_keys(folder):
    """A staged and a primary key, as `keystone-manage fernet_setup` leaves them."""
    folder.mkdir(mode=0o700)
    for name in ("0", "1"):
        key = folder / name
        key.write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
        key.chmod(0o600)


def fill(keystone, one):
    """Creates everything that a fleet's catalogue needs; what it returns goes to the tests."""
    token, scope = api.log_in(
        keystone.url, facts.SYNC_USER, one.sync_password, facts.SYNC_PROJECT
    )

    def create(kind, path=None, **attributes):
        path = path or f"/{kind}s"
        return api.call("POST", keystone.url + path, {kind: attributes}, token)[kind]

    roles = {
        role["name"]: role["id"]
        for role in api.call("GET", f"{keystone.url}/roles", token=token)["roles"]
    }

    def member(user, password, project, *names):
        person = create("user", name=user, password=password, domain_id="default")
        for name in names:
            path = f"/projects/{project}/users/{person['id']}/roles/{roles[name]}"
            api.call("PUT", keystone.url + path, token=token)
        return person["id"]

    def member_of_new(user, password, project, role):
        made = create("project", name=project, domain_id="default")["id"]
        member(user, password, made, role)
        return made

    project = create("project", name=facts.SERVICE_PROJECT, domain_id="default")["id"]
    service = member(facts.SERVICE_USER, facts.SERVICE_PASSWORD, project, "admin")
    # As which a Glance reads the limits of projects.
    path = f"/system/users/{service}/roles/{roles['reader']}"
    api.call("PUT", keystone.url + path, token=token)
    foreign = member_of_new(
        facts.FOREIGN_USER, one.foreign_password, facts.FOREIGN_PROJECT, "member"
    )
    roles[facts.PUBLISHER_ROLE] = create("role", name=facts.PUBLISHER_ROLE)["id"]
    publisher = (facts.PUBLISHER_USER, facts.PUBLISHER_PASSWORD, scope["project"]["id"])
    member(*publisher, "member", facts.PUBLISHER_ROLE)
    secret = create(
        "application_credential",
        path=f"/users/{scope['user']['id']}/application_credentials",
        name="glancesync",
    )
    image = create("service", name="glance", type="image")["id"]
    identity = create("service", name="keystone", type="identity")["id"]
    regions = [region for region in facts.REGIONS if region.target == one.target]
    endpoints = {region.name: region.placeholder for region in regions}
    if one.target == "master":
        endpoints[facts.ALIAS] = f"{regions[0].placeholder}/"
        create("region", id=facts.EMPTY)
    for region, url in endpoints.items():
        create("region", id=region)
        for interface in ("public", "internal", "admin"):
            names = {"interface": interface, "region_id": region}
            create("endpoint", service_id=image, url=url, **names)
            create("endpoint", service_id=identity, url="http://keystone.invalid/v3", **names)
    for region in regions:
        about = {"service_id": image, "region_id": region.name}
        limits = [
            {**about, "resource_name": name, "default_limit": limit}
            for name, limit in region.limits
        ]
        if limits:
            body = {"registered_limits": limits}
            api.call("POST", f"{keystone.url}/registered_limits", body, token)
    return {
        "project_id": scope["project"]["id"],
        "foreign_project_id": foreign,
        "application_credential": {"id": secret["id"], "secret": secret["secret"]},
    }


def settle(database):
    """Leaves one file, in the mode that lets readers and a writer work side by side."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def address(database, placeholder, url):
    """Puts the address that a server got into the catalogue of a copied template."""
    connection = sqlite3.connect(database)
    with connection:
        words = "UPDATE endpoint SET url = replace(url, ?, ?)"
        connection.execute(words, (placeholder, url))
    connection.close()


def forget(database, region):
    """Takes a region that is not started out of a copied template."""
    connection = sqlite3.connect(database)
    with connection:
        connection.execute("DELETE FROM registered_limit WHERE region_id = ?", (region,))
        connection.execute("DELETE FROM endpoint WHERE region_id = ?", (region,))
        connection.execute("DELETE FROM region WHERE id = ?", (region,))
    connection.close()
