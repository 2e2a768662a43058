"""Translates a SAM template into plain CloudFormation, as AWS does when a change set is made. Makes nothing.

The translation is that of aws-sam-translator, the library that AWS runs. Loops (Fn::ForEach) stay as they are.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockstep.errors import ConfigError
from lockstep.names import partition_of
from lockstep.template import Template

SAM = "AWS::Serverless-2016-10-31"
# What may name a folder of code beside a template.
_CODE = ("CodeUri", "ContentUri")


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
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    values = {**parameters, "AWS::Region": region, "AWS::Partition": partition_of(region)}
    translator = Translator({}, Parser(), boto_session=_Region(region))
    try:
        made: Template = translator.translate(_with_code(template, code or {}), parameter_values=values)
    except InvalidDocumentException as error:
        causes = "; ".join(str(cause.message) for cause in error.causes) or str(error)
        raise ConfigError(f"translating {file}", causes, f"sam validate --lint --template {file}") from error
    finally:
        # Or it says on stderr, when it goes, that nobody wanted its figures.
        translator.metrics.publish()
    return made


def _with_code(template: Template, code: Mapping[str, str]) -> Template:
    """Return a copy of the template in which code that is not uploaded yet lies where `code` says."""
    found: dict[str, Any] = copy.deepcopy(template)
    tables = [body.get("Properties") for body in found["Resources"].values() if isinstance(body, dict)]
    for table in (*tables, *(found.get("Globals") or {}).values()):
        for key in _CODE if isinstance(table, dict) else ():
            if isinstance(table.get(key), str) and not table[key].startswith("s3://"):
                table[key] = dict(code)
    return found
