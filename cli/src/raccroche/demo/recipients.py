"""A recipient of coordinates: it fetches what is addressed to it, opens it with its own private key, and acknowledges in bulk."""

import hashlib
import json
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from joserfc import jwe
from joserfc.jwk import ECKey

from raccroche.demo.callers import Caller

AT_ONCE = 500
SENT_ONCE = UUID("6f0c7d5e-0c1b-4b53-9d3a-6d3a0c0f9b01")


@dataclass(kw_only=True)
class Recipient:
    """A designated body or a mission locale with its key pair. `received` holds the transmissions it could open."""

    recipient_id: str
    caller: Caller
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    received: set[str] = field(default_factory=set)

    @property
    def public_key(self) -> str:
        """The JWK that a designation carries."""
        return json.dumps(self.key.as_dict(private=False), sort_keys=True)

    async def collect(self) -> int:
        """Fetch, open and acknowledge until nothing is left; how many were new.

        Raises:
            ValueError: what came is not what its hash says, or not for this recipient's key.
        """
        new = 0
        while deliveries := _list((await self.caller.get("/deliveries", limit=AT_ONCE))["deliveries"]):
            for delivery in deliveries:
                self._open(delivery)
            ids = [delivery["transmission_id"] for delivery in deliveries]
            await self.caller.post("/deliveries/acknowledge", {"transmission_ids": ids}, key=uuid5(SENT_ONCE, " ".join(ids)))
            new += len(set(ids) - self.received)
            self.received.update(ids)
        return new

    def _open(self, delivery: dict[str, str]) -> None:
        body = delivery["body"]
        if hashlib.sha256(body.encode()).hexdigest() != delivery["encrypted_sha256"]:
            raise ValueError(f"transmission {delivery['transmission_id']} is not what its hash says")
        opened = json.loads(jwe.decrypt_compact(body, self.key, algorithms=["ECDH-ES", "A256GCM"]).plaintext or b"{}")
        if not opened:
            raise ValueError(f"transmission {delivery['transmission_id']} is empty")


def _list(value: object) -> list[dict[str, str]]:
    if not isinstance(value, list):
        raise TypeError("a list was expected")
    return value
