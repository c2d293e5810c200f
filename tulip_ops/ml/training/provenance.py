"""Describes for the card of a model what it was trained on, and how."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path

import keras

from tulip_ops import simulate
from tulip_ops.ml.datasets.training_sets import Options
from tulip_ops.ml.inference.model_registry import Training
from tulip_ops.ml.training.trainer import LOG, TrainingJob


def describe(job: TrainingJob, options: Options, described: str, folder: Path) -> Training:
    """Data, licence and settings of a finished training, for the card.

    described: the training data in words. folder: has the log of the epochs.
    """
    settings = asdict(job.schedule)
    del settings["data"]
    only_simulated = options.kinds == ("simulated",)
    with (folder / LOG).open(newline="") as file:
        epochs = list(csv.DictReader(file))
    seconds = sum(float(epoch["seconds"]) for epoch in epochs)
    computed = sorted({epoch["on"] for epoch in epochs})
    plan = ", ".join(f"{s.epochs} x {s.batch} of {s.chip} px" for s in job.schedule.stages)
    return Training(
        data=f"{described} (simulator {simulate.VERSION})" if only_simulated else described,
        licence="Apache-2.0, as the simulator that made the data"
        if only_simulated
        else "that of the data which it learned from",
        settings={
            **{name: value for name, value in settings.items() if name != "bands"},
            "stages": f"epochs x batch: {plan}",
            "optimizer": "AdamW, weight decay 1e-4, clipnorm 1, warm-up and cosine",
            "keras": keras.__version__,
            "on": "; ".join(computed),
            "minutes": round(seconds / 60, 1),
        },
        simulated=only_simulated,
    )
