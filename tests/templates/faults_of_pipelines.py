"""Faults of the pipeline: which job is privileged, who runs as whom, what each may. Each check yields what it finds."""

from __future__ import annotations

from collections.abc import Iterator

from lockstep import policy
from tests.templates.judge import almighty
from tests.templates.sample import IDENTITY, KEY, RESOURCE, TRUST, Project

_ROLES = ("pipeline", "pipeline-start", "verify", "build-batch")
_IMAGE = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
_REPORTS = {
    "codebuild:BatchPutCodeCoverages", "codebuild:BatchPutTestCases", "codebuild:CreateReport",
    "codebuild:CreateReportGroup", "codebuild:UpdateReport",
}  # fmt: skip
_VERIFIES = {
    "kms:Decrypt", "logs:CreateLogStream", "logs:PutLogEvents", "s3:GetObject", "s3:GetObjectVersion", *_REPORTS,
}  # fmt: skip
_STRANGER = "999999999999"


def _jobs(project: Project) -> dict[str, str]:
    """Return every job of the pipeline, and the role that it runs as."""
    names = project.names
    role = names.build_role.removesuffix("build")
    deployers = {f"deploy-{one.name}": names.deployer_role(one.name) for one in project.settings.environments}
    return {"verify": f"{role}verify", "build": names.build_role, **deployers}


def _shards(project: Project) -> int:
    """Return how many machines make a release."""
    assert project.settings.pipeline is not None
    return project.settings.pipeline.shards


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
        # A batch has one build more, its own first one.
        at_once = _shards(project) + 1 if name.endswith("-build") and _shards(project) > 1 else 1
        asked = (ends, properties.get("EncryptionKey"), properties["Environment"].get("Image"))
        if asked != ((60, at_once), KEY, _IMAGE):
            yield f"{one.place}: has no end, no key or another image"
        if properties.get("LogsConfig", {}).get("CloudWatchLogs", {}).get("GroupName") != f"/aws/codebuild/{name}":
            yield f"{one.place}: logs elsewhere"
    wanted = {f"{project.names.project}-{job}": role for job, role in _jobs(project).items()}
    if found != wanted:
        yield f"projects run as {found}"


def pipelines_are_encrypted_and_in_order(project: Project) -> Iterator[str]:
    """The pipeline keeps its files in the artifact bucket under the customer key; no execution overtakes another."""
    for one in project.of("AWS::CodePipeline::Pipeline"):
        store = {"Type": "S3", "Location": project.names.bucket, "EncryptionKey": {"Id": KEY, "Type": "KMS"}}
        if one.properties.get("ArtifactStore") != store:
            yield f"{one.place}: keeps its files in {one.properties.get('ArtifactStore')}"
        if (one.properties.get("PipelineType"), one.properties.get("ExecutionMode")) != ("V2", "QUEUED"):
            yield f"{one.place}: executions overtake each other"


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
    judge, names = project.judge, project.names
    reads = {role.rpartition(f"/{names.project}-")[2] for role in _jobs(project).values()} | {"pipeline"}
    source = f"{names.pipeline_prefix}/Source"
    for name in judge.roles:
        for place in (source, f"{names.pipeline_prefix}/Other", "elsewhere/Source", "elsewhere"):
            for action in ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"):
                wanted = place == source and name in (reads if action != "s3:PutObject" else {"pipeline"})
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
    """No job of the pipeline but a deployer's takes a role, and nobody of another account becomes its role."""
    judge = project.judge
    for name in (one for one in _ROLES if one in judge.roles):
        who, role = judge.identity(name), judge.roles[name].identity.arn
        yield from (f"{name} becomes {other}" for other in judge.access.roles if judge.becomes(who, other))
        if judge.becomes(almighty(role.replace(project.names.tooling, _STRANGER)), role):
            yield f"a stranger becomes {name}"
    for said in project.allowed(IDENTITY):
        if said.made.properties.get("RoleName") in {f"{project.names.project}-{name}" for name in _ROLES}:
            yield from (f"{said.place}: {one}" for one in said.actions if one.startswith(("sts:", "iam:", "cloudf")))


CHECKS = (
    builds_alone_are_privileged,
    each_job_has_its_own_role,
    pipelines_are_encrypted_and_in_order,
    sources_are_what_the_settings_say,
    sources_are_written_by_the_pipeline_alone,
    verifying_reads_and_reports,
    the_pipeline_starts_its_jobs,
    builds_alone_are_batched,
    batches_are_started_for_builds_alone,
    nobody_becomes_a_part_of_the_pipeline,
    who_is_told_is_told_by_us,
    notifications_use_the_key_through_sns,
    the_boundary_of_jobs_is_their_account,
)
