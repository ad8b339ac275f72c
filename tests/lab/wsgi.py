"""The Keystone or Glance application that uWSGI serves, with sqlite made fit for concurrency.

Every transaction starts with BEGIN IMMEDIATE, so that two writers wait for each other instead of
failing with "database is locked". Every answer is written to the access log before the first byte
of it leaves, so that whoever has an answer finds its request in the log. What Glance runs by way of
Python (`qemu-img`, under limits) needs the interpreter, which is not what uWSGI says that it is.
"""

import importlib
import os
import sys

import sqlalchemy
from sqlalchemy.engine import Engine

sys.executable = os.environ["LAB_PYTHON"]


@sqlalchemy.event.listens_for(Engine, "before_cursor_execute", retval=True)
def begin_immediately(_conn, _cursor, statement, parameters, _context, _executemany):
    if statement == "BEGIN":
        statement = "BEGIN IMMEDIATE"
    return statement, parameters


def logged(app, descriptor):
    def answer(environ, start_response):
        path = environ["PATH_INFO"]
        if environ.get("QUERY_STRING"):
            path += "?" + environ["QUERY_STRING"]

        def start(status, headers, *rest):
            fields = (environ["REQUEST_METHOD"], path, status.split()[0])
            line = "\t".join(field.replace("\n", "%0A") for field in fields) + "\n"
            os.write(descriptor, line.encode("latin-1", "replace"))
            return start_response(status, headers, *rest)

        return app(environ, start)

    return answer


application = logged(
    importlib.import_module(os.environ["LAB_APPLICATION"]).application,
    os.open(os.environ["LAB_ACCESS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600),
)
