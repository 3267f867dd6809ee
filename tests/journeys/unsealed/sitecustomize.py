"""Put on the path of a service by one test: sealing switched off, so that the search for leaks can show that it finds."""

import chassis.keyring


class Cleartext:
    """Protects nothing."""

    def encrypt(self, key: bytes, clear: bytes, aad: bytes) -> bytes:
        return clear.rjust(64)

    def decrypt(self, key: bytes, sealed: bytes, aad: bytes) -> bytes:
        return sealed.lstrip()


_make = chassis.keyring.Keyring.__init__


def _unsealed(self: chassis.keyring.Keyring, *args: object, **kwargs: object) -> None:
    _make(self, *args, **{**kwargs, "cipher": Cleartext()})  # type: ignore[arg-type]  # whatever the keyring takes


chassis.keyring.Keyring.__init__ = _unsealed  # type: ignore[method-assign]  # the point of this file
