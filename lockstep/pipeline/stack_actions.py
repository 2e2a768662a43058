"""A CloudFormation action as a pipeline has it, and the files that it takes, read strictly. Pure.

A mode, a key or a form that the local runner cannot carry out is an error by its name.
https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from lockstep.pipeline.reading import Part

CREATE_UPDATE, REPLACE, EXECUTE, DELETE = "CREATE_UPDATE", "CHANGE_SET_REPLACE", "CHANGE_SET_EXECUTE", "DELETE_ONLY"
# What each mode cannot do without. What it has no use for may stand there, and is ignored.
_NEEDED = {
    CREATE_UPDATE: ("RoleArn", "TemplatePath"),
    REPLACE: ("ChangeSetName", "RoleArn", "TemplatePath"),
    EXECUTE: ("ChangeSetName",),
    DELETE: ("RoleArn",),
}
_STACK = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
_FILE = re.compile(r"([A-Za-z0-9_-]{1,100})::(?!/)(.+)")
_CAPABILITY = "CAPABILITY_(?:IAM|NAMED_IAM|AUTO_EXPAND)"
# By key: where its text is kept, the form that it has, and how that is told.
_FORMS = {
    "StackName": ("stack", _STACK, "no name of a stack"),
    "ChangeSetName": ("change_set", _STACK, "no name of a change set"),
    "RoleArn": ("role", re.compile(r"arn:[a-z-]+:iam::\d{12}:role/\S+"), "not the ARN of a role"),
    "TemplatePath": ("template", _FILE, "not Artifact::file"),
    "TemplateConfiguration": ("configuration", _FILE, "not Artifact::file"),
    "Capabilities": ("capabilities", re.compile(f"{_CAPABILITY}(?:,{_CAPABILITY})*"), "no list of capabilities"),
    "OutputFileName": ("output", re.compile(r"(?!\.{1,2}$)[^/\\]+"), "not the name of a file"),
    "ParameterOverrides": ("overrides", re.compile(r".*", re.DOTALL), ""),
}
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/continuous-delivery-codepipeline-action-reference.html
_LONGEST = 1024
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/continuous-delivery-codepipeline-parameter-override-functions.html
_GET_PARAM, _GET_ATTRIBUTE = "Fn::GetParam", "Fn::GetArtifactAtt"
_ATTRIBUTES = ("BucketName", "ObjectKey")
_COMMIT = "correct the file where it is made"


@dataclass(frozen=True)
class File:
    """A file of an artifact."""

    artifact: str
    name: str


@dataclass(frozen=True)
class InFile:
    """A parameter's value that stands in a JSON file of an artifact, under a key."""

    file: File
    key: str


@dataclass(frozen=True)
class OfArtifact:
    """A parameter's value that tells where an artifact lies: its bucket, or its key there."""

    artifact: str
    attribute: str


Override = str | InFile | OfArtifact


@dataclass(frozen=True)
class StackAction:
    """What is done to a stack. Each text is as the pipeline has it, empty where that says nothing."""

    mode: str
    stack: str
    change_set: str = ""
    role: str = ""
    template: str = ""
    configuration: str = ""
    capabilities: str = ""
    output: str = ""
    overrides: str = ""

    @property
    def has_content(self) -> bool:
        """Does it say of what the stack is made?"""
        return self.mode in (CREATE_UPDATE, REPLACE)


@dataclass(frozen=True)
class Configuration:
    """What a template configuration file says."""

    parameters: Mapping[str, str]
    tags: Mapping[str, str]


def read(part: Part) -> StackAction:
    """Return the action that a configuration asks for; raises ConfigError for what cannot be carried out.

    A text with variables in it is judged once they have their values.
    """
    mode = part.fields(["ActionMode", "StackName"], _FORMS)["ActionMode"].choice(tuple(_NEEDED))
    fields = part.fields(["ActionMode", "StackName", *_NEEDED[mode]], _FORMS)
    texts = {}
    for key, (name, form, fault) in _FORMS.items():
        if key in fields:
            texts[name] = fields[key].text()
            if "#{" not in texts[name] and not form.fullmatch(texts[name]):
                raise fields[key].refuse(f"'{texts[name]}' is {fault}", "see CodePipeline's reference of this action")
    found = StackAction(mode, **texts)
    if "ParameterOverrides" in fields:
        overrides(fields["ParameterOverrides"])
    return found


def resolved(action: StackAction, put: Callable[[str, str], str], what: str) -> StackAction:
    """Return an action whose texts went through `put`, each with its key; raises ConfigError as `read` does."""
    texts = {key: put(key, str(getattr(action, name))) for key, (name, _, _) in _FORMS.items()}
    return read(Part(what, "configuration", {"ActionMode": action.mode, **texts}))


def file(text: str) -> File:
    """Return the file that `Artifact::file` names."""
    artifact, _, name = text.partition("::")
    return File(artifact, name)


def overrides(part: Part) -> dict[str, Override]:
    """Return the parameters that an action gives by itself; raises ConfigError where it is not such JSON."""
    text = part.text() or "{}"
    if len(text.encode()) > _LONGEST:
        raise part.refuse(f"it has {len(text.encode())} bytes, of which CodePipeline takes {_LONGEST}")
    found = part.at(part.place, _json(text, part))
    if not isinstance(found.value, Mapping):
        raise part.refuse("it is not a table of parameters")
    return {str(name): _override(found.at(f"{part.place}.{name}", one)) for name, one in found.value.items()}


def _json(text: str, part: Part) -> object:
    try:
        found: object = json.loads(text)
    except ValueError as error:
        raise part.refuse(f"it is not JSON: {error}") from None
    return found


def _override(part: Part) -> Override:
    if not isinstance(part.value, Mapping):
        return part.text()
    fields = part.fields([], [_GET_PARAM, _GET_ATTRIBUTE])
    given = {name: tuple(one.text() for one in fields[name].items()) for name in fields}
    match given:
        case {"Fn::GetParam": (artifact, name, key)} if len(given) == 1:
            return InFile(File(artifact, name), key)
        case {"Fn::GetArtifactAtt": (artifact, attribute)} if len(given) == 1 and attribute in _ATTRIBUTES:
            return OfArtifact(artifact, attribute)
    known = f"{_GET_PARAM} with artifact, file and key, and {_GET_ATTRIBUTE} with artifact and {_ATTRIBUTES[0]}"
    raise part.refuse(f"the local runner knows {known} or {_ATTRIBUTES[1]}")


def configuration(text: str, name: str) -> Configuration:
    """Return what a template configuration file says; raises ConfigError for what the local runner does not do."""
    part = Part(name, "", None, _COMMIT)
    fields = part.at("", _json(text, part)).fields([], ["Parameters", "Tags", "StackPolicy"])
    if "StackPolicy" in fields:
        raise fields["StackPolicy"].refuse("the local runner sets no policy of a stack", "it skips none: take it out")
    return Configuration(*(_texts(fields.get(key, part.at(key, {}))) for key in ("Parameters", "Tags")))


def _texts(part: Part) -> dict[str, str]:
    if not isinstance(part.value, Mapping):
        raise part.refuse("it is not a table of texts")
    return {str(name): part.at(f"{part.place}.{name}", one).text() for name, one in part.value.items()}


def value_in(text: str, wanted: InFile) -> str:
    """Return the value of a JSON file that Fn::GetParam names; raises ConfigError where there is none, or no text."""
    part = Part(f"{wanted.file.artifact}::{wanted.file.name}", wanted.key, None, _COMMIT)
    found = _json(text, part)
    if not isinstance(found, Mapping) or wanted.key not in found:
        raise part.refuse("it is not there", "see who makes the file")
    return part.at(wanted.key, found[wanted.key]).text()


def faults(action: StackAction, inputs: Collection[str], outputs: Collection[str]) -> Iterator[str]:
    """Say which artifacts an action lacks, or has in vain."""
    for key, text in (("TemplatePath", action.template), ("TemplateConfiguration", action.configuration)):
        if action.has_content and text and "#{" not in text and file(text).artifact not in inputs:
            yield f"has in {key} the artifact {file(text).artifact}, which is none of its input artifacts"
    for name, one in overrides(Part("", "", action.overrides)).items():
        artifact = one.file.artifact if isinstance(one, InFile) else one.artifact if isinstance(one, OfArtifact) else ""
        if action.has_content and artifact and artifact not in inputs:
            yield f"has in ParameterOverrides.{name} the artifact {artifact}, which is none of its input artifacts"
    if action.mode == DELETE and action.output:
        yield "has an OutputFileName, and what is deleted has no outputs"
    elif len(outputs) != bool(action.output):
        yield f"has {len(outputs)} output artifacts; with an OutputFileName it is one, without it none"
