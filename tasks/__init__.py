"""The steps: each with its retries, its checkpoint and one call of the domain."""
