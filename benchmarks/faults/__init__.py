"""The fault campaign: whole runs of the operator while everything around it fails."""
