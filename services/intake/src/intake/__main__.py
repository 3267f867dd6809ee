"""Starts intake as a process of its own."""

import os

from chassis.service import run, settings_from
from intake.app import build

if __name__ == "__main__":
    run("intake", settings_from(os.environ), build)
