"""TOML -> Settings: which accounts there are, in what order, and who may act in them.

Owns the one schema of infra/environments.toml and infra/sandbox.toml, which of the two is meant, and finding
the line of a mistake. Refuses keys that it does not know, and guesses no account, region or profile.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, ValidationError

from lockstep.errors import ConfigError, did_you_mean
from lockstep.model import AccountId, Environment, OnFailure, Severity
from lockstep.names import RESERVED, Names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pydantic_core import ErrorDetails

ENVIRONMENTS = "infra/environments.toml"
SANDBOX = "infra/sandbox.toml"
EXAMPLE = "infra/environments.example.toml"

Key = tuple[str | int, ...]
_LARGEST = 32 * 1024
_LONGEST = 20
_TOO_LONG = f"too long: over {_LONGEST} letters with the project's, names CloudFormation derives lose our prefix"
_MISSING = "it is missing"
# tomllib lets two things through: RecursionError from deep nesting, ValueError from integers of 4301 digits.
_UNREADABLE = (ValueError, RecursionError)


def _form(pattern: str, what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(what)
        return text

    return AfterValidator(check)


_PROJECT = _form("[a-z][a-z0-9]{1,15}", "a project name: 2 to 16 of a-z and 0-9, a letter first")
_PRINCIPAL = _form(
    r"arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:(role|user)(/[A-Za-z0-9+=.@_-]+)+",
    # No comma, which IAM would take: lists of them travel as CloudFormation's CommaDelimitedList.
    "the ARN of one IAM role or user: exact, with no *, no comma and no :root",
)
_NAME = _form("[a-z][a-z0-9]{1,9}", "an environment name: 2 to 10 of a-z and 0-9, a letter first")
_TAG = _form("(?i)(?!aws:|lockstep:).{1,128}", "a tag of yours: 1 to 128 letters, not aws: or lockstep:")
_Account = Annotated[AccountId, _form("[0-9]{12}", "an account id: 12 digits between quotes, no hyphens")]
_Role = Annotated[
    str, _form(r"arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:role(/[A-Za-z0-9+=.@_-]+)+", "the ARN of one IAM role")
]
_SigningKey = Annotated[
    str,
    _form(r"arn:aws(-cn|-us-gov)?:kms:[a-z0-9-]+:[0-9]{12}:key/[0-9a-z-]{36}", "the ARN of one KMS key, no alias"),
]
_Organization = Annotated[
    str, _form("o-[a-z0-9]{10,32}", "the id of an organization: o- and 10 to 32 letters and digits")
]
_Region = Annotated[str, _form("[a-z]{2}(-[a-z]+)+-[0-9]", "a region's code")]
_Profile = Annotated[str, _form("[!-~]([ -~]*[!-~])?", "the name of an AWS profile")]
_Principals = tuple[Annotated[str, _PRINCIPAL], ...]
_Tags = dict[Annotated[str, _TAG], str]
_Repository = Annotated[
    str,
    _form(r"[\w.-]{1,100}(/[\w.-]{1,100})*", "a repository: its name, or owner/name, in letters, digits, _ . and -"),
]
_Branch = Annotated[str, _form(r"[\w./-]{1,255}", "one branch: letters, digits, _ . / and -")]
_Connection = Annotated[
    str,
    _form(
        r"arn:aws(-cn|-us-gov)?:codeconnections:[a-z0-9-]+:[0-9]{12}:connection/[0-9a-f-]{36}",
        "the ARN of one connection of codeconnections, as AWS makes them since 2024",
    ),
]
_Pattern = Annotated[str, _form(r"[\w./*-]{1,255}", "a pattern of branches: letters, digits, _ . / - and *")]
_Path = Annotated[str, _form(r"\S{1,255}", "a pattern of paths, with no space")]
_Shards = Annotated[int, Field(strict=True, ge=1, le=9)]
_Mail = Annotated[str, _form(r"[^@,\s]+@[^@,\s]+", "a mail address")]
_Parameter = Annotated[str, _form("[A-Za-z0-9]{1,255}", "a template parameter: letters and digits only")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tooling(_Table):
    """The account that builds: which profile gets in, and who may take the developer role there."""

    account: _Account
    profile: _Profile | None = None
    admin_profile: _Profile | None = None
    admin_role: _Role | None = None
    developers: _Principals = ()
    signing_key: _SigningKey | None = None
    tags: _Tags = Field(default_factory=dict)


class EnvironmentSettings(_Table):
    """One environment as its table says it; `value` is what everything but bootstrap needs of it."""

    name: Annotated[str, _NAME]
    account: _Account
    region: _Region = ""
    admin_profile: _Profile | None = None
    admin_role: _Role | None = None
    deployers: _Principals = ()
    protect: StrictBool = False
    allow_force: StrictBool = False
    rollback_on_failed_smoke: StrictBool = True
    scan_threshold: Severity | None = None
    approval: StrictBool = False
    on_failure: OnFailure = OnFailure.STOP
    tags: _Tags = Field(default_factory=dict)
    parameters: dict[str, dict[_Parameter, str]] = Field(default_factory=dict)

    @property
    def value(self) -> Environment:
        """The environment as plans know it."""
        parameters = tuple((service, tuple(values.items())) for service, values in self.parameters.items())
        return Environment(
            name=self.name,
            account=self.account,
            region=self.region,
            tags=tuple(self.tags.items()),
            parameters=parameters,
            protect=self.protect,
            allow_force=self.allow_force,
            rollback_on_failed_smoke=self.rollback_on_failed_smoke,
            scan_threshold=self.scan_threshold,
            approval=self.approval,
            on_failure=self.on_failure,
        )


class Source(StrEnum):
    """What a pipeline takes its source from."""

    CODECOMMIT = "codecommit"
    CODECONNECTIONS = "codeconnections"


class PipelineSettings(_Table):
    """The pipeline: its source, which pushes start it, does it update itself, how many machines build, who is told."""

    source: Source
    repository: _Repository
    branch: _Branch
    connection: _Connection | None = None
    branches: tuple[_Pattern, ...] = Field(default=(), max_length=8)
    update: StrictBool = False
    paths: tuple[_Path, ...] = Field(default=(), max_length=8)
    ignored_paths: tuple[_Path, ...] = Field(default=(), max_length=8)
    shards: _Shards = 1
    notify: tuple[_Mail, ...] = ()


class _File(_Table):
    project: Annotated[str, _PROJECT]
    region: _Region
    organization: _Organization = ""
    sandbox: _Table | None = None
    tooling: Tooling
    pipeline: PipelineSettings | None = None
    environments: tuple[EnvironmentSettings, ...]


_TABLES: dict[Any, type[_Table]] = {
    "tooling": Tooling,
    "pipeline": PipelineSettings,
    "environments": EnvironmentSettings,
}
_NO_NUMBER = "it is not a whole number from 1 to 9, without quotes"
# What pydantic calls a mistake -> what we say. Its other names are all for what should be a table.
_ANSWERS = {
    "missing": _MISSING,
    **dict.fromkeys(("int_type", "greater_than_equal", "less_than_equal"), _NO_NUMBER),
    "string_type": "it is not text: put it between quotes",
    "bool_type": "it is neither true nor false, without quotes",
    "too_long": "it is too long: at most 8",
    "tuple_type": "it is not an array: use square brackets; environments go below [[environments]]",
}
_NO_TABLE = "it is not a table: put its keys below a [header] or between braces"


@dataclass(frozen=True)
class Settings:
    """What one settings file says. `path` is the file as messages name it, `text` what was read from it."""

    path: Path
    project: str
    region: str
    tooling: Tooling
    targets: tuple[EnvironmentSettings, ...]
    sandbox: bool = False
    organization: str = ""
    pipeline: PipelineSettings | None = None
    text: str = field(default="", repr=False, compare=False)

    @property
    def environments(self) -> tuple[Environment, ...]:
        """The environments, in promotion order."""
        return tuple(target.value for target in self.targets)

    @property
    def names(self) -> Names:
        """What this project calls its things."""
        return Names(self.project, self.tooling.account, self.region)

    @property
    def approved(self) -> tuple[Environment, ...]:
        """The environments of which the pipeline asks somebody first, with a plan; none where there is no pipeline."""
        return tuple(one for one in self.environments if one.approval and self.pipeline is not None)

    def earlier(self, name: str) -> tuple[Environment, ...]:
        """Return the environments that a release passes before it reaches this one, in promotion order."""
        self.environment(name)
        names = [target.name for target in self.targets]
        return self.environments[: names.index(name)]

    def later(self, name: str) -> tuple[Environment, ...]:
        """Return the environments that a release reaches after this one, in promotion order."""
        return self.environments[len(self.earlier(name)) + 1 :]

    def source_of(self, name: str, wanted: str | None) -> Environment:
        """Return the environment that another is promoted from: the one before it, or an earlier one by its name.

        Raises ConfigError where there is none before it, or `wanted` is not among those.
        """
        earlier = self.earlier(name)
        tried = f"promoting to {_shown(name)}"
        if not earlier:
            raise ConfigError(tried, "it is the first environment", f"invoke deploy --env {name}")
        found = {environment.name: environment for environment in earlier}
        if wanted is not None and wanted not in found:
            self.environment(wanted)
            raise ConfigError(tried, f"{_shown(wanted)} does not come before it", f"--from {' or '.join(found)}")
        return found[wanted or earlier[-1].name]

    def without(self, name: str) -> Settings:
        """Return these settings as they would be without one environment."""
        return replace(self, targets=tuple(target for target in self.targets if target.name != name))

    def environment(self, name: str) -> EnvironmentSettings:
        """Return the environment of that name; raises ConfigError with the nearest for an unknown one."""
        targets = {target.name: target for target in self.targets}
        if name not in targets:
            known = f"{self.path} names {', '.join(targets)}"
            raise ConfigError(f"unknown environment {_shown(name)}", known, _nearest(name, targets))
        return targets[name]


def find(root: Path, environ: Mapping[str, str]) -> Path:
    """Return the file that is meant: LOCKSTEP_CONFIG's (from `root`), else the adopter's, else the sandbox's.

    Raises ConfigError where LOCKSTEP_CONFIG names no file, and in CodeBuild where only the sandbox is left.
    """
    if named := environ.get("LOCKSTEP_CONFIG"):
        if not (root / named).is_file():
            raise ConfigError(f"LOCKSTEP_CONFIG names {_shown(named)}", "no such file", "correct or unset it")
        return root / named
    if (root / ENVIRONMENTS).is_file():
        return root / ENVIRONMENTS
    if environ.get("CODEBUILD_BUILD_ID"):
        tried = f"there is no {ENVIRONMENTS}, and inside CodeBuild the sandbox is never chosen by default"
        raise ConfigError(tried, cure=f"commit {ENVIRONMENTS}; {EXAMPLE} shows every key")
    return root / SANDBOX


def load(path: Path, root: Path | None = None) -> Settings:
    """Read a settings file; messages name it relative to `root`. Raises ConfigError, as `parse` does."""
    shown = path.relative_to(root) if root is not None and path.is_relative_to(root) else path
    try:
        # Editors on Windows begin UTF-8 with a mark that TOML does not allow.
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        answer = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error.strerror)
        raise ConfigError(f"cannot read {shown}", answer, f"see {EXAMPLE}") from None
    return parse(text, shown.as_posix())


def parse(text: str, file: str) -> Settings:
    """Return what a TOML text says; raises ConfigError with `file`, line and key of its first mistake."""
    try:
        schema = _File.model_validate(_tables(text, file))
    except ValidationError as error:
        raise _refusal([_problem(detail) for detail in error.errors()], text, file) from None
    if problems := list(_rules(schema)):
        raise _refusal(problems, text, file)
    targets = tuple(target.model_copy(update={"region": schema.region}) for target in schema.environments)
    return Settings(
        path=Path(file),
        project=schema.project,
        region=schema.region,
        tooling=schema.tooling,
        targets=targets,
        sandbox=schema.sandbox is not None,
        organization=schema.organization,
        pipeline=schema.pipeline,
        text=text,
    )


def check_services(settings: Settings, services: Collection[str]) -> None:
    """Raise ConfigError where an environment sets parameters of a service that is not among `services`."""
    if problems := [
        _Problem(("environments", number, "parameters", name), "no such service", _nearest(name, services))
        for number, target in enumerate(settings.targets)
        for name in target.parameters
        if name not in services
    ]:
        raise _refusal(problems, settings.text, settings.path.as_posix())


def locate(text: str, key: Key) -> int:
    """Return the line, from 1, where a key begins, ("environments", 1, "name"), or else what is around it.

    tomllib tells no lines, so it is asked which is the shortest beginning of the text that holds the key.
    """
    lines = text.replace("\r\n", "\n").split("\n")

    def beginning(end: int) -> tuple[int, dict[str, Any]]:
        # Fewer lines than asked for where `end` would cut an array or a text in two.
        for stop in range(end, 0, -1):
            with suppress(*_UNREADABLE):
                return stop, tomllib.loads("\n".join(lines[:stop]))
        return 0, {}

    whole = beginning(len(lines))[1]
    found = next(key[:end] for end in range(len(key), -1, -1) if _holds(whole, key[:end]))
    last = bisect_left(range(len(lines)), 1, key=lambda end: _holds(beginning(end)[1], found))
    return beginning(last - 1)[0] + 1


def _holds(value: Any, key: Key) -> bool:  # noqa: ANN401 - any TOML value
    try:
        for part in key:
            value = value[part]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _tables(text: str, file: str) -> dict[str, Any]:
    try:
        # A lone surrogate is not TOML, yet tomllib lets it pass; encoding answers with a ValueError.
        if len(text.encode()) > _LARGEST:
            raise ConfigError(f"{file} is too long", f"settings take at most {_LARGEST} bytes")
        return tomllib.loads(text)
    except _UNREADABLE as error:
        line = re.search(r"\(at line ([0-9]+), ", str(error))
        place = f"{file}:{line[1]}" if line else file
        raise ConfigError(f"{place}: this is not TOML", str(error)[:160], f"see {EXAMPLE}") from None


class _Problem(NamedTuple):
    key: Key
    answer: str
    cure: str = f"correct it; {EXAMPLE} explains every key"


def _problem(error: ErrorDetails) -> _Problem:
    # "[key]" is how pydantic marks that a table's key, and not its value, has the wrong form.
    key = tuple(part for part in error["loc"] if part != "[key]")
    if error["type"] == "extra_forbidden":
        table = _TABLES.get(key[0], _Table) if len(key) > 1 else _File
        return _Problem(key, f"unknown key {_shown(key[-1])}", _nearest(str(key[-1]), table.model_fields))
    if error["type"] == "value_error":
        return _Problem(key, f"{_shown(error['input'])} is not {error['ctx']['error']}")
    if error["type"] == "enum":
        return _Problem(key, f"it is none of: {error['ctx']['expected'].replace(' or ', ', ')}".replace("'", ""))
    return _Problem(key, _ANSWERS.get(error["type"], _NO_TABLE))


def _rules(file: _File) -> Iterator[_Problem]:
    developer = Names(file.project, file.tooling.account, file.region).developer_role
    elsewhere = "of another account than this table's"
    if f":{file.tooling.account}:" not in (file.tooling.admin_role or f":{file.tooling.account}:"):
        yield _Problem(("tooling", "admin_role"), f"{_shown(file.tooling.admin_role)} is {elsewhere}")
    here = f":{file.region}:{file.tooling.account}:"
    if here not in (file.tooling.signing_key or here):
        answer = f"{_shown(file.tooling.signing_key)} is of another account or region than tooling's"
        yield _Problem(("tooling", "signing_key"), answer)
    if file.pipeline is not None:
        yield from _pipeline_rules(file.pipeline, here)
        for first in file.environments[:1] if file.pipeline.branches else ():
            if first.protect or first.approval:
                guarded = "is protected" if first.protect else "asks for approval"
                yield _Problem(("pipeline", "branches"), f"branches go to {first.name}, which {guarded}")
    if not file.environments:
        yield _Problem(("environments",), "it is empty: there has to be one environment at least")
    for number, one in enumerate(file.environments):
        earlier = file.environments[:number]
        accounts = {file.tooling.account, *(other.account for other in earlier)}
        # AWS takes no trust in a role that is not there.
        nobody = "there only if tooling.developers names somebody"
        apart = f"not {_shown(file.region)}: Lambda pulls images only from ECR in its own region"
        for key, value, wrong, why in (
            ("name", one.name, one.name in RESERVED, "a part of our own names"),
            ("name", one.name, one.name in {other.name for other in earlier}, "the name of an earlier environment"),
            ("name", one.name, len(file.project + one.name) > _LONGEST, _TOO_LONG),
            ("account", one.account, one.account in accounts, "the account of an earlier table; each has its own"),
            ("region", one.region, one.region not in {"", file.region}, apart),
            ("admin_role", one.admin_role, f":{one.account}:" not in (one.admin_role or f":{one.account}:"), elsewhere),
            ("deployers", developer, developer in one.deployers and not file.tooling.developers, nobody),
        ):
            if wrong:
                yield _Problem(("environments", number, key), f"{_shown(value)} is {why}")


def _pipeline_rules(pipeline: PipelineSettings, here: str) -> Iterator[_Problem]:
    connected = pipeline.source is Source.CODECONNECTIONS
    if connected and pipeline.connection is None:
        yield _Problem(("pipeline", "connection"), _MISSING)
    elif here not in (pipeline.connection or here):
        answer = f"{_shown(pipeline.connection)} is of another account or region than tooling's"
        yield _Problem(("pipeline", "connection"), answer)
    if connected != ("/" in pipeline.repository):
        form = "owner/name" if connected else "the name of a repository in CodeCommit, without a /"
        yield _Problem(("pipeline", "repository"), f"{_shown(pipeline.repository)} is not {form}")
    for key in ("connection", "branches", "paths", "ignored_paths"):
        if not connected and getattr(pipeline, key):
            yield _Problem(("pipeline", key), 'it is only for source = "codeconnections"')


def _refusal(problems: list[_Problem], text: str, file: str) -> ConfigError:
    # A key that is missing may be the one that another line misspells: that line is the better one to show.
    # Locating takes milliseconds; where a file is wrong from top to bottom, any of the first twenty will do.
    ranked = [(problem.answer == _MISSING, locate(text, problem.key), problem) for problem in problems[:20]]
    _, line, (key, answer, cure) = min(ranked, key=lambda found: found[:2])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return ConfigError(f"{file}:{line}: cannot use {_dotted(key)}", answer + more, cure)


def _dotted(key: Key) -> str:
    dotted = ""
    for part in key:
        bare = re.fullmatch("[A-Za-z0-9_-]{1,60}", str(part))
        dotted += f"[{part}]" if isinstance(part, int) else f".{part if bare else _shown(part)}"
    return dotted.removeprefix(".")


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


def _nearest(word: str, known: Collection[str]) -> str:
    return did_you_mean(word[:60], known) or f"known here: {', '.join(known) or 'nothing'}"
