"""The folder of a run: weights, losses, samples and the history, written as the loop goes on."""

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from pixelcnn.files import write_whole
from pixelcnn.store.folder import (
    BEST,
    CHECKPOINT,
    CONFIG,
    CURVES,
    LAST,
    LOG,
    STEPS,
    TRAINING,
    grid_name,
    save,
    sha256,
)
from pixelcnn.store.grid import sample_grid
from pixelcnn.store.stages import (
    Origin,
    Result,
    Stage,
    Stages,
    stages_before,
    write_stages,
)
from pixelcnn.training.any_part import Digits, draw_digits
from pixelcnn.training.checkpoint import load_checkpoint, pack, save_checkpoint, unpack
from pixelcnn.training.curves import save_loss_curves
from pixelcnn.training.run import Run, restore

DIGITS = "digits.pt"  # drawn from the model, for a run of objective any-part

OF_A_RUN = (CHECKPOINT, TRAINING, LOG, BEST, LAST, CONFIG)


@dataclass(frozen=True)
class RunFolder:
    """Where the files of a run go."""

    path: Path
    before: Stages = ()  # what made the weights that the run began with
    origin: Origin | None = None  # those weights; None: random ones

    @classmethod
    def new(cls, path: Path, init: Path | None = None) -> "RunFolder":
        """A folder for a run that begins, with the weights in `init` or with random ones.

        Raises:
            ValueError, OSError: in one sentence, if the folder holds a run or a model already.
        """
        held = [name for name in OF_A_RUN if (path / name).exists()]
        if held:
            go_on = f", or --resume {path} to go on with it" if CHECKPOINT in held else ""
            raise ValueError(f"{path} holds another run ({held[0]}): give another --out{go_on}.")
        before, origin = stages_before(init) if init else ((), None)
        return cls(path, before, origin)

    def make(self) -> None:
        """Make the folder on the disk, if it is not there.

        Raises:
            OSError: in one sentence, if it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                f"{self.path} cannot be made ({error.strerror}): give another --out."
            ) from error

    @classmethod
    def resume(cls, path: Path, device: torch.device) -> tuple["RunFolder", Run]:
        """A folder and its run, as they were saved.

        Raises:
            ValueError, OSError: in one sentence, if there is no checkpoint, or it is damaged or of another
                version, or the folder cannot be written.
        """
        state = load_checkpoint(path / CHECKPOINT, device)
        try:
            before = tuple(Stage.from_dict(stage) for stage in state.get("stages_before", []))
            origin = state.get("origin")
            folder = cls(path, before, Origin(**origin) if origin else None)
            run = restore(state, device)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{path / CHECKPOINT} is no run that can go on here: {error}. Resume it with the version that"
                f" wrote it, or begin a new run with --init {path}."
            ) from error
        return folder, run

    def save(self, run: Run) -> None:
        """Write the checkpoint, and what there is to see of a run that is within an epoch."""
        if run.step:
            save(run.evaluated, self.path / LAST)
            write_stages((*self.before, self._stage(run, last_epoch=None)), self.path)
            self._write_losses(run)
        self._write_checkpoint(run)

    def _write_checkpoint(self, run: Run) -> None:
        origins = {
            "stages_before": [_plain(asdict(stage)) for stage in self.before],
            "origin": asdict(self.origin) if self.origin else None,
        }
        save_checkpoint(run.state() | origins, self.path / CHECKPOINT)

    def after_epoch(self, run: Run) -> None:
        """Keep the last weights, and the best ones; then what is said and shown of them."""
        model, epoch = run.evaluated.eval(), run.history[-1]["epoch"]
        save(model, self.path / LAST)
        if run.best_epoch == epoch:
            save(model, self.path / BEST)
        write_stages((*self.before, self._stage(run, last_epoch=epoch)), self.path)
        if epoch in (*run.config.sample_epochs, run.config.epochs):
            picture = io.BytesIO()
            sample_grid(model, run.config.seed).save(picture, "PNG")
            write_whole(self.path / grid_name(epoch), picture.getvalue())
        self._write_losses(run)
        self._write_checkpoint(run)  # last: what is killed before goes through all of this again

    def digits(self, run: Run) -> Digits | None:
        """The digits of the model that the run trains on, drawn once and kept; None if it needs none."""
        count = run.config.model_digits
        if not count or run.config.objective != "any-part":
            return None
        path = self.path / DIGITS
        if not path.is_file():
            drawn = draw_digits(run.model.eval(), count, run.config.freehand, run.config.seed)
            write_whole(path, pack(vars(drawn)))
        return Digits(**unpack(path.read_bytes(), run.model.device))

    def _stage(self, run: Run, *, last_epoch: int | None) -> Stage:
        """This run as it stands; the last weights are of no epoch where they were saved within one."""
        nats = {entry["epoch"]: entry["validation_nats_per_image"] for entry in run.history}
        epochs = {BEST: run.best_epoch} if run.history else {}
        results = {
            epoch: Result(
                sha256=sha256(self.path / name),
                epoch=epoch,
                validation_nats_per_image=None if epoch is None else nats[epoch],
            )
            for name, epoch in (epochs | {LAST: last_epoch}).items()
        }
        return Stage(
            origins=(self.origin,) if self.origin else (),
            settings=run.config.to_dict(),
            model=run.model.config.to_dict(),
            epochs=len(run.history),
            results=tuple(results.values()),
        )

    def _write_losses(self, run: Run) -> None:
        """Write and draw the losses, of epochs and within them: all anew, so that none is there twice."""
        if run.history:
            lines = "".join(json.dumps(entry) + "\n" for entry in run.history)
            write_whole(self.path / LOG, lines.encode())
        if run.losses:
            rows = "".join(f"{step},{nats}\n" for step, nats in run.losses)
            write_whole(self.path / STEPS, f"step,train_nats_per_image\n{rows}".encode())
        if run.history or run.losses:
            save_loss_curves(run.history, run.losses, self.path / CURVES)


def _plain(value: Any) -> Any:
    """Lists for tuples, as a checkpoint holds them."""
    return json.loads(json.dumps(value))
