"""The process: kopf handlers, settings, the reconcile step, metrics, notifications."""
