"""The gate of image scans: says which findings keep a release from an environment that sets a threshold.

A scan begins when an image is pushed and takes some seconds, so it is waited for. One that failed, that was never made
or that does not end says nothing of the image, which is then as good as refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lockstep.model import ImageRef, Scan, ScanException, ServiceBuild, Severity
from lockstep.ports import Clock, Registry, Say
from lockstep.scan_exceptions import FILE

_PAUSE, _LOOKS = 5.0, 60
_SHOWN = 5


@dataclass(frozen=True)
class Verdict:
    """What scans say of a release: why it is `refused`, and which findings were `accepted` by an exception."""

    refused: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judge:
    """Judges the images of services by their scans, as of today, with the exceptions that were reviewed."""

    registry: Registry
    exceptions: tuple[ScanException, ...]
    clock: Clock
    say: Say

    def look(self, builds: tuple[ServiceBuild, ...], threshold: Severity) -> Verdict:
        """Say of each image whose scan is not known, or found something worse than the threshold, in words."""
        today = self.clock.now()[: len("2026-01-01")]
        refused: list[str] = []
        taken: list[str] = []
        for build in builds:
            for name, ref in build.images:
                scan = self._scan(build.name, ref)
                where = f"{name} of {build.name}"
                refused += [f"{where}: {one}" for one in judge(build.name, scan, threshold, self.exceptions, today)]
                taken += [f"{where}: {one}" for one in accepted(build.name, scan, threshold, self.exceptions, today)]
        return Verdict(tuple(refused), tuple(taken))

    def _scan(self, service: str, ref: ImageRef) -> Scan:
        scan = self.registry.scan(ref)
        for look in range(_LOOKS):
            if not scan.is_pending:
                break
            if not look:
                self.say(f"{service}: waiting for the scan of {ref.repository.partition('/')[2]}")
            self.clock.sleep(_PAUSE)
            scan = self.registry.scan(ref)
        return scan


def judge(
    service: str, scan: Scan, threshold: Severity, exceptions: tuple[ScanException, ...], today: str
) -> Iterator[str]:
    """Say what of one image's scan is worse than the threshold, in words; nothing where nothing is."""
    if not scan.is_done:
        yield f"its scan says {scan.status}, so nothing is known of what is in it"
        return
    worse = {finding.name: finding.severity for finding in scan.findings if finding.severity.is_worse_than(threshold)}
    open_ = [name for name in sorted(worse) if not any(one.covers(service, name, today) for one in exceptions)]
    if open_:
        told = ", ".join(f"{name} ({worse[name]})" for name in open_[:_SHOWN])
        more = f" and {len(open_) - _SHOWN} more" if len(open_) > _SHOWN else ""
        ended = sorted({f"{e.finding} on {e.until}" for e in exceptions if e.finding in open_ and e.until < today})
        over = f"; ended in {FILE}: {', '.join(ended)}" if ended else ""
        yield f"its scan found worse than {threshold}: {told}{more}{over}"


def accepted(
    service: str, scan: Scan, threshold: Severity, exceptions: tuple[ScanException, ...], today: str
) -> Iterator[str]:
    """Say which findings are worse than the threshold and accepted all the same, until when and why."""
    for finding in scan.findings:
        if finding.severity.is_worse_than(threshold):
            covering = (one for one in exceptions if one.covers(service, finding.name, today))
            yield from (f"{one.finding} accepted until {one.until}: {one.reason}" for one in covering)
