"""How often the judge is wrong: simulated rollouts, judged by the real code and by rivals."""
