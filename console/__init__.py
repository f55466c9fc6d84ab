"""The operators' command line. It knows the REST API and nothing else."""
