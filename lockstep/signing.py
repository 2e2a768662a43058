"""Signs releases, and verifies that those that go beyond the first environment were signed.

A signature is of a whole stored manifest, who made it and when included. It is kept beside the manifest and verified
with the key that the settings name, whatever key it claims to be from.
"""

from __future__ import annotations

import base64
import json
from binascii import Error as NotBase64

from lockstep import canonical, names
from lockstep import release as manifests
from lockstep.errors import GateError
from lockstep.model import ReleaseId
from lockstep.ports import Signer, Store

_CURE = "invoke release of the same commit, by who may sign, or deploy another release"


def sign(store: Store, signer: Signer, release: ReleaseId) -> None:
    """Ensure the signature of a release that is in the store."""
    key, content = names.signature_key(release), store.get(names.release_key(release))
    if content is None or store.get(key) is not None:
        return
    sha256 = canonical.sha256(content)
    signature = base64.b64encode(signer.sign(sha256)).decode()
    document = {"algorithm": signer.algorithm, "key": signer.key, "sha256": sha256, "signature": signature}
    store.put_once(key, canonical.encode(document))


def verify(store: Store, signer: Signer, release: ReleaseId) -> None:
    """Verify the signature of a release; raises GateError where it has none that is good."""
    tried = f"verifying the signature of release {release} with {signer.key}"
    content, found = store.get(names.release_key(release)), store.get(names.signature_key(release))
    if content is None or found is None:
        raise GateError(tried, "it has none", _CURE)
    manifests.decode(content, release)
    try:
        signature = base64.b64decode(json.loads(found)["signature"], validate=True)
    except (ValueError, KeyError, TypeError, NotBase64) as error:
        raise GateError(tried, f"{names.signature_key(release)} is damaged", _CURE) from error
    if not signer.verify(canonical.sha256(content), signature):
        raise GateError(tried, "it is not of this manifest and this key: one of them was altered", _CURE)
