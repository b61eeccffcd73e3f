"""What must not stand in a file of the farm: passwords, passphrases, private keys. Pure."""

import re

PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File-|b3BlbnNzaC1rZXktdjE")
"""PEM, PuTTY's format, and the first bytes of OpenSSH's format in base64."""

REMEDY = "secrets stay out of this file: load the key into ssh-agent (ssh-add), or name its path with key_file"

_SECRET_KEY = re.compile(
    r"(.*[_.-])?(password|passwd|pass|passphrase|secret|private[_-]?key|ssh[_-]?key|api[_-]?key|credentials?)",
    re.IGNORECASE,
)
_SECRET_TEXT = re.compile(r"\b(password|passwd|passphrase)\s*[:=]\s*\S", re.IGNORECASE)
_IN_ADDRESS = re.compile(r":[^@\s/:]+@")


def secret_in_key(key: str) -> bool:
    """Does the name of a key announce a secret?"""
    return _SECRET_KEY.fullmatch(key) is not None


def secret_in_value(text: str) -> str | None:
    """What a text seems to reveal, in words that do not repeat it; None for harmless text."""
    if PRIVATE_KEY.search(text):
        return "what looks like a private key"
    if _SECRET_TEXT.search(text):
        return "what looks like a password"
    return None


def redact(text: str) -> str:
    """The text without a password in an address (`user:password@host`), so that a message can show it."""
    return _IN_ADDRESS.sub(":…@", text)
