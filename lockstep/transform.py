"""Translates a SAM template into plain CloudFormation, as AWS does when a change set is made. Makes nothing.

The translation is that of aws-sam-translator, the library that AWS runs. Loops (Fn::ForEach) stay as they are, and
nobody is asked what an application of the Serverless Application Repository is made of.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockstep.errors import ConfigError
from lockstep.intrinsics import UNKNOWN
from lockstep.names import partition_of
from lockstep.template import Template

SAM = "AWS::Serverless-2016-10-31"
# What may name a folder or file beside a template that SAM uploads.
_CODE = ("CodeUri", "ContentUri", "DefinitionUri")
_APPLICATION = "AWS::Serverless::Application"


@dataclass(frozen=True)
class _Region:
    """What the translator asks a boto3 session for. It gets no session: it has nobody to call."""

    region_name: str


def plain(
    template: Template,
    parameters: Mapping[str, str],
    region: str,
    file: str,
    code: Mapping[str, str] | None = None,
) -> Template:
    """Return a template without SAM's resource types, for some parameters; a plain one as it is.

    `code` is the Bucket and Key where code would be that is not uploaded yet. Raises ConfigError, naming `file`, for
    what AWS would refuse to translate.
    """
    transforms = template.get("Transform", [])
    if SAM not in (transforms if isinstance(transforms, list) else [transforms]):
        return template
    # AWS unrolls loops before it translates; the translator takes them for broken resources.
    loops = {name: body for name, body in template["Resources"].items() if name.startswith("Fn::")}
    rest = {name: body for name, body in template["Resources"].items() if name not in loops}
    if not rest:
        return template
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    values = {**parameters, "AWS::Region": region, "AWS::Partition": partition_of(region)}
    translator = Translator({}, Parser(), boto_session=_Region(region))
    try:
        given = _with_code({**template, "Resources": rest}, code or {})
        made: Template = translator.translate(given, parameter_values=values)
    except InvalidDocumentException as error:
        causes = "; ".join(str(cause.message) for cause in error.causes) or str(error)
        raise ConfigError(f"translating {file}", causes, f"sam validate --lint --template {file}") from error
    finally:
        # Or it says on stderr, when it goes, that nobody wanted its figures.
        translator.metrics.publish()
    return {**made, "Resources": {**made["Resources"], **loops}}


def _with_code(template: Template, code: Mapping[str, str]) -> Template:
    """Return a copy of the template in which code that is not uploaded yet lies where `code` says.

    Applications of a repository lie somewhere too: the translator would ask that repository, with any credentials.
    """
    found: dict[str, Any] = copy.deepcopy(template)
    bodies = [body for body in found["Resources"].values() if isinstance(body, dict)]
    tables = [body.get("Properties") for body in bodies]
    for body in bodies:
        if body.get("Type") == _APPLICATION and isinstance((body.get("Properties") or {}).get("Location"), dict):
            body["Properties"]["Location"] = UNKNOWN
    for table in (*tables, *(found.get("Globals") or {}).values()):
        for key in _CODE if isinstance(table, dict) else ():
            if isinstance(table.get(key), str) and not table[key].startswith("s3://"):
                table[key] = dict(code)
    return found
