"""Phases, the transition table and `plan`: what to do next, as a function of what is observed."""
