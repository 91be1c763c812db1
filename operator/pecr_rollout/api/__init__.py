"""ControllerRollout as pydantic models; the CRD is generated from them."""
