"""SAM templates whose image functions are pointed at digests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lockstep import canonical, template
from lockstep.model import ImageRef
from lockstep.testing import a_digest

SERVERLESS, PLAIN = "AWS::Serverless::Function", "AWS::Lambda::Function"
METADATA = {"DockerContext": "app", "DockerTag": "latest"}
NOWHERE = "sha256:" + "0" * 64

IDS = st.from_regex("[A-Z][a-zA-Z0-9]{0,5}", fullmatch=True)
# Drawn twice they are one value, as with an alias in YAML.
FUNCTIONS = st.builds(
    lambda kind_and_said, extra: {
        "Type": kind_and_said[0],
        "Metadata": METADATA | extra,
        "Properties": kind_and_said[1],
    },
    st.sampled_from(
        (
            (SERVERLESS, {"PackageType": "Image"}),
            (SERVERLESS, {"PackageType": "Image", "ImageUri": "hello:latest"}),
            (SERVERLESS, {"PackageType": "Zip", "CodeUri": "src"}),
            (PLAIN, {"PackageType": "Image"}),
            (PLAIN, {"PackageType": "Image", "Code": {"ImageUri": "hello:latest"}}),
            (PLAIN, {"Code": "src"}),
        )
    ),
    st.dictionaries(st.sampled_from(("Dockerfile", "DockerBuildTarget", "SamResourceId")), st.just("x")),
)
OTHERS = st.sampled_from(
    (
        {"Type": "AWS::SQS::Queue"},
        {"Type": SERVERLESS, "Metadata": METADATA},
        {"Type": SERVERLESS, "Metadata": METADATA, "Properties": None},
        {"Type": SERVERLESS, "Metadata": METADATA, "Properties": {"Timeout": 3}},
    )
)
TEMPLATES = st.builds(
    lambda resources, packages: {"Globals": {"Function": packages}, "Resources": resources},
    st.dictionaries(IDS, FUNCTIONS | OTHERS, max_size=4),
    st.sampled_from(({}, {"PackageType": "Image"}, {"PackageType": "Zip"})),
)


def refs_of(parsed: template.Template) -> dict[str, ImageRef]:
    """Return an image for each image function of a template."""
    return {
        image.logical_id: ImageRef(f"host/{image.logical_id}", a_digest(image.logical_id))
        for image in template.image_functions(parsed, "template.yaml")
    }


def image_uri(resource: Mapping[str, Any]) -> object:
    """Return where a function's resource says its image is."""
    properties = resource["Properties"]
    return properties["Code"]["ImageUri"] if resource["Type"] == PLAIN else properties["ImageUri"]


@given(TEMPLATES)
def test_pinned_templates_name_digests_alone(parsed: template.Template) -> None:
    """A pinned template leaves no tag and nothing to build: every image function is at its digest."""
    refs = refs_of(parsed)

    pinned = template.pinned(parsed, refs)

    assert {name: image_uri(pinned["Resources"][name]) for name in refs} == {n: str(ref) for n, ref in refs.items()}
    assert [
        key for name in refs for key in pinned["Resources"][name].get("Metadata", {}) if key != "SamResourceId"
    ] == []
    assert [text for name in refs for text in template.strings(pinned["Resources"][name]) if "latest" in text] == []


def test_functions_that_share_a_value_have_images_of_their_own() -> None:
    """Two functions that are one and the same by a YAML alias still run an image each."""
    parsed = template.read(
        "Resources:\n"
        f"  A: &a {{Type: {SERVERLESS}, Metadata: {{DockerContext: app}}, Properties: {{PackageType: Image}}}}\n"
        "  B: *a\n",
        "template.yaml",
    )

    pinned = template.pinned(parsed, refs_of(parsed))

    assert {name: image_uri(pinned["Resources"][name]) for name in "AB"} == {
        name: f"host/{name}@{a_digest(name)}" for name in "AB"
    }


@given(TEMPLATES)
def test_only_image_functions_are_pinned(parsed: template.Template) -> None:
    """Pinning changes image functions alone, and the template that it was given not at all."""
    before, refs = canonical.encode(parsed), refs_of(parsed)

    pinned = template.pinned(parsed, refs)

    assert canonical.encode(parsed) == before
    assert {k: v for k, v in pinned["Resources"].items() if k not in refs} == {
        k: v for k, v in parsed["Resources"].items() if k not in refs
    }


@given(TEMPLATES)
def test_a_template_is_packaged_for_any_image(parsed: template.Template) -> None:
    """Packaging depends on no image: a template that was pinned to nothing first is pinned to the same in the end."""
    refs = refs_of(parsed)

    unpinned = template.unpinned(parsed, {name: ref.repository for name, ref in refs.items()})

    assert template.pinned(unpinned, refs) == template.pinned(parsed, refs)
    assert {image_uri(unpinned["Resources"][name]) for name in refs} == {f"host/{name}@{NOWHERE}" for name in refs}
