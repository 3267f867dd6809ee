"""One adapter per format of list, all giving the same cells. A new format is a new file here with an `ADAPTER`: nothing else names it."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules

from intake.formats.cells import Adapter


def _adapters() -> Iterator[Adapter]:
    for module in iter_modules(__path__):
        found = getattr(import_module(f"{__name__}.{module.name}"), "ADAPTER", None)
        if isinstance(found, Adapter):
            yield found


ADAPTERS: Mapping[str, Adapter] = {adapter.name: adapter for adapter in _adapters()}
