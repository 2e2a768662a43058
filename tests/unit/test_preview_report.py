"""How it is said what a deployment would change."""

from __future__ import annotations

from lockstep import preview_report
from lockstep.iam_changes import AccessChange, Verdict
from lockstep.model import Change, ResourceChange, StackName
from lockstep.preview_report import ImageChange, StackPlan, ValueChange
from lockstep.testing import a_digest

STACK = StackName("shop-test-hello")
COMMIT, RELEASE = "c0ffee" + "0" * 34, "0123456789abcdef" * 4
PLAN = StackPlan(
    "hello",
    STACK,
    Change.UPDATE,
    (
        ResourceChange("add", "Rule", "AWS::Events::Rule"),
        ResourceChange("may_replace", "Table", "AWS::DynamoDB::Table", ("KeySchema", "Tags")),
    ),
    (ImageChange("Hello", a_digest("old"), f"{COMMIT}-dirty", a_digest("new"), None),),
    (ValueChange("LogLevel", "INFO", "DEBUG"), ValueChange("Old", "1", None)),
    (ValueChange("lockstep:release", None, RELEASE),),
    (
        AccessChange("Role", Verdict.BROADER, ("may now s3:GetObject on *", "counts now for ${Other}")),
        AccessChange("Policy", Verdict.SAME),
    ),
)
NOTHING: dict[str, object] = {"resources": [], "images": [], "parameters": [], "tags": [], "iam": []}


def test_an_update_in_words() -> None:
    """Each change is a line; hashes are cut to what people read, and what holds data is marked where it may go."""
    assert preview_report.lines([PLAN]) == (
        "  update shop-test-hello:",
        "    add      Rule (AWS::Events::Rule)",
        "    may replace Table (AWS::DynamoDB::Table): KeySchema, Tags  -- holds data",
        f"    image    Hello: {a_digest('old')[:19]} (commit c0ffee000000-dirty) -> {a_digest('new')[:19]}",
        "    parameter LogLevel: INFO -> DEBUG",
        "    parameter Old: 1 -> none",
        "    tag      lockstep:release: none -> 0123456789ab",
        "    IAM      Role is broader: may now s3:GetObject on *; counts now for ${Other}",
        "    IAM      Policy is the same in other words",
    )


def test_a_new_stack_in_words() -> None:
    """Of a new stack no tag is shown, since every tag of it is new."""
    plan = StackPlan("hello", STACK, Change.CREATE, tags=(ValueChange("team", None, "a"),))

    assert preview_report.lines([plan]) == ("  create shop-test-hello:", "    no resource changes")


def test_values_that_differ() -> None:
    """Of two sets of values those are told that differ, are gone or are new, by name."""
    found = preview_report.value_changes({"a": "1", "b": "2", "d": "4"}, {"a": "1", "b": "3", "c": "4"})

    assert found == (ValueChange("b", "2", "3"), ValueChange("c", None, "4"), ValueChange("d", "4", None))


def test_an_update_for_programs() -> None:
    """The document has everything whole, and empty lists for a stack that stays as it is."""
    assert preview_report.documents(["hello", "orders"], [PLAN]) == {
        "hello": {
            "resources": [
                {
                    "action": "add",
                    "logical_id": "Rule",
                    "type": "AWS::Events::Rule",
                    "properties": [],
                    "gives_up_data": False,
                },
                {
                    "action": "may_replace",
                    "logical_id": "Table",
                    "type": "AWS::DynamoDB::Table",
                    "properties": ["KeySchema", "Tags"],
                    "gives_up_data": True,
                },
            ],
            "images": [
                {
                    "function": "Hello",
                    "from": {"digest": a_digest("old"), "commit": f"{COMMIT}-dirty"},
                    "to": {"digest": a_digest("new"), "commit": None},
                }
            ],
            "parameters": [
                {"name": "LogLevel", "from": "INFO", "to": "DEBUG"},
                {"name": "Old", "from": "1", "to": None},
            ],
            "tags": [{"name": "lockstep:release", "from": None, "to": RELEASE}],
            "iam": [
                {
                    "logical_id": "Role",
                    "change": "broader",
                    "broader": True,
                    "differences": ["may now s3:GetObject on *", "counts now for ${Other}"],
                },
                {
                    "logical_id": "Policy",
                    "change": "the same in other words",
                    "broader": False,
                    "differences": [],
                },
            ],
        },
        "orders": NOTHING,
    }
