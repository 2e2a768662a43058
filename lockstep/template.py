"""Reads a SAM template and points its image functions at digests. Pure: text and values in, values out.

Knows only what a template says of its images; everything else in it is SAM's business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml
from samtranslator.yaml_helper import intrinsics_multi_constructor

from lockstep import canonical
from lockstep.errors import ConfigError
from lockstep.model import Architecture, ImageFunction, ImageRef

Template = dict[str, Any]
_SERVERLESS = "AWS::Serverless::Function"
_FUNCTIONS = (_SERVERLESS, "AWS::Lambda::Function")
# What tells SAM to build an image. A pinned template has none of it: there is nothing left to build.
_BUILD_METADATA = ("Dockerfile", "DockerContext", "DockerTag", "DockerBuildArgs", "DockerBuildTarget")
# With the longest project and service, more would not fit the name of the repository's stack.
_LOGICAL_ID = re.compile("[A-Za-z0-9]{1,64}")


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short tags; dates, and keys of any kind, are the text that is written there."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's own signature
        self.flatten_mapping(node)
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _loader, node: node.value)


def read(text: str, file: str) -> Template:
    """Parse a template, short tags in their long form; raises ConfigError naming file and line."""
    try:
        template = _Loader(text).get_single_data()
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise ConfigError(f"reading {file}", " ".join(str(error).split())) from error
    try:
        canonical.encode(template)
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigError(f"reading {file}", "it holds what JSON cannot: .nan, .inf, or a loop") from error
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise ConfigError(f"reading {file}", "it has no Resources", "see services/hello/template.yaml")
    for place, value in _tables(template):
        if not isinstance(value, dict | None):
            raise ConfigError(f"reading {file}", f"{place} is not a mapping")
    return template


def image_functions(template: Template, file: str) -> tuple[ImageFunction, ...]:
    """Return the image functions in the order of the template; raises ConfigError for one that cannot be built."""
    return tuple(
        _image_function(logical_id, resource, _defaults(template, resource), file)
        for logical_id, resource in _image_resources(template)
    )


def functions(template: Template) -> frozenset[str]:
    """Return the logical ids of all functions, image or zip."""
    return frozenset(name for name, body in _resources(template) if body.get("Type") in _FUNCTIONS)


def parameters(template: Template) -> dict[str, str | None]:
    """Return the template's parameters, each with its default as CloudFormation takes it, None where it has none."""
    declared = template.get("Parameters") or {}
    return {name: _text((body or {}).get("Default")) for name, body in declared.items()}


def check_layers(template: Template, file: str) -> None:
    """Refuse a layer that may not be made under its name; raises ConfigError.

    SAM calls a layer by its logical id where no LayerName is given, and the execution role may make only layers that
    begin with the stack's name.
    """
    for logical_id, resource in _resources(template):
        if resource.get("Type") == "AWS::Serverless::LayerVersion":
            name = (resource.get("Properties") or {}).get("LayerName")
            text = name.get("Fn::Sub") if isinstance(name, dict) else None
            if not isinstance(text, str) or not text.startswith("${AWS::StackName}"):
                raise ConfigError(
                    f"reading {file}",
                    f"the layer {logical_id} has no LayerName that begins with its stack's name",
                    'set its LayerName: !Sub "${AWS::StackName}-NAME"',
                )


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


def _text(default: object) -> str | None:
    """Return a parameter's default as CloudFormation writes it: true, 1, 0.5."""
    return default if isinstance(default, str | None) else json.dumps(default)


def _with_images(template: Template, uris: Mapping[str, str]) -> Template:
    # Made anew, never changed in place: by a YAML alias two functions may be one value.
    resources = dict(template["Resources"])
    for logical_id, resource in _image_resources(template):
        image: dict[str, object] = {"ImageUri": uris[logical_id]}
        code = image if resource["Type"] == _SERVERLESS else {"Code": image}
        metadata = {k: v for k, v in (resource.get("Metadata") or {}).items() if k not in _BUILD_METADATA}
        resources[logical_id] = {
            **{k: v for k, v in resource.items() if k != "Metadata"},
            "Properties": {**(resource.get("Properties") or {}), **code},
            **({"Metadata": metadata} if metadata else {}),
        }
    return {**template, "Resources": resources}


def _tables(template: Template) -> Iterator[tuple[str, object]]:
    """Yield, by its place, every value that this room takes for a mapping, outermost first."""
    yield "Parameters", template.get("Parameters")
    for name, parameter in (template.get("Parameters") or {}).items():
        yield f"Parameters.{name}", parameter
    yield "Globals", template.get("Globals")
    yield "Globals.Function", (template.get("Globals") or {}).get("Function")
    for logical_id, resource in _resources(template):
        # What stands for null elsewhere in a template is no resource.
        yield f"Resources.{logical_id}", [] if resource is None else resource
        yield f"Resources.{logical_id}.Properties", resource.get("Properties")
        yield f"Resources.{logical_id}.Metadata", resource.get("Metadata")
        arguments = (resource.get("Metadata") or {}).get("DockerBuildArgs")
        yield f"Resources.{logical_id}.Metadata.DockerBuildArgs", arguments


def _resources(template: Template) -> Iterator[tuple[str, Any]]:
    """Yield the resources; a loop among them, Fn::ForEach, is none."""
    for logical_id, resource in template["Resources"].items():
        if not logical_id.startswith("Fn::"):
            yield logical_id, resource


def _defaults(template: Template, resource: Mapping[str, Any]) -> Mapping[str, Any]:
    # https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html
    if resource["Type"] != _SERVERLESS:
        return {}
    return (template.get("Globals") or {}).get("Function") or {}


def _image_resources(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for logical_id, resource in _resources(template):
        if resource.get("Type") in _FUNCTIONS:
            properties = resource.get("Properties") or {}
            if properties.get("PackageType", _defaults(template, resource).get("PackageType")) == "Image":
                yield logical_id, resource


def _image_function(
    logical_id: str, resource: Mapping[str, Any], defaults: Mapping[str, Any], file: str
) -> ImageFunction:
    if not _LOGICAL_ID.fullmatch(logical_id):
        raise ConfigError(
            f"reading {file}",
            f"an image function's logical id is 1 to 64 letters and digits: '{logical_id}' is not",
            "rename it",
        )
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
        dockerfile=PurePosixPath(str(metadata.get("Dockerfile", "Dockerfile"))),
        architecture=architecture,
        build_args=tuple(sorted((str(k), str(v)) for k, v in (metadata.get("DockerBuildArgs") or {}).items())),
        target=None if target is None else str(target),
    )
