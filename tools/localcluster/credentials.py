"""Tokens, keys and kubeconfigs: random at each start, readable by their owner alone."""

import base64
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

# A local cluster has a token for each of its components, so that audit logs tell them apart.
USERS = (
    "admin",
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "kwok",
    "prometheus",
    "pecr-fleet",
)
_P256_OID = bytes.fromhex("06082a8648ce3d030107")
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def make_tokens() -> dict[str, str]:
    """A bearer token for each user."""
    return {user: secrets.token_hex(24) for user in USERS}


def token_csv(tokens: Mapping[str, str]) -> str:
    """What `kube-apiserver --token-auth-file` reads."""
    rows = (f'{token},{user},{user},"system:masters"' for user, token in tokens.items())
    return "\n".join(rows) + "\n"


def signing_key_pem() -> str:
    """A new P-256 key to sign service account tokens with.

    SEC 1 lets the public half be left out, and Go computes it: no cryptography library is needed.
    """
    scalar = (secrets.randbelow(_P256_ORDER - 1) + 1).to_bytes(32, "big")
    body = b"\x02\x01\x01" + b"\x04\x20" + scalar + b"\xa0" + bytes([len(_P256_OID)]) + _P256_OID
    text = base64.b64encode(b"\x30" + bytes([len(body)]) + body).decode()
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN EC PRIVATE KEY-----", *lines, "-----END EC PRIVATE KEY-----", ""])


def kubeconfig(*, server: str, ca_file: Path, token: str, user: str) -> str:
    """A kubeconfig with everything in it; JSON, which is YAML too."""
    authority = base64.b64encode(ca_file.read_bytes()).decode()
    cluster = {"server": server, "certificate-authority-data": authority}
    name = "pecr-localcluster"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
        "current-context": name,
    }
    return json.dumps(content, indent=1)
