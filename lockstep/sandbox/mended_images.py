"""The mends of MiniStack's ECR: the size of an image, and what its scan found. Nothing is scanned, so nothing is found.

AWS pages are named by their last part.
"""

# MiniStack ships no types: what comes from it, and what takes its functions' places, is Any.
# ruff: noqa: ANN401

from __future__ import annotations

import json
from typing import Any

from lockstep.sandbox import seams

_ACTION = "DescribeImageScanFindings"


def scans_find_nothing() -> None:
    """An image of a repository that scans on push has a scan (API_DescribeImageScanFindings).

    MiniStack knows no such call. Each image is told to have been scanned with nothing found.
    """

    def wrap(original: Any) -> Any:
        async def handle(method: str, path: str, headers: Any, body: Any, query_params: Any) -> Any:
            if headers.get("x-amz-target", "").endswith(f".{_ACTION}"):
                return _findings(json.loads(body))
            return await original(method, path, headers, body, query_params)

        return handle

    seams.replace("services.ecr", "handle_request(method, path, headers, body, query_params)", wrap)


def images_have_their_size() -> None:
    """An image's size is that of its configuration and its layers in the registry (API_ImageDetail).

    MiniStack tells the length of the manifest that names them.
    """

    def wrap(original: Any) -> Any:
        def describe(data: Any) -> Any:
            status, headers, body = original(data)
            if status != 200:
                return status, headers, body
            answer = json.loads(body)
            stored = seams.used("services.ecr", "_images").get(data["repositoryName"]) or []
            manifests = {one["imageDigest"]: one.get("imageManifest", "{}") for one in stored}
            for one in answer["imageDetails"]:
                one["imageSizeInBytes"] = _size(json.loads(manifests[one["imageDigest"]]))
            return seams.used("core.responses", "json_response")(answer)

        return describe

    seams.replace("services.ecr", "_describe_images(data)", wrap)


def _size(manifest: Any) -> int:
    return sum(int(part.get("size", 0)) for part in (manifest.get("config", {}), *manifest.get("layers", [])))


def _findings(asked: Any) -> Any:
    answer, refuse = (seams.used("core.responses", name) for name in ("json_response", "error_response_json"))
    name, wanted = asked.get("repositoryName", ""), asked.get("imageId", {})
    repository = seams.used("services.ecr", "_repositories").get(name)
    if repository is None:
        return refuse("RepositoryNotFoundException", f"The repository with name '{name}' does not exist", 400)
    image = seams.used("services.ecr", "_find_image")(name, wanted)
    if image is None:
        return refuse("ImageNotFoundException", f"The image with imageId {wanted} does not exist", 400)
    if not repository["imageScanningConfiguration"].get("scanOnPush"):
        return refuse("ScanNotFoundException", f"Image scan does not exist for the image {wanted}", 400)
    return answer(
        {
            "registryId": repository["registryId"],
            "repositoryName": name,
            "imageId": {"imageDigest": image["imageDigest"]},
            "imageScanStatus": {"status": "COMPLETE"},
            "imageScanFindings": {"findings": [], "findingSeverityCounts": {}},
        }
    )
