"""The records of an environment's deployments in the artifact bucket: reads them, adds one, changes none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from lockstep import history
from lockstep.history import Deployments
from lockstep.model import AccountId, Deployment
from lockstep.names import Names
from lockstep.ports import Store

# How many records are read, from the last one back. A service that was deployed in none of them counts as never
# deployed; with a record for each deployment that is weeks of a busy environment.
LAST = 500
_AT_ONCE = 8


def read(store: Store, names: Names, account: AccountId) -> Deployments:
    """Return the last records of an environment, at most LAST, in order; raises GateError for a damaged one."""
    keys = store.keys(names.deployments_prefix(account))[-LAST:]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(store.get, keys)
    return tuple(history.decode(content or b"", key) for key, content in zip(keys, found, strict=True))


def append_news(store: Store, names: Names, account: AccountId, record: Deployment) -> None:
    """Write a record under the next free number, where it says what those before it do not.

    Whoever is faster gets a number; the slower one takes the next.
    """
    if not history.is_news(read(store, names, account), record):
        return
    number = len(store.keys(names.deployments_prefix(account))) + 1
    while not _write(store, names.deployment_key(account, number), history.encode(replace(record, number=number))):
        number += 1


def _write(store: Store, key: str, content: bytes) -> bool:
    """Write a record; a write whose answer was lost is repeated, and then refused for the sake of its own file."""
    return store.put_once(key, content) or store.get(key) == content
