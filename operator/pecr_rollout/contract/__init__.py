"""The contract as data: flags, signals, fallback order. Nothing else knows a flag's name.

Standard library only, so that the guard runs from a bare checkout.
"""
