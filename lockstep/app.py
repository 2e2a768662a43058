"""The use cases that make releases, and those of the sandbox. One for each task; each returns its exit code.

Every case gets a Wiring and opens no more of the outside than it needs.
"""

from __future__ import annotations

from collections.abc import Collection

from lockstep import making, report
from lockstep.ports import Wiring
from lockstep.usecase import say_which, select_services, target_of, use_case


@use_case
def build(wiring: Wiring, services: Collection[str] = ()) -> int:
    """Build the images of the services on this machine."""
    selected = select_services(wiring, services)
    tags = making.built_tags(making.maker(wiring), selected)
    wiring.console.result(report.images_lines(tags), report.images_document(tags, target_of(wiring)))
    return 0


@use_case
def push(wiring: Wiring, services: Collection[str] = ()) -> int:
    """Push built images and read their digests back."""
    selected = select_services(wiring, services)
    refs = making.pushed_refs(making.maker(wiring), selected)
    wiring.console.result(report.images_lines(refs), report.images_document(refs, target_of(wiring)))
    return 0


@use_case
def package(wiring: Wiring, services: Collection[str] = ()) -> int:
    """Package the templates of the services whose images are in the registry."""
    selected = select_services(wiring, services)
    builds = making.packaged(making.maker(wiring), selected)
    wiring.console.result(report.builds_lines(builds), report.builds_document(builds, target_of(wiring)))
    return 0


@use_case
def release(wiring: Wiring, *, id_alone: bool = False) -> int:
    """Make the release of the working tree: build, push, package, publish, each only where it is needed.

    `id_alone` prints its name and nothing else as the result, for a shell to read.
    """
    say_which(wiring)
    made, new = making.make_release(wiring)
    if id_alone:
        wiring.console.alone(made.release_id)
    else:
        wiring.console.result(report.release_lines(made, new=new), report.release_document(made, new=new))
    return 0


@use_case
def sandbox_start(wiring: Wiring) -> int:
    """Start the sandbox; nothing where it runs."""
    wiring.sandbox().start(wiring.console.say)
    return _show_sandbox(wiring)


@use_case
def sandbox_stop(wiring: Wiring) -> int:
    """Stop the sandbox and keep its accounts."""
    wiring.sandbox().stop(wiring.console.say)
    return _show_sandbox(wiring)


@use_case
def sandbox_reset(wiring: Wiring) -> int:
    """Stop the sandbox and forget its accounts."""
    wiring.sandbox().reset(wiring.console.say)
    return _show_sandbox(wiring)


@use_case
def sandbox_status(wiring: Wiring) -> int:
    """Show what of the sandbox runs."""
    return _show_sandbox(wiring)


def _show_sandbox(wiring: Wiring) -> int:
    found = dict(wiring.sandbox().status())
    lines = tuple(f"{name}: {value or 'none'}" for name, value in found.items())
    wiring.console.result(lines, {"target": target_of(wiring), **found})
    return 0
