"""What a deployment would change, as CloudFormation says of a template that SAM packaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.e2e.conftest import TEST, settle
from tests.e2e.test_main_job import change_handler, deployed

if TYPE_CHECKING:
    from tests.e2e.conftest import Place


def test_a_plan_of_a_changed_line(place: Place) -> None:
    """The plan of a changed line shows the function's new image, leaves no change set and no change."""
    settle(place)
    running: Any = deployed(place, "test")["images"]
    before = place.accounts()[TEST]
    change_handler(place, "as planned")

    ran = place.invoke("plan", "--env", "test", "--json")

    assert ran.status == 0, ran.stderr
    (service,) = (one for one in ran.document["services"] if one["name"] == "hello")
    (function,) = (one for one in service["resources"] if one["type"] == "AWS::Lambda::Function")
    (image,) = service["images"]
    sets = place.client("cloudformation", TEST).list_change_sets(StackName="lockstep-test-hello")["Summaries"]
    assert (function["action"], "Code" in function["properties"]) == ("modify", True)
    assert image["from"]["digest"] in running.values()
    assert image["to"]["digest"] not in running.values()
    assert service["iam"] == []
    assert [one for one in sets if one["ChangeSetName"].startswith("lockstep-plan")] == []
    assert place.accounts()[TEST] == before
