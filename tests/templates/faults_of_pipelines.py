"""Faults of the pipeline: which job is privileged, who runs as whom, what each may. Each check yields what it finds."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from lockstep import policy
from tests.templates.judge import almighty
from tests.templates.sample import IDENTITY, KEY, RESOURCE, TRUST, Project

_ROLES = ("build-batch", "pipeline", "pipeline-start", "pipeline-update", "verify")
_IMAGE = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
_REPORTS = {
    "codebuild:BatchPutCodeCoverages", "codebuild:BatchPutTestCases", "codebuild:CreateReport",
    "codebuild:CreateReportGroup", "codebuild:UpdateReport",
}  # fmt: skip
_TESTS = _REPORTS - {"codebuild:BatchPutCodeCoverages"}
_VERIFIES = {
    "kms:Decrypt", "logs:CreateLogStream", "logs:PutLogEvents", "s3:GetObject", "s3:GetObjectVersion", *_REPORTS,
}  # fmt: skip
_LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
_LOOKS = ("cloudformation:DescribeStacks", "cloudformation:ListStackResources")
_CHANGES = tuple(
    f"cloudformation:{name}"
    for name in ("CreateChangeSet", "DeleteChangeSet", "DescribeChangeSet", "DescribeStackEvents", "ExecuteChangeSet",
                 "GetTemplate")
)  # fmt: skip
_UPDATES = tuple(
    f"codepipeline:{name}"
    for name in ("GetPipeline", "GetPipelineState", "ListTagsForResource", "StartPipelineExecution", "TagResource",
                 "UntagResource", "UpdatePipeline")
)  # fmt: skip
_PLANS = {
    "kms:Decrypt", "logs:CreateLogStream", "logs:PutLogEvents", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket",
    "sts:AssumeRole",
}  # fmt: skip
# By CloudFormation alone, so that the pipeline's stack tells of every change.
_VIA = {"aws:CalledVia": "cloudformation.amazonaws.com"}
_STRANGER = "999999999999"


def _jobs(project: Project) -> dict[str, str]:
    """Return every job of the pipeline, and the role that it runs as."""
    names = project.names
    role = names.build_role.removesuffix("build")
    plans = {"plan": names.planner_role} if any(one.approval for one in project.settings.environments) else {}
    deployers = {f"deploy-{one.name}": names.deployer_role(one.name) for one in project.settings.environments}
    wanted = project.settings.pipeline
    updates = {"pipeline-update": names.updater_role} if wanted and wanted.update else {}
    return {"verify": f"{role}verify", "build": names.build_role, **plans, **deployers, **updates}


def _pipelines(project: Project) -> dict[str, set[str]]:
    """Return every pipeline, and the jobs that read its source."""
    wanted, first = project.settings.pipeline, project.settings.environments[0]
    found: dict[str, set[str]] = {project.names.pipeline_stack: set(_jobs(project))}
    if wanted and wanted.branches:
        found[project.names.branches_pipeline] = {"verify", "build", f"deploy-{first.name}"}
    return found


def _shards(project: Project) -> int:
    """Return how many machines make a release."""
    assert project.settings.pipeline is not None
    return project.settings.pipeline.shards


def _most(project: Project, job: str) -> int:
    """Return how many builds of a job there can be at once: one for each stage that starts it, of each pipeline."""
    first, shards = project.settings.environments[0], _shards(project)
    name, pipelines = job.removeprefix(f"{project.names.project}-"), len(_pipelines(project))
    # A batch has one build more, its own first one.
    builds = shards + 1 if shards > 1 else 1
    most = {"verify": pipelines, "build": builds * pipelines, "plan": len(project.settings.approved)}
    # The one that updates the pipeline may not be done where the next execution begins.
    return {**most, f"deploy-{first.name}": pipelines, "pipeline-update": 2}.get(name, 1)


def builds_alone_are_privileged(project: Project) -> Iterator[str]:
    """A job's container is privileged where images are built, and nowhere else."""
    for one in project.of("AWS::CodeBuild::Project"):
        wanted = one.properties.get("Name") == f"{project.names.project}-build"
        if one.properties["Environment"].get("PrivilegedMode") is not wanted:
            yield f"{one.place}: privileged is {one.properties['Environment'].get('PrivilegedMode')}"


def each_job_has_its_own_role(project: Project) -> Iterator[str]:
    """Each project runs as the one role that is trusted for it alone, in a supported image, encrypted, with an end."""
    found = {}
    for one in project.of("AWS::CodeBuild::Project"):
        name, properties = str(one.properties.get("Name")), one.properties
        found[name] = properties.get("ServiceRole")
        ends = (properties.get("TimeoutInMinutes"), properties.get("ConcurrentBuildLimit"))
        asked = (ends, properties.get("EncryptionKey"), properties["Environment"].get("Image"))
        if asked != ((60, _most(project, name)), KEY, _IMAGE):
            yield f"{one.place}: has no end, no key or another image"
        if properties.get("LogsConfig", {}).get("CloudWatchLogs", {}).get("GroupName") != f"/aws/codebuild/{name}":
            yield f"{one.place}: logs elsewhere"
    wanted = {f"{project.names.project}-{job}": role for job, role in _jobs(project).items()}
    if found != wanted:
        yield f"projects run as {found}"


def pipelines_are_encrypted_and_in_order(project: Project) -> Iterator[str]:
    """The pipeline keeps its files in the artifact bucket under the customer key; no execution overtakes another.

    Where it updates itself, what made the update goes through it as it is then.
    """
    wanted, names = project.settings.pipeline, project.names
    assert wanted is not None
    for one in project.of("AWS::CodePipeline::Pipeline"):
        store = {"Type": "S3", "Location": project.names.bucket, "EncryptionKey": {"Id": KEY, "Type": "KMS"}}
        if one.properties.get("ArtifactStore") != store:
            yield f"{one.place}: keeps its files in {one.properties.get('ArtifactStore')}"
        if (one.properties.get("PipelineType"), one.properties.get("ExecutionMode")) != ("V2", "QUEUED"):
            yield f"{one.place}: executions overtake each other"
        updates = one.properties.get("Name") == names.pipeline_stack and wanted.update
        if one.properties.get("RestartExecutionOnUpdate", False) is not updates:
            yield f"{one.place}: after an update the commit that made it is {'not ' * updates}run anew"


def sources_are_what_the_settings_say(project: Project) -> Iterator[str]:
    """The source is the one repository of the settings, and the pipeline's role reads that and no other."""
    wanted, names, judge = project.settings.pipeline, project.names, project.judge
    assert wanted is not None
    provider = "CodeStarSourceConnection" if wanted.connection else "CodeCommit"
    for one in project.of("AWS::CodePipeline::Pipeline"):
        actions = one.properties["Stages"][0]["Actions"]
        if [action["ActionTypeId"]["Provider"] for action in actions] != [provider]:
            yield f"{one.place}: its source is {actions}"
    who = judge.identity("pipeline")
    repository = f"arn:{names.partition}:codecommit:{project.settings.region}:{names.tooling}:{wanted.repository}"
    if judge.may(who, "codecommit:UploadArchive", repository) != (wanted.connection is None):
        yield "pipeline: reading the repository in CodeCommit"
    right = {"codeconnections:FullRepositoryId": wanted.repository}
    for context in (right, {"codeconnections:FullRepositoryId": "other/repository"}, {}):
        connection = wanted.connection or "arn:aws:codeconnections:eu-west-1:111111111111:connection/any"
        uses = judge.may(who, "codeconnections:UseConnection", connection, context)
        if uses != (wanted.connection is not None and context == right):
            yield f"pipeline: using the connection with {context}"


def sources_are_written_by_the_pipeline_alone(project: Project) -> Iterator[str]:
    """The pipeline's role alone writes the source, every job reads it, and neither anything beside it."""
    judge, names, jobs = project.judge, project.names, _jobs(project)
    reads = {
        f"{pipeline}/Source": {jobs[job].rpartition(f"/{names.project}-")[2] for job in of} | {"pipeline"}
        for pipeline, of in _pipelines(project).items()
    }
    for name in judge.roles:
        for place in (*reads, f"{names.pipeline_stack}/Other", "elsewhere/Source", "elsewhere"):
            for action in ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"):
                wanted = place in reads and name in (reads[place] if action != "s3:PutObject" else {"pipeline"})
                if judge.may(judge.identity(name), action, f"{judge.bucket}/{place}/a") != wanted:
                    yield f"{name}: {action} below {place}/"
    for name in _ROLES:
        for place in ("releases", "artifacts") if name in judge.roles else ():
            for action in ("s3:GetObject", "s3:PutObject"):
                if judge.may(judge.identity(name), action, f"{judge.bucket}/{place}/a", {"s3:if-none-match": "*"}):
                    yield f"{name}: {action} below {place}/"


def verifying_reads_and_reports(project: Project) -> Iterator[str]:
    """What verifies any commit reads the source, writes its log and its reports, and can do nothing else."""
    found = set(policy.actions(project.judge.identity("verify").policies))
    if found != _VERIFIES:
        yield f"verify: {sorted(found ^ _VERIFIES)}"


def deployers_report_their_own_tests(project: Project) -> Iterator[str]:
    """A deployer writes the test reports of its own environment's job, and no other report."""
    judge, names, region = project.judge, project.names, project.settings.region
    jobs = {f"deploy-{one.name}": f"deployer-{one.name}" for one in project.settings.environments}
    for name in (*jobs.values(), "build", "developer", "pipeline"):
        for job in (*jobs, "verify"):
            for report in ("integration", "other"):
                group = f"arn:{names.partition}:codebuild:{region}:{names.tooling}:report-group/"
                for action in _REPORTS if name in judge.roles else ():
                    wanted = action in _TESTS and jobs.get(job) == name and report == "integration"
                    asked = f"{group}{names.project}-{job}-{report}"
                    if judge.may(judge.identity(name), action, asked) != wanted:
                        yield f"{name}: {action} on {asked}"


def planning_looks_where_somebody_approves(project: Project) -> Iterator[str]:
    """Who plans before an approval reads releases, takes the status roles of those environments, and does nothing else.

    Code of a commit that nobody approved runs as it, so where nobody is asked there is no such role.
    """
    judge, names = project.judge, project.names
    asked = {names.status_role(one.name, one.account) for one in project.settings.environments if one.approval}
    if ("planner" in judge.roles) != bool(asked):
        yield f"planner: there where {len(asked)} environments ask for an approval"
    if "planner" not in judge.roles:
        return
    who = judge.identity("planner")
    becomes = {role for role in judge.access.roles if judge.becomes(who, role)}
    trusted = {role for role in judge.access.roles if judge.becomes(almighty(who.arn), role)} - {who.arn}
    if (becomes, trusted) != (asked, asked):
        yield f"planner: becomes {sorted(becomes)}, and is trusted by {sorted(trusted)}"
    if found := set(policy.actions(who.policies)) ^ _PLANS:
        yield f"planner: {sorted(found)}"
    for prefix in ("artifacts", "builds", "environments", "packages", "releases", "signatures", "smoke", "templates"):
        file, wanted = f"{judge.bucket}/{prefix}/a", prefix in {"releases", "templates"}
        if judge.may(who, "s3:GetObject", file) != wanted:
            yield f"planner: reading {prefix}/"
    logs = f"arn:{names.partition}:logs:{project.settings.region}:{names.tooling}:log-group:{names.job_logs}"
    for job in ("plan", "build"):
        if judge.may(who, "logs:PutLogEvents", f"{logs}{job}:log-stream:a") != (job == "plan"):
            yield f"planner: writing the log of {job}"


def the_pipeline_starts_its_jobs(project: Project) -> Iterator[str]:
    """The pipeline's role starts its own projects, asks in its own topic, and takes or passes no role."""
    judge, names, region = project.judge, project.names, project.settings.region
    who = judge.identity("pipeline")
    own = {names.job(job) for job in _jobs(project)}
    for job in (*own, names.job("other"), names.job("build").replace(names.tooling, _STRANGER)):
        if judge.may(who, "codebuild:StartBuild", job) != (job in own):
            yield f"pipeline: starting {job}"
    services = {action.partition(":")[0] for action in policy.actions(who.policies)}
    if more := services - {"codebuild", "codecommit", "codeconnections", "kms", "s3", "sns"}:
        yield f"pipeline: more than it needs: {sorted(more)}"
    topic = f"arn:{names.partition}:sns:{region}:{names.tooling}:{names.pipeline_stack}"
    if not judge.may(who, "sns:Publish", topic):
        yield "pipeline: asking for an approval"
    if "pipeline-start" in judge.roles:
        starts = set(policy.actions(judge.identity("pipeline-start").policies))
        if starts != {"codepipeline:StartPipelineExecution"}:
            yield f"pipeline-start: {sorted(starts)}"


def builds_alone_are_batched(project: Project) -> Iterator[str]:
    """A batch is of builds, where several machines make a release: of so many, with an end, started by its own role."""
    names, shards = project.names, _shards(project)
    role = names.build_role.replace(f"/{names.project}-build", f"/{names.project}-build-batch")
    limits = {"Restrictions": {"MaximumBuildsAllowed": shards + 1}, "TimeoutInMins": 180}
    for one in project.of("AWS::CodeBuild::Project"):
        is_batched = shards > 1 and one.properties.get("Name") == f"{names.project}-build"
        if one.properties.get("BuildBatchConfig", {}) != ({"ServiceRole": role, **limits} if is_batched else {}):
            yield f"{one.place}: has batches {one.properties.get('BuildBatchConfig')}"


def batches_are_started_for_builds_alone(project: Project) -> Iterator[str]:
    """The pipeline starts batches of the project that builds, their role its builds; neither any other, nobody else."""
    judge, names, shards = project.judge, project.names, _shards(project)
    build = names.job("build")
    others = (*(names.job(job) for job in _jobs(project) if job != "build"), names.job("other"), f"{build}-2")
    everywhere = (build, *others, build.replace(names.tooling, _STRANGER))
    starts: dict[str, tuple[str, ...]] = {"pipeline": ("codebuild:BatchGetBuildBatches", "codebuild:StartBuildBatch")}
    if shards > 1:
        starts["build-batch"] = ("codebuild:RetryBuild", "codebuild:StartBuild", "codebuild:StopBuild")
        if more := set(policy.actions(judge.identity("build-batch").policies)) - set(starts["build-batch"]):
            yield f"build-batch: more than it needs: {sorted(more)}"
    elif "build-batch" in judge.roles:
        yield "build-batch is there, and no batch"
    for name in judge.roles.keys() - {"pipeline", "build-batch"}:
        for action in ("codebuild:RetryBuild", "codebuild:StartBuild", "codebuild:StartBuildBatch"):
            if judge.may(judge.identity(name), action, build):
                yield f"{name}: {action} of builds"
    for name, actions in starts.items():
        for action in actions:
            may = [job for job in everywhere if judge.may(judge.identity(name), action, job)]
            if may != ([build] if shards > 1 else []):
                yield f"{name}: {action} of {may}"


def nobody_becomes_a_part_of_the_pipeline(project: Project) -> Iterator[str]:
    """The pipeline's roles are taken by services alone; no person and no other role becomes one of them."""
    ours = {f"{project.names.project}-{name}" for name in _ROLES}
    for said in project.said:
        if said.sort == TRUST and said.made.properties["RoleName"] in ours and said.principals("AWS"):
            yield f"{said.place}: trusts {said.principals('AWS')}"


def who_is_told_is_told_by_us(project: Project) -> Iterator[str]:
    """The topic is encrypted with the customer key, and takes what this account's notifications and pipeline say."""
    names = project.names
    for one in project.of("AWS::SNS::Topic"):
        if one.properties.get("KmsMasterKeyId") != KEY:
            yield f"{one.place}: encrypted by {one.properties.get('KmsMasterKeyId')}"
    for said in project.allowed(RESOURCE):
        if said.made.kind == "AWS::SNS::TopicPolicy":
            account = said.condition("StringEquals", "aws:SourceAccount")
            asked = (said.actions, said.principals("Service"), account)
            if asked != (("sns:Publish",), ("codestar-notifications.amazonaws.com",), (names.tooling,)):
                yield f"{said.place}: {asked}"
            strange = [one for one in said.resources if not one.endswith(f":{names.pipeline_stack}")]
            yield from (f"{said.place}: {resource}" for resource in strange)


def notifications_use_the_key_through_sns(project: Project) -> Iterator[str]:
    """What notifies uses the key for what it sends through SNS, and for nothing else."""
    document, region = project.judge.access.resources["AWS::KMS::Key"], project.settings.region
    who = "codestar-notifications.amazonaws.com"
    for via in (f"sns.{region}.amazonaws.com", f"s3.{region}.amazonaws.com", ""):
        context = {"kms:ViaService": via} if via else {}
        for action in ("kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"):
            wanted = via.startswith("sns.") and action != "kms:CreateGrant"
            if policy.service_may(who, action, KEY, document, context) != wanted:
                yield f"the key: {action} by notifications through {via or 'anything'}"


def the_boundary_of_jobs_is_their_account(project: Project) -> Iterator[str]:
    """No job but a deployer's takes a role, none but the update changes a stack, and no stranger becomes one's role."""
    judge = project.judge
    for name in (one for one in _ROLES if one in judge.roles):
        who, role = judge.identity(name), judge.roles[name].identity.arn
        yield from (f"{name} becomes {other}" for other in judge.access.roles if judge.becomes(who, other))
        if judge.becomes(almighty(role.replace(project.names.tooling, _STRANGER)), role):
            yield f"a stranger becomes {name}"
    ours = {f"{project.names.project}-{name}" for name in _ROLES if name != "pipeline-update"}
    for said in project.allowed(IDENTITY):
        if said.made.properties.get("RoleName") in ours:
            yield from (f"{said.place}: {one}" for one in said.actions if one.startswith(("sts:", "iam:", "cloudf")))


def the_update_changes_pipelines_alone(project: Project) -> Iterator[str]:
    """What updates the pipeline changes its stack, pipelines and projects; it makes nothing and changes no right."""
    judge, names, wanted = project.judge, project.names, project.settings.pipeline
    assert wanted is not None
    if ("pipeline-update" in judge.roles) != wanted.update:
        yield f"there is an update: {'pipeline-update' in judge.roles}"
    if not wanted.update or "pipeline-update" not in judge.roles:
        return
    who, rows = judge.identity("pipeline-update"), _of_the_update(project)
    if found := set(policy.actions(who.policies)) ^ {action for action, _ in rows} ^ _LOGS:
        yield f"pipeline-update: {sorted(found)}"
    known = {resource for _, resource in rows}
    strange = {one.replace(names.tooling, _STRANGER) for one in known if names.tooling in one}
    other = {one.replace(f"{names.project}-", f"{names.project}-other-") for one in known}
    contexts = [dict(one) for one in {tuple(context.items()) for context in rows.values()}]
    contexts += [{**context, key: "other.amazonaws.com"} for context in contexts for key in context]
    for action in {action for action, _ in rows}:
        for resource in (*known, *(strange | other) - known):
            for context in contexts:
                asked = rows.get((action, resource))
                expected = asked is not None and asked.items() <= context.items()
                if judge.may(who, action, resource, context) != expected:
                    yield f"pipeline-update: {action} on {resource} with {context}"


def _of_the_update(project: Project) -> dict[tuple[str, str], dict[str, str]]:
    """Return what updates the pipeline may do on what, and which context that takes."""
    judge, names, wanted = project.judge, project.names, project.settings.pipeline
    assert wanted is not None
    made = [names.tooling_resources_stack, names.tooling_roles_stack]
    made += [names.deployer_stack(one.name) for one in project.settings.environments]
    own = judge.stack(names.pipeline_stack, names.tooling)
    arn = f"arn:{names.partition}:codepipeline:{project.settings.region}:{names.tooling}:"
    role, roles = names.updater_role.removesuffix("-update"), set(_jobs(project).values())
    roles |= {f"{names.build_role}-batch"} if wanted.shards > 1 else set()
    connection = {wanted.connection} if wanted.connection else set()
    rows: tuple[tuple[tuple[str, ...], Collection[str], dict[str, str]], ...] = (
        (("s3:GetObject", "s3:GetObjectVersion"), {f"{judge.bucket}/{names.pipeline_stack}/Source/a"}, {}),
        (("kms:Decrypt",), {KEY}, judge.through_s3()),
        (_LOOKS, {own, *(judge.stack(name, names.tooling) for name in made)}, {}),
        (_CHANGES, {own}, {}),
        (("iam:GetRole", "iam:SimulatePrincipalPolicy"), {names.updater_role}, {}),
        (("iam:GetRole",), {role}, {}),
        (_UPDATES, {arn + names.pipeline_stack, arn + names.branches_pipeline}, _VIA),
        (("codebuild:BatchGetProjects", "codebuild:UpdateProject"), {names.job(job) for job in _jobs(project)}, _VIA),
        (("iam:PassRole",), {role}, {**_VIA, "iam:PassedToService": "codepipeline.amazonaws.com"}),
        (("iam:PassRole",), roles, {**_VIA, "iam:PassedToService": "codebuild.amazonaws.com"}),
        (("codeconnections:PassConnection",), connection,
         {**_VIA, "codeconnections:PassedToService": "codepipeline.amazonaws.com"}),
    )  # fmt: skip
    return {(action, on): context for actions, resources, context in rows for action in actions for on in resources}


CHECKS = (
    builds_alone_are_privileged,
    each_job_has_its_own_role,
    pipelines_are_encrypted_and_in_order,
    sources_are_what_the_settings_say,
    sources_are_written_by_the_pipeline_alone,
    verifying_reads_and_reports,
    deployers_report_their_own_tests,
    planning_looks_where_somebody_approves,
    the_pipeline_starts_its_jobs,
    builds_alone_are_batched,
    batches_are_started_for_builds_alone,
    nobody_becomes_a_part_of_the_pipeline,
    who_is_told_is_told_by_us,
    notifications_use_the_key_through_sns,
    the_boundary_of_jobs_is_their_account,
    the_update_changes_pipelines_alone,
)
