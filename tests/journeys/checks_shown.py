"""What doctor shows of a well machine and of accounts that are set up, and what it says where a check fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockstep import access, account_stacks
from lockstep.testing import TOOLING, a_service, some_settings
from tests.journeys.account_stacks_shown import AWS, STACKS, link_templates

if TYPE_CHECKING:
    from tests.journeys.terminal import Seen, Terminal

CALLER = f"arn:aws:sts::{TOOLING}:assumed-role/shop-developer/developer"
MACHINE = {
    "python": "3.13",
    "docker engine": "20.10",
    "configuration": AWS,
    "services": "hello",
    "commit": "c0ffee000000",
    "caller": CALLER,
}
MAY, REFUSED = "may, as it should", "refused, as it should be"
ACCOUNTS = {
    "clock": "+0 s",
    "bucket": f"shop-artifacts-{TOOLING}-eu-west-1 in eu-west-1, account {TOOLING}",
    **{f"stack {stack}": f"CREATE_COMPLETE, as in infra/{template}" for stack, (_, template, _) in STACKS.items()},
    "key policy": "as in infra/tooling-resources.yaml",
    "repository shop/hello/hellofunction": "for every environment",
    "services in test": "hello not deployed",
    "services in prod": "hello not deployed",
    "shop-developer as shop-build": REFUSED,
    "shop-developer as shop-deployer-test": MAY,
    "shop-deployer-test as shop-build": REFUSED,
    "shop-deployer-test as shop-developer": REFUSED,
    "shop-deployer-test as shop-deploy-test": MAY,
    "shop-deployer-test as shop-status-test": MAY,
    "shop-deployer-test as shop-execution-test": REFUSED,
    "shop-deployer-test as shop-deployer-prod": REFUSED,
    "shop-deployer-test as shop-deploy-prod": REFUSED,
    "shop-deployer-test as shop-status-prod": REFUSED,
    "shop-deployer-test as shop-execution-prod": REFUSED,
    "shop-developer as shop-deploy-test": REFUSED,
    "shop-developer as shop-status-test": MAY,
    "shop-developer as shop-execution-test": REFUSED,
    "shop-developer as shop-deployer-prod": REFUSED,
    "shop-developer as shop-deploy-prod": REFUSED,
    "shop-developer as shop-status-prod": MAY,
    "shop-developer as shop-execution-prod": REFUSED,
}


def stand(terminal: Terminal) -> Terminal:
    """Set the accounts of a terminal up, with nothing wrong about them; return it."""
    link_templates(terminal)
    terminal.invoke("bootstrap", "--yes")
    settings = some_settings()
    steps = account_stacks.plan(settings, (a_service(),))
    terminal.world.policies |= access.read(steps, terminal.root, settings.region).resources
    terminal.changes()
    return terminal


def failures(seen: Seen) -> dict[str, str]:
    """Return what is to be done about each check that failed, out of doctor's document."""
    return {one["name"]: one["next"] for one in seen.document["checks"] if one["found"] in {"FAILED", "MISSING"}}
