"""`python -m transmission`: settings, build, run."""

import os

from chassis.service import run, settings_from
from transmission.app import build

if __name__ == "__main__":
    run("transmission", settings_from(os.environ), build)
