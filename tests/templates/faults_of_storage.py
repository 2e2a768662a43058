"""Faults of what is stored in the tooling account: the key, the buckets, the logs. Each check yields what it finds."""

from __future__ import annotations

from collections.abc import Iterator

from lockstep import policy
from lockstep.names import BUILDS_PREFIX, PACKAGES_PREFIX
from lockstep.testing import TEST
from tests.templates.judge import almighty
from tests.templates.sample import KEY, RESOURCE, Made, Project

_BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
_OF_ENVIRONMENTS = tuple(f"environments/{TEST}/{what}" for what in ("deployments", "locks/hello", "templates"))
_WRITE_ONCE = (BUILDS_PREFIX, PACKAGES_PREFIX, "releases", "signatures", "smoke", "templates", *_OF_ENVIRONMENTS)
_NEW = {"s3:if-none-match": "*"}
_A_YEAR = 365


def the_key_rotates(project: Project) -> Iterator[str]:
    """The customer key rotates by itself."""
    for one in project.of("AWS::KMS::Key"):
        if one.properties.get("EnableKeyRotation") is not True:
            yield f"{one.place}: the key does not rotate"


def the_account_administers_its_key(project: Project) -> Iterator[str]:
    """Tooling's own administrators may administer the key; everybody else is named for certain uses of it."""
    root = f"arn:{project.names.partition}:iam::{project.names.tooling}:root"
    for said in project.allowed(RESOURCE):
        if said.made.kind == "AWS::KMS::Key":
            rest = [action for action in said.actions if "GenerateDataKey" not in action]
            uses = {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:ReEncrypt*"}
            if (said.actions == ("kms:*",)) != (said.principals("AWS") == (root,)):
                yield f"{said.place}: {said.actions} for {said.statement['Principal']}"
            elif said.actions != ("kms:*",) and not uses.issuperset(rest):
                yield f"{said.place}: more than a use of the key: {rest}"
    if not project.judge.may(almighty(f"{root.removesuffix(':root')}:role/admin"), "kms:PutKeyPolicy", KEY):
        yield "the key: nobody may administer it"


def the_key_is_used_through_s3_by_exact_roles(project: Project) -> Iterator[str]:
    """Deploy, execution and status roles use the key through S3 only, and nobody else of their accounts does at all."""
    judge, names = project.judge, project.names
    for environment in project.settings.environments:
        account = environment.account
        deploy = names.deploy_role(environment.name, account)
        execution = names.execution_role(environment.name, account)
        status = names.status_role(environment.name, account)
        rights = {
            deploy: {"kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"},
            execution: {"kms:Decrypt", "kms:DescribeKey"},
            status: {"kms:Decrypt", "kms:DescribeKey"},
        }
        for who in (deploy, execution, status, *(f"{role}s" for role in (deploy, execution, status))):
            for action in ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:CreateGrant", "kms:Encrypt"):
                if judge.may(almighty(who), action, KEY, judge.through_s3()) != (action in rights.get(who, ())):
                    yield f"the key: {action} through S3 by {who}"
                if judge.may(almighty(who), action, KEY):
                    yield f"the key: {action} past S3 by {who}"


def the_key_encrypts_the_logs_of_jobs_only(project: Project) -> Iterator[str]:
    """CloudWatch Logs uses the key for the logs of builds and deployments, and for no other."""
    names, region = project.names, project.settings.region
    own = f"arn:{names.partition}:logs:{region}:{names.tooling}:log-group:{names.job_logs}build"
    others = (
        own.replace(f"arn:{names.partition}:", "arn:aws-cn:"),
        own.replace(region, "us-east-1"),
        own.replace(names.tooling, "999999999999"),
        own.replace(names.job_logs, "/aws/lambda/"),
        own.replace(f"/{names.project}-", "/other-"),
    )
    document = project.judge.access.resources["AWS::KMS::Key"]
    for group in (own, *others):
        context = {"kms:EncryptionContext:aws:logs:arn": group}
        if policy.service_may(f"logs.{region}.amazonaws.com", "kms:Encrypt", KEY, document, context) != (group == own):
            yield f"the key: used for the log {group}"
    if policy.service_may(f"logs.{region}.amazonaws.com", "kms:Encrypt", KEY, document, {}):
        yield "the key: used for any log"


def buckets_are_encrypted(project: Project) -> Iterator[str]:
    """Artifacts are encrypted with the customer key; the log bucket with S3's, the one that log delivery can use."""
    for one in project.of("AWS::S3::Bucket"):
        rules = one.properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
        defaults = [rule.get("ServerSideEncryptionByDefault", {}) for rule in rules]
        is_log = one.properties["BucketName"] == project.names.log_bucket
        is_right = [
            default.get("SSEAlgorithm") == "AES256"
            if is_log
            else default.get("SSEAlgorithm") == "aws:kms" and default.get("KMSMasterKeyID") == KEY.replace("made", "*")
            for default in defaults
        ]
        if is_right != [True]:
            yield f"{one.place}: encrypted by {defaults}"


def buckets_take_tls_only(project: Project) -> Iterator[str]:
    """No bucket answers a request without TLS, whoever asks."""
    who = almighty(f"arn:{project.names.partition}:iam::{project.names.tooling}:role/admin")
    for one in project.of("AWS::S3::Bucket"):
        bucket = f"arn:{project.names.partition}:s3:::{one.properties['BucketName']}"
        file = f"{bucket}/any"
        for action, resource in (("s3:ListBucket", bucket), ("s3:GetObject", file), ("s3:PutObject", file)):
            if project.judge.may(who, action, resource, {"aws:SecureTransport": "false"}):
                yield f"{one.place}: {action} without TLS"
        if not project.judge.may(who, "s3:GetObject", file):
            yield f"{one.place}: nothing with TLS either"


def buckets_keep_versions(project: Project) -> Iterator[str]:
    """Buckets keep what is overwritten."""
    for one in project.of("AWS::S3::Bucket"):
        if one.properties.get("VersioningConfiguration") != {"Status": "Enabled"}:
            yield f"{one.place}: not versioned"


def access_to_artifacts_is_logged(project: Project) -> Iterator[str]:
    """Every access to the artifact bucket is logged into the log bucket, which takes logs from there only."""
    names = project.names
    bucket, log = (f"arn:{names.partition}:s3:::{name}" for name in (names.bucket, names.log_bucket))
    prefixes = []
    for one in project.of("AWS::S3::Bucket"):
        logging = one.properties.get("LoggingConfiguration", {})
        if one.properties["BucketName"] == names.bucket and logging.get("DestinationBucketName") != names.log_bucket:
            yield f"{one.place}: its access is not logged"
        prefixes += [str(logging["LogFilePrefix"])] if "LogFilePrefix" in logging else []
    if prefixes != ["artifacts/"]:
        yield f"the access log is kept below {prefixes}"
    document = project.judge.access.resources.get(names.log_bucket, {})
    right = {"aws:SourceArn": bucket, "aws:SourceAccount": names.tooling}
    asked: tuple[tuple[dict[str, str], str, bool], ...] = (
        (right, f"{log}/artifacts/a", True),
        (right, f"{log}/other/a", False),
        ({**right, "aws:SourceAccount": "999999999999"}, f"{log}/artifacts/a", False),
        ({**right, "aws:SourceArn": f"{bucket}s"}, f"{log}/artifacts/a", False),
        ({**right, "aws:SourceArn": bucket.replace("arn:aws:", "arn:aws-cn:")}, f"{log}/artifacts/a", False),
        ({}, f"{log}/artifacts/a", False),
    )
    for context, resource, is_wanted in asked:
        if policy.service_may("logging.s3.amazonaws.com", "s3:PutObject", resource, document, context) != is_wanted:
            yield f"the log bucket: a log from {context} to {resource}"


def buckets_are_never_public(project: Project) -> Iterator[str]:
    """All four blocks of public access are on, for every bucket."""
    for one in project.of("AWS::S3::Bucket"):
        blocks = one.properties.get("PublicAccessBlockConfiguration", {})
        yield from (f"{one.place}: {block} is off" for block in _BLOCKS if blocks.get(block) is not True)


def buckets_have_no_acl(project: Project) -> Iterator[str]:
    """What is in a bucket belongs to its owner, and there are no ACLs."""
    for one in project.of("AWS::S3::Bucket"):
        owners = one.properties.get("OwnershipControls", {}).get("Rules")
        if owners != [{"ObjectOwnership": "BucketOwnerEnforced"}] or "AccessControl" in one.properties:
            yield f"{one.place}: objects belong to {owners}"


def published_files_are_written_once(project: Project) -> Iterator[str]:
    """Releases, templates and build records are never replaced, not even by an administrator."""
    judge, who = project.judge, almighty(f"arn:{project.names.partition}:iam::{project.names.tooling}:role/admin")
    for prefix in (*_WRITE_ONCE, "artifacts"):
        file = f"{judge.bucket}/{prefix}/a"
        if not judge.may(who, "s3:PutObject", file, _NEW):
            yield f"the artifact bucket: nothing new below {prefix}/"
        if judge.may(who, "s3:PutObject", file) != (prefix == "artifacts"):
            yield f"the artifact bucket: replacing a file below {prefix}/"


def environments_keep_to_their_prefix(project: Project) -> Iterator[str]:
    """A deploy role reads and writes below its own account's id; a status role reads the records there, nobody else."""
    judge, names = project.judge, project.names
    accounts = [environment.account for environment in project.settings.environments]
    for environment in project.settings.environments:
        deploy = names.deploy_role(environment.name, environment.account)
        execution = names.execution_role(environment.name, environment.account)
        status = names.status_role(environment.name, environment.account)
        forged = deploy.replace(environment.account, "999999999999")
        mine = f"environments/{environment.account}"
        folders = [f"environments/{account}{part}" for account in accounts for part in ("", "/deployments")]
        for who in (deploy, execution, status, f"{deploy}s", f"{execution}s", f"{status}s", forged):
            for prefix in (*folders, "artifacts", "releases", "elsewhere"):
                own = who == deploy and prefix.startswith(mine)
                looks = who == status and prefix == f"{mine}/deployments"
                reads = own or looks or (who == execution and prefix == "artifacts")
                if judge.may(almighty(who), "s3:GetObject", f"{judge.bucket}/{prefix}/a") != reads:
                    yield f"the artifact bucket: {who} reading {prefix}/"
                if judge.may(almighty(who), "s3:PutObject", f"{judge.bucket}/{prefix}/a", _NEW) != own:
                    yield f"the artifact bucket: {who} writing {prefix}/"
                lists = judge.may(almighty(who), "s3:ListBucket", judge.bucket, {"s3:prefix": f"{prefix}/a"})
                if lists != (own or looks):
                    yield f"the artifact bucket: {who} listing {prefix}/"
            if judge.may(almighty(who), "s3:ListBucket", judge.bucket):
                yield f"the artifact bucket: {who} listing all of it"
            if judge.may(almighty(who), "s3:GetBucketLocation", judge.bucket):
                yield f"the artifact bucket: {who} finding it"


def buckets_lose_only_what_is_broken_or_old(project: Project) -> Iterator[str]:
    """Broken uploads go after a week, logs after a year with what they overwrote; artifacts never."""
    for one in project.of("AWS::S3::Bucket"):
        rules = one.properties.get("LifecycleConfiguration", {}).get("Rules", [])
        wanted: dict[str, object] = {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
        if one.properties["BucketName"] == project.names.log_bucket:
            wanted |= {"ExpirationInDays": _A_YEAR, "NoncurrentVersionExpiration": {"NoncurrentDays": 30}}
        if [{key: value for key, value in rule.items() if key != "Id"} for rule in rules] != [wanted]:
            yield f"{one.place}: its lifecycle is {rules}"


def what_is_stored_stays(project: Project) -> Iterator[str]:
    """A deleted stack leaves key, buckets and repositories; of every log it is said that it goes with its stack."""
    for one in project.of("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::ECR::Repository", "AWS::Logs::LogGroup"):
        goes = one.kind == "AWS::Logs::LogGroup"
        wanted = ("Delete", "Delete") if goes else ("RetainExceptOnCreate", "Retain")
        found = (one.body.get("DeletionPolicy"), one.body.get("UpdateReplacePolicy"))
        if found != wanted:
            yield f"{one.place}: on deletion and replacement {found}"


def logs_end_and_are_encrypted(project: Project) -> Iterator[str]:
    """Each log of jobs is kept for a year, under the customer key, and is the one that its job's role writes."""
    for one in project.of("AWS::Logs::LogGroup"):
        if one.properties.get("RetentionInDays") != _A_YEAR:
            yield f"{one.place}: kept for {one.properties.get('RetentionInDays')} days"
        if one.properties.get("KmsKeyId") != KEY:
            yield f"{one.place}: encrypted by {one.properties.get('KmsKeyId')}"
        if not any(_writes(project, name, one) for name in project.judge.roles):
            yield f"{one.place}: no role writes it"


def _writes(project: Project, role: str, group: Made) -> bool:
    where = f"logs:{project.settings.region}:{group.step.account}:log-group:{group.properties['LogGroupName']}"
    arn = f"arn:{project.names.partition}:{where}:log-stream:a"
    return project.judge.may(project.judge.identity(role), "logs:PutLogEvents", arn)


CHECKS = (
    the_key_rotates,
    the_account_administers_its_key,
    the_key_is_used_through_s3_by_exact_roles,
    the_key_encrypts_the_logs_of_jobs_only,
    buckets_are_encrypted,
    buckets_take_tls_only,
    buckets_keep_versions,
    access_to_artifacts_is_logged,
    buckets_are_never_public,
    buckets_have_no_acl,
    published_files_are_written_once,
    environments_keep_to_their_prefix,
    buckets_lose_only_what_is_broken_or_old,
    what_is_stored_stays,
    logs_end_and_are_encrypted,
)
