"""`python -m offers`: settings, build, run."""

import os

from chassis.service import run, settings_from
from offers.app import build

if __name__ == "__main__":
    run("offers", settings_from(os.environ), build)
