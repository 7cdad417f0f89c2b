from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from halfgig.store.ids import Numbers, is_id, new_id


def test_ids_of_one_millisecond_have_the_order_of_their_making() -> None:
    made = [new_id(1_000.0) for _ in range(1_000)]
    assert made == sorted(set(made))
    assert all(map(is_id, made))


@given(st.integers(2**40, 2**41), st.integers(2, 2**30))
def test_a_later_millisecond_has_the_greater_number_and_an_earlier_one_the_lesser(now: int, apart: int) -> None:
    numbers = Numbers()
    first, later, earlier = numbers.take(now), numbers.take(now + apart), numbers.take(now - apart)
    assert earlier < first < later
    assert [number >> 80 for number in (first, later, earlier)] == [now, now + apart, now - apart]


def test_threads_never_get_the_same_number() -> None:
    numbers = Numbers()
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: numbers.take(5), range(2_000)))
    assert len(set(taken)) == len(taken)
