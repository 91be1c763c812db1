"""Answers of Prometheus, read into the counters of pods by time."""

from collections import defaultdict
from collections.abc import Iterable

from pecr_rollout.telemetry.client import Sample, Series
from pecr_rollout.telemetry.counters import Frame, Labels, Reading
from pecr_rollout.telemetry.server import PrometheusServer

Frames = dict[int, Frame]
"""Frames by time, in milliseconds since the epoch."""


def read_instant(server: PrometheusServer, at: int, samples: Iterable[Sample]) -> Frames:
    """Read an answer for one time."""
    labels = Labels(server)
    frame: Frame = defaultdict(Reading)
    for sample in samples:
        counter = labels.counter(sample.labels)
        if counter is not None:
            frame[labels.pod(sample.labels)].put(counter, sample.value)
    return {at: frame}


def read_range(server: PrometheusServer, series: Iterable[Series]) -> Frames:
    """Read an answer for several times."""
    labels = Labels(server)
    frames: Frames = defaultdict(lambda: defaultdict(Reading))
    for one in series:
        counter = labels.counter(one.labels)
        if counter is None:
            continue
        pod = labels.pod(one.labels)
        for at, value in one.points:
            frames[round(at * 1000)][pod].put(counter, value)
    return frames
