"""Releases signed by a key of the tooling account's KMS, on real tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.conftest import TOOLING
from tests.e2e.test_main_job import change_handler, deployed
from tests.e2e.test_releases import BUCKET, PROMOTE

if TYPE_CHECKING:
    from tests.e2e.conftest import Place


def test_only_what_is_signed_is_promoted(expendable: Place) -> None:
    """With a key in the settings a release is signed as the developer; one without its signature stays in test."""
    place = expendable
    key = place.client("kms", TOOLING).create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    settings = place.folder / "infra" / "sandbox.toml"
    settings.write_text(settings.read_text().replace("[tooling]", f'[tooling]\nsigning_key = "{key["Arn"]}"'))
    change_handler(place, "signed")
    place.commit()
    assert place.invoke("bootstrap", "--yes").status == 0
    assert place.invoke("deploy", "--env", "test").status == 0
    release = str(deployed(place, "test")["release"])
    s3, where = place.client("s3", TOOLING), {"Bucket": BUCKET, "Key": f"signatures/{release}.json"}
    signature = s3.get_object(**where)["Body"].read()

    s3.delete_object(**where)
    refused = place.invoke(*PROMOTE)
    s3.put_object(Body=signature, IfNoneMatch="*", **where)
    promoted = place.invoke(*PROMOTE)

    assert (refused.status, "answer: it has none" in refused.stderr) == (9, True), refused.stderr
    assert promoted.status == 0, promoted.stderr
