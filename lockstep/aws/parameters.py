"""The parameter store and the secrets of one account, read for a build: a value that is not there is an error."""

from __future__ import annotations

import json
from dataclasses import dataclass

from botocore.exceptions import ClientError

from lockstep.aws.session import Session, answers, code_of
from lockstep.errors import ConfigError
from lockstep.pipeline.buildspec import Secret

# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
_AT_ONCE = 10


@dataclass(frozen=True)
class Vault:
    """What one account's parameter store and Secrets Manager hold."""

    session: Session

    def parameters(self, names: tuple[str, ...]) -> dict[str, str]:
        """Return the values of these parameters; raises ConfigError where one is missing."""
        client, found = self.session.client("ssm"), dict[str, str]()
        for begin in range(0, len(names), _AT_ONCE):
            some = names[begin : begin + _AT_ONCE]
            with answers(f"reading the parameters {', '.join(some)}"):
                answer = client.get_parameters(Names=list(some), WithDecryption=True)
            # A parameter is asked for by its name or its ARN, perhaps with a version or a label behind it.
            for one in answer["Parameters"]:
                said = {f"{one[by]}{one.get('Selector', '')}": one["Value"] for by in ("Name", "ARN") if by in one}
                found |= {name: value for name, value in said.items() if name in some}
            if missing := [name for name in some if name not in found]:
                raise ConfigError(f"reading the parameters {', '.join(some)}", f"missing: {', '.join(missing)}")
        return found

    def secret(self, wanted: Secret) -> str:
        """Return a secret, or the value in it that is wanted; raises ConfigError where it is missing."""
        tried = f"reading the secret {wanted.id}"
        version = {"VersionId": wanted.version} if wanted.version else {"VersionStage": wanted.stage or "AWSCURRENT"}
        with answers(tried):
            try:
                answer = self.session.client("secretsmanager").get_secret_value(SecretId=wanted.id, **version)
            except ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise
                raise ConfigError(tried, "there is no such secret, or no such version of it") from error
        text = answer.get("SecretString")
        if not isinstance(text, str):
            raise ConfigError(tried, "it holds no text")
        return _value(text, wanted.key, tried) if wanted.key else text


def _value(text: str, key: str, tried: str) -> str:
    """Return the value of a key of the JSON that a secret holds."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigError(tried, f"it is not JSON, so it has no key '{key}'") from error
    if not isinstance(found, dict) or key not in found:
        raise ConfigError(tried, f"it has no key '{key}'")
    value = found[key]
    return value if isinstance(value, str) else json.dumps(value)
