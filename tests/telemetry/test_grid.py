from hypothesis import given
from hypothesis import strategies as st

from pecr_rollout.telemetry.grid import Grid

INTERVALS = st.integers(1, 7_200_000).map(lambda ms: ms / 1000)
TIMES = st.integers(0, 4_000_000_000_000).map(lambda ms: ms / 1000)


@given(INTERVALS, TIMES, st.floats(0, 60))
def test_the_ticks_around_a_time_lie_around_it(interval, at, phase):
    grid = Grid(interval, phase)
    assert grid.tick(grid.last(at)) <= at < grid.tick(grid.last(at) + 1)
    assert grid.tick(grid.first(at) - 1) < at <= grid.tick(grid.first(at))


@given(INTERVALS, TIMES)
def test_a_tick_is_its_own_first_and_last(interval, at):
    grid = Grid(interval)
    number = grid.last(at)
    assert grid.last(grid.tick(number)) == grid.first(grid.tick(number)) == number


def test_ticks_are_multiples_of_the_interval():
    assert list(Grid(30.0).between(2, 4)) == [60.0, 90.0, 120.0]
    assert list(Grid(1.5, phase=0.2).between(1, 2)) == [1.7, 3.2]
