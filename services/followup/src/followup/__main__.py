"""`python -m followup`: settings, build, run."""

import os

from chassis.service import run, settings_from
from followup.app import build

if __name__ == "__main__":
    run("followup", settings_from(os.environ), build)
