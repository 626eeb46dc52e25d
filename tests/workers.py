"""Processes that share work as those of `torchrun` do, forked from one that has imported all they need."""

import os
import pickle
from contextlib import suppress

import torch

from bench.page_server import free_port
from bench.training_faults import FORKS, PRELOAD
from pixelcnn.distributed import join

PATIENCE = 240  # seconds
# What the work imports, so that not every process does. A test run has one server of forks, so one preload.
FORKS.set_forkserver_preload([*PRELOAD, "tests.test_distributed"])


def _serve(rank, size, port, pipe, work, args, joined):
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "test",
    }
    torch.set_num_threads(1)
    try:
        if joined:
            with join() as world:
                result = work(world, *args)
        else:
            result = work(*args)
    except BaseException as error:
        result = error
    pipe.send_bytes(pickle.dumps(result))


def together(work, *args, size=2, joined=True):
    """What `work(world, *args)` returns, or raises, in each process; None of one that died.

    A whole command joins the others itself: with `joined=False`, `work(*args)`.
    """
    port = free_port()
    pipes, processes = [], []
    for rank in range(size):
        mine, theirs = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=_serve, args=(rank, size, port, theirs, work, args, joined))
        process.start()
        theirs.close()
        pipes.append(mine)
        processes.append(process)
    results = []
    try:
        for pipe in pipes:
            assert pipe.poll(PATIENCE), "a process hangs"
            result = None
            with suppress(EOFError):
                result = pickle.loads(pipe.recv_bytes())
            results.append(result)
    finally:
        for process in processes:
            process.kill() if len(results) < size else process.join()
    return results
