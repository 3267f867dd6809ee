"""The local stack: a real broker, a real database and the five services, needing nothing but Python and what pip brings."""

from raccroche.stack.layout import SERVICES
from raccroche.stack.stack import NotUp, Stack

__all__ = ["SERVICES", "NotUp", "Stack"]
