"""What judging costs on one core: `python -m benchmarks.judge.cost`."""

from time import process_time

from pecr_rollout.judge import Counts, Evaluation, Kind, Question, Settings, SignalJudge, judge

SIGNALS, TICKS, HISTORY, REPEATS = 5, 60, 240, 20
SETTINGS = Settings(signals=SIGNALS)
QUESTIONS = [Question(f"signal_{index}", Kind.RELATIVE, 0.005) for index in range(SIGNALS)]
BEFORE = [Counts(13.0 + tick % 3, 1350.0) for tick in range(HISTORY)]
SEEN = [
    Evaluation(30.0 * (tick + 1), Counts(tick % 4, 150.0), Counts(13.0 + tick % 3, 1350.0))
    for tick in range(TICKS)
]


def add_all() -> list[float]:
    """Give the seconds that each evaluation took: added to five signals, verdicts included."""
    judges = [SignalJudge(question, SETTINGS, BEFORE) for question in QUESTIONS]
    times = []
    for evaluation in SEEN:
        start = process_time()
        for signal in judges:
            signal.add(evaluation)
            signal.verdict()
        times.append(process_time() - start)
    return times


def rebuild() -> float:
    """Give the seconds that a 30-minute run of five signals takes with its 2 h of history."""
    start = process_time()
    for question in QUESTIONS:
        judge(question, SETTINGS, BEFORE, SEEN)
    return process_time() - start


def main() -> None:
    """Print the best and the median of some repeats, in milliseconds of processor time."""
    adds = sorted(1000 * sum(times) / TICKS for times in (add_all() for _ in range(REPEATS)))
    rebuilds = sorted(1000 * rebuild() for _ in range(REPEATS))
    for name, times in (("add an evaluation", adds), ("rebuild 30 minutes", rebuilds)):
        print(f"{name}: best {times[0]:.2f} ms, median {times[REPEATS // 2]:.2f} ms")


if __name__ == "__main__":
    main()
