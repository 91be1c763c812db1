"""`pecr-rollout lint`: everything that preflight can know offline, with file and line."""
