"""Every check of the account templates, by name, and which of them answer for which fault of the sample.

A check yields a text for each fault that it finds; where the templates hold it yields nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.templates import (
    faults_of_images,
    faults_of_pipelines,
    faults_of_rights,
    faults_of_stacks,
    faults_of_storage,
    faults_of_trust,
)
from tests.templates.sample import Project

Check = Callable[[Project], Iterator[str]]
CHECKS: dict[str, Check] = {
    check.__name__: check
    for room in (
        faults_of_rights,
        faults_of_images,
        faults_of_trust,
        faults_of_storage,
        faults_of_stacks,
        faults_of_pipelines,
    )
    for check in room.CHECKS
}
# The faults of the sample as docs/security.md has them, then the three that are no template's; what of each could
# come back in ours is found by these checks.
SEED: dict[str, tuple[str, ...]] = {
    "one CodeBuild role for build, test and prod; the privileged build container can take the prod role": (
        "the_build_role_becomes_nobody",
        "each_deployer_reaches_one_environment",
        "builds_alone_are_privileged",
        "each_job_has_its_own_role",
        "services_are_trusted_for_one_source",
        "planning_looks_where_somebody_approves",
    ),
    "`Action: '*'` on `'*'` for CloudFormation's roles, no boundary": (
        "actions_are_listed",
        "resources_are_named",
        "environments_name_only_themselves",
        "roles_are_made_with_the_boundary",
        "our_own_roles_and_policies_stay",
        "services_stay_within_the_boundary",
    ),
    "a script takes the role; if that is refused it exits 0 with empty keys": (
        "stacks_change_as_the_execution_role_only",
        "everybody_becomes_whom_the_settings_say",
    ),
    "trust in the tooling account's root, gated by a tag": (
        "trust_is_in_exact_arns",
        "external_ids_are_refused",
        "other_accounts_are_of_the_organization",
        "outsiders_become_nobody",
    ),
    "`sts:AssumeRole` and `iam:PassRole` on `*`": (
        "roles_are_taken_by_exact_arn",
        "roles_are_passed_to_one_service",
    ),
    "test and prod may both write the whole bucket": (
        "environments_keep_to_their_prefix",
        "published_files_are_written_once",
        "publishers_write_where_releases_are",
        "deployers_read_releases_only",
        "principals_are_named",
    ),
    "a user's permanent key in Secrets Manager": ("there_is_what_was_planned", "nobody_deletes_what_is_kept"),
    "mutable tags, no scan, delete permission on images": (
        "tags_are_immutable",
        "images_are_scanned",
        "images_are_encrypted",
        "only_untagged_images_expire",
        "nobody_deletes_what_is_kept",
        "repositories_have_two_statements",
        "execution_roles_alone_pull",
        "lambda_pulls_for_our_functions_only",
    ),
    "log buckets with an ACL": (
        "buckets_have_no_acl",
        "buckets_are_never_public",
        "buckets_are_encrypted",
        "buckets_take_tls_only",
        "the_key_rotates",
    ),
    "cross-account roles deployed twice, ARNs pasted by hand": ("nothing_is_pasted_or_old", "parameters_are_all_given"),
    "the pipeline rewrites itself, as administrator, from the branch that it builds": (
        "nobody_changes_the_account_stacks",
        "roles_have_our_policies_only",
    ),
    "unpinned installs, Python 3.8, a deprecated build image": ("nothing_is_pasted_or_old",),
    "variables that nobody sets; branch names collide and can name other stacks": (
        "parameters_are_all_given",
        "branches_reach_their_own_stacks",
    ),
}


def findings(project: Project, name: str) -> list[str]:
    """Return what one check finds in a project."""
    return list(CHECKS[name](project))
