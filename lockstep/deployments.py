"""The records of an environment's deployments in the artifact bucket: reads all of them, adds one, changes none."""

from __future__ import annotations

from dataclasses import replace

from lockstep import history
from lockstep.history import Deployments
from lockstep.model import AccountId, Deployment
from lockstep.names import Names
from lockstep.ports import Store


def read(store: Store, names: Names, account: AccountId) -> Deployments:
    """Return every record of an environment, in order; raises GateError for a damaged one."""
    keys = store.keys(names.deployments_prefix(account))
    return tuple(history.decode(store.get(key) or b"", key) for key in keys)


def append(store: Store, names: Names, account: AccountId, record: Deployment) -> Deployment:
    """Write a record under the next free number and return it with that; whoever is faster gets the number."""
    number = len(store.keys(names.deployments_prefix(account))) + 1
    while True:
        numbered = replace(record, number=number)
        if store.put_once(names.deployment_key(account, number), history.encode(numbered)):
            return numbered
        number += 1
