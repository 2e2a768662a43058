"""Every derived name, in one place: stacks, roles, buckets, keys, tags, ARNs. Pure; no account or region of its own.

Bootstrap passes these names to the account templates as parameters or derives them there in the same way;
tests/templates compares the two.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from lockstep.model import AccountId, Commit, ReleaseId, Sha256, StackName

RELEASE_TAG = "lockstep:release"
COMMIT_TAG = "lockstep:commit"
TEMPLATE_TAG = "lockstep:template"
SETTINGS_TAG = "lockstep:settings"
LABEL_COMMIT = "org.opencontainers.image.revision"
LABEL_SOURCE = "lockstep.source-hash"
# The folder of a service in which its integration tests are.
INTEGRATION = "integration"

# A service or environment may not be called like a part of our own names in the tooling account.
RESERVED = frozenset(
    ("account", "boundary", "build", "deploy", "deployer", "developer", "execution", "pipeline", "plan", "planner",
     "repository", "status", "tooling", "verify")
)  # fmt: skip


def partition_of(region: str) -> str:
    """Return the ARN partition that a region belongs to."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


@dataclass(frozen=True)
class Names:
    """The names of one project: what its tooling account and its environments call things."""

    project: str
    tooling: AccountId
    region: str

    @property
    def partition(self) -> str:
        """The ARN partition that the region belongs to."""
        return partition_of(self.region)

    @property
    def registry(self) -> str:
        """The host of the tooling account's own registry."""
        suffix = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        return f"{self.tooling}.dkr.ecr.{self.region}.{suffix}"

    # stacks
    @property
    def tooling_roles_stack(self) -> StackName:
        """The stack of the roles that developers and builds use."""
        return StackName(f"{self.project}-tooling-roles")

    @property
    def tooling_resources_stack(self) -> StackName:
        """The stack of the artifact bucket and its key."""
        return StackName(f"{self.project}-tooling-resources")

    def deployer_stack(self, environment: str) -> StackName:
        """The stack, in tooling, of the one role that may deploy to an environment."""
        return StackName(f"{self.project}-deployer-{environment}")

    def account_stack(self, environment: str) -> StackName:
        """The stack of an environment's own roles."""
        return StackName(f"{self.project}-account-{environment}")

    def repository_stack(self, service: str, function: str) -> StackName:
        """The stack of one image function's repository."""
        return StackName(f"{self.project}-repository-{service}-{function.lower()}")

    @property
    def pipeline_stack(self) -> StackName:
        """The stack of the pipelines, their projects and roles; the one that releases is called the same."""
        return StackName(f"{self.project}-pipeline")

    @property
    def branches_pipeline(self) -> str:
        """The pipeline that deploys feature branches."""
        return f"{self.project}-branches"

    def service_stack(self, environment: str, service: str, branch: str = "") -> StackName:
        """The stack of a service in an environment, or the ephemeral one of a feature branch beside it.

        A service's name has no two hyphens in a row, so no branch's stack is another service's.
        """
        return StackName(f"{self.project}-{environment}-{service}" + (f"--{branch_slug(branch)}" if branch else ""))

    def is_service_stack(self, stack: str, environment: str, service: str = "", branch: str = "") -> bool:
        """Is a stack one of a service in an environment? Of any service and branch where none is named."""
        begin = self.service_stack(environment, "")
        name, _, slug = stack.removeprefix(begin).partition("--")
        return stack.startswith(begin) and service in {"", name} and (not branch or slug == branch_slug(branch))

    def is_repository_stack(self, stack: str, service: str = "") -> bool:
        """Is a stack that of an image function's repository? Of any service where none is named."""
        begin = f"{self.project}-repository-"
        # A function's name has no hyphen, so the last one ends the service's.
        return stack.startswith(begin) and service in {"", stack.removeprefix(begin).rpartition("-")[0]}

    def repository_of(self, stack: str) -> str:
        """The repository that an image function's stack of that name holds."""
        service, _, function = stack.removeprefix(f"{self.project}-repository-").rpartition("-")
        return self.repository(service, function)

    @staticmethod
    def stack_of(function: str) -> str:
        """The service's stack in a function's name, as CloudFormation makes names; empty where there is none.

        A stack's name has no capital, and what comes after it has one: a logical id.
        """
        found = re.match("(.+?)-[^-A-Z]*[A-Z]", function)
        return found.group(1) if found else ""

    # roles
    def _role_arn(self, account: AccountId, name: str) -> str:
        return f"arn:{self.partition}:iam::{account}:role/{name}"

    @property
    def developer_role(self) -> str:
        """ARN of what a developer is in the tooling account."""
        return self._role_arn(self.tooling, f"{self.project}-developer")

    @property
    def build_role(self) -> str:
        """ARN of what builds run as. It can assume nothing."""
        return self._role_arn(self.tooling, f"{self.project}-build")

    @property
    def updater_role(self) -> str:
        """ARN of what the pipeline updates itself as."""
        return self._role_arn(self.tooling, f"{self.project}-pipeline-update")

    @property
    def planner_role(self) -> str:
        """ARN of what the pipeline plans as for those who approve. It can look, and deploy nowhere."""
        return self._role_arn(self.tooling, f"{self.project}-planner")

    def deployer_role(self, environment: str) -> str:
        """ARN of the tooling role that alone may assume an environment's deploy role."""
        return self._role_arn(self.tooling, f"{self.project}-deployer-{environment}")

    def deploy_role(self, environment: str, account: AccountId) -> str:
        """ARN of the role in an environment's account that a deployment runs as."""
        return self._role_arn(account, f"{self.project}-deploy-{environment}")

    def execution_role(self, environment: str, account: AccountId) -> str:
        """ARN of the role that CloudFormation creates a service's resources with."""
        return self._role_arn(account, f"{self.project}-execution-{environment}")

    def status_role(self, environment: str, account: AccountId) -> str:
        """ARN of the role that may look at an environment and change nothing."""
        return self._role_arn(account, f"{self.project}-status-{environment}")

    def boundary(self, environment: str, account: AccountId) -> str:
        """ARN of the policy that bounds every role a service creates for itself."""
        return f"arn:{self.partition}:iam::{account}:policy/{self.project}-boundary-{environment}"

    def function_pattern(self, environment: str, account: AccountId) -> str:
        """What the ARN of every function of an environment looks like."""
        return f"arn:{self.partition}:lambda:{self.region}:{account}:function:{self.project}-{environment}-*"

    def job(self, name: str) -> str:
        """ARN of a project of the pipeline: verify, build, plan, pipeline-update, or deploy- with an environment."""
        return f"arn:{self.partition}:codebuild:{self.region}:{self.tooling}:project/{self.project}-{name}"

    # storage
    @property
    def log_bucket(self) -> str:
        """The bucket that keeps the artifact bucket's access log."""
        return f"{self.project}-logs-{self.tooling}-{self.region}"

    @property
    def bucket(self) -> str:
        """The artifact bucket. The account and region in its name make it unique."""
        return f"{self.project}-artifacts-{self.tooling}-{self.region}"

    def source_files(self, pipeline: str) -> str:
        """ARN of what a pipeline keeps of its source in the artifact bucket."""
        return f"arn:{self.partition}:s3:::{self.bucket}/{pipeline_prefix(pipeline, 'Source')}*"

    def repository(self, service: str, function: str) -> str:
        """The ECR repository of one image function."""
        return f"{self.project}/{service}/{function.lower()}"

    @staticmethod
    def environment_prefix(account: AccountId) -> str:
        """Where an environment's deployments keep their files. The bucket policy knows it by the caller's account."""
        return f"environments/{account}"

    def deployments_prefix(self, account: AccountId) -> str:
        """Where the records of an environment's deployments are kept, by their number."""
        return f"{self.environment_prefix(account)}/deployments/"

    def deployment_key(self, account: AccountId, number: int) -> str:
        """Where the record of an environment's deployment of this number is kept; they sort by it."""
        return f"{self.deployments_prefix(account)}{number:08d}.json"

    def locks_prefix(self, account: AccountId, service: str) -> str:
        """Where the locks of one service in an environment are kept, by their number."""
        return f"{self.environment_prefix(account)}/locks/{service}/"

    @property
    def key_description(self) -> str:
        """What the key of the tooling account says of itself: all that tells it once its stack is gone."""
        return f"Encrypts the releases and images of {self.project}"

    @staticmethod
    def function_log(function: str) -> str:
        """The log group of a function, which Lambda makes where no template does."""
        return f"/aws/lambda/{function}"

    @property
    def job_logs(self) -> str:
        """How the names of the log groups of builds and deployments begin."""
        return f"/aws/codebuild/{self.project}-"


ARTIFACTS_PREFIX, BUILDS_PREFIX, PACKAGES_PREFIX = "artifacts", "builds", "packages"
RELEASES_PREFIX, SIGNATURES_PREFIX = "releases", "signatures"
TEMPLATES_PREFIX, SMOKE_PREFIX = "templates", "smoke"


def branch_slug(branch: str) -> str:
    """Return a branch's name as a part of a stack's: readable, and by its hash never that of another branch."""
    words = re.sub("[^a-z0-9]+", "-", branch.lower()).strip("-")[:20].strip("-")
    digest = hashlib.sha256(branch.encode()).hexdigest()[:8]
    return f"{words}-{digest}" if words else digest


def commit_name(commit: Commit) -> str:
    """Return what tags and labels call the state of a working tree."""
    return commit.sha + ("-dirty" if commit.dirty else "")


def is_dirty(name: str) -> bool:
    """Does a tag or label, as `commit_name` gives it, name changes that nobody committed?"""
    return name.endswith("-dirty")


def image_tag(source: Sha256) -> str:
    """The immutable tag that finds the image of a source again. It is never deployed."""
    return f"source-{source[:32]}"


def pipeline_prefix(pipeline: str, artifact: str) -> str:
    """Where CodePipeline keeps what is in an artifact of a pipeline: it cuts both names.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/welcome-introducing-artifacts.html
    """
    return f"{pipeline[:20]}/{artifact[:10]}/"


def release_key(release: ReleaseId) -> str:
    """Where a release's manifest is kept."""
    return f"{RELEASES_PREFIX}/{release}.json"


def template_key(sha256: Sha256) -> str:
    """Where a packaged template is kept, by its content."""
    return f"{TEMPLATES_PREFIX}/{sha256}.json"


def plan_template_key(account: AccountId, sha256: Sha256) -> str:
    """Where a template is kept, by its content, that a change set was made from to see what it would change."""
    return f"{Names.environment_prefix(account)}/templates/{sha256}.json"


def smoke_key(sha256: Sha256) -> str:
    """Where a smoke file is kept, by its content."""
    return f"{SMOKE_PREFIX}/{sha256}.json"


def signature_key(release: ReleaseId) -> str:
    """Where the signature of a release is kept."""
    return f"{SIGNATURES_PREFIX}/{release}.json"


def build_key(service: str, source: Sha256) -> str:
    """Where the record of a service's build is kept, by what it was built from."""
    return f"{BUILDS_PREFIX}/{service}/{source}.json"


def package_key(service: str, package: Sha256) -> str:
    """Where a template packaged for any image digest is kept, by what it was packaged from."""
    return f"{PACKAGES_PREFIX}/{service}/{package}.json"
