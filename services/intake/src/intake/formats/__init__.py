"""One adapter per format of list, all giving the same cells."""

from collections.abc import Mapping

from contracts.intake import ListFormat
from intake.formats import csv_list, siecle, sifa
from intake.formats.cells import Adapter

ADAPTERS: Mapping[ListFormat, Adapter] = {"siecle": siecle.ADAPTER, "sifa": sifa.ADAPTER, "csv": csv_list.ADAPTER}
