"""Buildspecs and the pipeline, carried out on this machine as CodeBuild and CodePipeline would."""
