"""Knows which resource types hold data that goes with them. Pure. A list that was chosen, type by type.

It begins with those for which cfn-lint asks for a DeletionPolicy (rule I3011) and those of which CloudFormation can
make a snapshot. Then those of which AWS's own page of the type says that it keeps what users put into it: secrets and
parameters that are written beside the stack, certificates and identities that others rely on. A nested stack counts,
since what is in it is not looked into. Not in it: what code can be deployed to again, such as functions and layers.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

from __future__ import annotations

from lockstep.model import ResourceChange

_BY_SERVICE = {
    "ACMPCA": ("CertificateAuthority",),
    "AmazonMQ": ("Broker",),
    "Backup": ("BackupVault", "LogicallyAirGappedBackupVault"),
    "Cassandra": ("Keyspace", "Table"),
    "CloudFormation": ("Stack",),
    "CodeCommit": ("Repository",),
    "Cognito": ("IdentityPool", "UserPool", "UserPoolUser"),
    "DAX": ("Cluster",),
    "DMS": ("ReplicationInstance",),
    "DSQL": ("Cluster",),
    "DocDB": ("DBCluster", "DBInstance"),
    "DocDBElastic": ("Cluster",),
    "DynamoDB": ("GlobalTable", "Table"),
    "EC2": ("Instance", "Volume"),
    "ECR": ("PublicRepository", "Repository"),
    "EFS": ("FileSystem",),
    "EMR": ("Cluster",),
    "ElastiCache": ("CacheCluster", "GlobalReplicationGroup", "ReplicationGroup", "ServerlessCache"),
    "Elasticsearch": ("Domain",),
    "Events": ("Archive",),
    "FSx": ("FileSystem", "Snapshot", "StorageVirtualMachine", "Volume"),
    "Glue": ("Database", "Table"),
    "HealthLake": ("FHIRDatastore",),
    "IoTAnalytics": ("Channel", "Dataset", "Datastore"),
    "IoTSiteWise": ("Asset",),
    "KMS": ("Key", "ReplicaKey"),
    "Kinesis": ("Stream",),
    "KinesisFirehose": ("DeliveryStream",),
    "KinesisVideo": ("Stream",),
    "Logs": ("LogGroup", "LogStream"),
    "MSK": ("Cluster", "ServerlessCluster"),
    "MemoryDB": ("Cluster",),
    "Neptune": ("DBCluster", "DBInstance"),
    "NeptuneGraph": ("Graph",),
    "OpenSearchServerless": ("Collection",),
    "OpenSearchService": ("Domain",),
    "Organizations": ("Account",),
    "QLDB": ("Ledger",),
    "RDS": ("DBCluster", "DBInstance", "GlobalCluster"),
    "Redshift": ("Cluster",),
    "RedshiftServerless": ("Namespace",),
    "Route53": ("HostedZone",),
    "S3": ("Bucket",),
    "S3Express": ("DirectoryBucket",),
    "S3Tables": ("Table", "TableBucket"),
    "S3Vectors": ("Index", "VectorBucket"),
    "SDB": ("Domain",),
    "SQS": ("Queue",),
    "SSM": ("Parameter",),
    "SecretsManager": ("Secret",),
    "Timestream": ("Database", "InfluxDBInstance", "Table"),
}
_TYPES = frozenset(f"AWS::{service}::{kind}" for service, kinds in _BY_SERVICE.items() for kind in kinds)
# A stack gives up what it replaces, whether or not a policy of the template keeps it beside the stack.
_GIVING_UP = frozenset({"may_replace", "remove", "replace"})
# SAM's own names for such types: a template that nobody translated has them.
_OF_SAM = frozenset({"AWS::Serverless::Application", "AWS::Serverless::SimpleTable"})

# A change set of a stack does not look into the stacks that are in it.
_NESTED = frozenset({"AWS::CloudFormation::Stack", "AWS::Serverless::Application"})


def is_stateful(kind: str) -> bool:
    """Does a resource of this type hold data, which goes with it?"""
    return kind in _TYPES | _OF_SAM


def gives_up_data(change: ResourceChange) -> bool:
    """Would a stack lose, or perhaps lose, a resource that holds data? Of a nested stack that changes nobody knows."""
    actions = _GIVING_UP | {"modify"} if change.kind in _NESTED else _GIVING_UP
    return change.action in actions and is_stateful(change.kind)
