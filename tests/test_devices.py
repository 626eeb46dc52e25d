"""How many threads an operation takes: one where parts of a batch are drawn side by side, else as set."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from pixelcnn.devices import one_thread_workers
from pixelcnn.sampling import sampler
from tests.toys import toy_config, wild_model

OWN = 3


@pytest.fixture
def several_threads():
    """Each thread that starts in the test has `OWN` threads for each operation."""
    before = torch.get_num_threads()
    torch.set_num_threads(OWN)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_each_worker_takes_one_thread_and_the_caller_keeps_its_own(several_threads, count):
    seen = []

    def work(_):
        seen.append((threading.get_ident(), torch.get_num_threads()))

    with one_thread_workers(count) as pool:
        list(pool.map(work, range(20)))
        assert torch.get_num_threads() == OWN
    assert {threads for _, threads in seen} == {1}
    assert threading.get_ident() not in dict(seen)
    assert torch.get_num_threads() == OWN


def test_a_failure_of_the_work_is_raised(several_threads):
    with pytest.raises(ZeroDivisionError), one_thread_workers(2) as pool:
        list(pool.map(lambda k: 1 / k, range(2)))
    assert torch.get_num_threads() == OWN


def test_draws_that_overlap_leave_every_thread_as_many_as_it_had(several_threads, monkeypatch):
    # The first caller begins, the second begins, the first ends, a third thread starts, the second ends.
    begun = {"first": threading.Event(), "second": threading.Event()}
    first_ended = threading.Event()
    model = wild_model(toy_config())
    inside, sweep = [], sampler.sweep

    def slow_sweep(*arguments):
        inside.append(torch.get_num_threads())
        if not begun["first"].is_set():
            begun["first"].set()
            assert begun["second"].wait(20)
        else:
            begun["second"].set()
            assert first_ended.wait(20)
        inside.append(torch.get_num_threads())
        return sweep(*arguments)

    monkeypatch.setattr(sampler, "sweep", slow_sweep)

    def draw():
        sampler.Sampler(model).generate(1, seed=0)
        return torch.get_num_threads()

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two, ThreadPoolExecutor(1) as three:
        first = one.submit(draw)
        assert begun["first"].wait(20)
        second = two.submit(draw)
        assert first.result() == OWN
        assert three.submit(torch.get_num_threads).result() == OWN
        first_ended.set()
        assert second.result() == OWN
        assert one.submit(torch.get_num_threads).result() == OWN
    assert inside == [1] * 4
    with ThreadPoolExecutor(1) as fresh:
        assert fresh.submit(torch.get_num_threads).result() == OWN
