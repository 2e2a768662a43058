"""Reads a SAM template and points its image functions at digests. Pure: text and values in, values out.

Knows only what a template says of its images; everything else in it is SAM's business.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml
from samtranslator.yaml_helper import yaml_parse

from lockstep.errors import ConfigError
from lockstep.model import Architecture, ImageFunction, ImageRef

Template = dict[str, Any]
_FUNCTIONS = {"AWS::Serverless::Function", "AWS::Lambda::Function"}
# What tells SAM to build an image. A pinned template has none of it: there is nothing left to build.
_BUILD_METADATA = ("Dockerfile", "DockerContext", "DockerTag", "DockerBuildArgs", "DockerBuildTarget")


def read(text: str, file: str) -> Template:
    """Parse a template, short tags in their long form; raises ConfigError naming file and line."""
    try:
        template = yaml_parse(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"reading {file}", " ".join(str(error).split())) from error
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise ConfigError(f"reading {file}", "it has no Resources", "see services/hello/template.yaml")
    return template


def image_functions(template: Template, file: str) -> tuple[ImageFunction, ...]:
    """Return the image functions in the order of the template; raises ConfigError for one that cannot be built."""
    return tuple(
        _image_function(logical_id, resource, _defaults(template), file)
        for logical_id, resource in _image_resources(template)
    )


def functions(template: Template) -> frozenset[str]:
    """Return the logical ids of all functions, image or zip."""
    return frozenset(name for name, body in template["Resources"].items() if body.get("Type") in _FUNCTIONS)


def parameters(template: Template) -> frozenset[str]:
    """Return the names of the template's parameters."""
    return frozenset(template.get("Parameters") or {})


def required_parameters(template: Template) -> frozenset[str]:
    """Return the names of the parameters that have no default."""
    declared: Mapping[str, Mapping[str, object]] = template.get("Parameters") or {}
    return frozenset(name for name, body in declared.items() if "Default" not in body)


def unpinned(template: Template, repositories: Mapping[str, str]) -> Template:
    """Return the template with each image function at an impossible digest of its repository.

    That is what SAM packages: the result depends on no image, so it is made once for many images.
    """
    nowhere = "sha256:" + "0" * 64
    return _with_images(template, {name: f"{repository}@{nowhere}" for name, repository in repositories.items()})


def pinned(template: Template, images: Mapping[str, ImageRef]) -> Template:
    """Return the template with each image function at its digest."""
    return _with_images(template, {name: str(ref) for name, ref in images.items()})


def strings(value: object) -> Iterator[str]:
    """Yield every string in a template, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def _with_images(template: Template, uris: Mapping[str, str]) -> Template:
    changed = copy.deepcopy(template)
    for logical_id, resource in _image_resources(changed):
        properties = resource.setdefault("Properties", {})
        if resource["Type"] == "AWS::Lambda::Function":
            properties["Code"] = {"ImageUri": uris[logical_id]}
        else:
            properties["ImageUri"] = uris[logical_id]
        metadata = {k: v for k, v in (resource.pop("Metadata", None) or {}).items() if k not in _BUILD_METADATA}
        if metadata:
            resource["Metadata"] = metadata
    return changed


def _defaults(template: Template) -> Mapping[str, Any]:
    return (template.get("Globals") or {}).get("Function") or {}


def _image_resources(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for logical_id, resource in template["Resources"].items():
        if isinstance(resource, dict) and resource.get("Type") in _FUNCTIONS:
            properties = resource.get("Properties") or {}
            if properties.get("PackageType", _defaults(template).get("PackageType")) == "Image":
                yield logical_id, resource


def _image_function(
    logical_id: str, resource: Mapping[str, Any], defaults: Mapping[str, Any], file: str
) -> ImageFunction:
    metadata = resource.get("Metadata") or {}
    if not isinstance(metadata.get("DockerContext"), str):
        raise ConfigError(
            f"reading {file}",
            f"the image function {logical_id} has no Metadata.DockerContext to build from",
            "add Metadata with Dockerfile and DockerContext, as services/hello/template.yaml does",
        )
    properties = resource.get("Properties") or {}
    named = properties.get("Architectures", defaults.get("Architectures", ["x86_64"]))
    try:
        architecture = Architecture(named[0])
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ConfigError(
            f"reading {file}", f"{logical_id} names an unknown architecture: {named}", "use [x86_64] or [arm64]"
        ) from error
    target = metadata.get("DockerBuildTarget")
    return ImageFunction(
        logical_id=logical_id,
        context=PurePosixPath(metadata["DockerContext"]),
        dockerfile=PurePosixPath(metadata.get("Dockerfile", "Dockerfile")),
        architecture=architecture,
        build_args=tuple(sorted((str(k), str(v)) for k, v in (metadata.get("DockerBuildArgs") or {}).items())),
        target=None if target is None else str(target),
    )
