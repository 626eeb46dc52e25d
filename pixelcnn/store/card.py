"""The model card of a folder of weights: what was recorded about them, and nothing that was not."""

from pathlib import Path
from typing import Any

from pixelcnn.density.model import PixelCNN
from pixelcnn.refusals import extra
from pixelcnn.store.folder import CURVES, LOG, SAMPLES, grids, run_of
from pixelcnn.store.history import paragraphs, plain
from pixelcnn.store.record import Record
from pixelcnn.store.sources import DATASETS, VAN_DEN_OORD_A, VAN_DEN_OORD_B

with extra("hub"):
    from huggingface_hub import EvalResult, ModelCardData

TASK = "unconditional-image-generation"

BINARIZATIONS = {
    "threshold": "binarized at 0.5: a grey of 128 or more of 255 is ink",
    "stochastic": "binarized stochastically: a pixel is ink with the probability of its grey",
    "none": "discretized",
}

# What `metrics.json` may hold: key, name on the card.
FIGURES = {
    "nats_per_image": "nats per image",
    "nats_per_image_given_class": "nats per image, given the class",
    "bits_per_dim": "bits per dim",
}


def model_card(model: PixelCNN, record: Record, repo_id: str, weights: Path) -> str:
    """The card, as Markdown with metadata.

    Args:
        model: whose card it is.
        record: what is known of it.
        repo_id: ns/name it is pushed to.
        weights: the folder of the weights; the curves and grids of their run are shown.
    """
    sections = [
        f"# {repo_id.partition('/')[2]}",
        _summary(model, record),
        f"![64 samples, not selected]({SAMPLES})\n\n"
        "64 samples of the model, `pixelcnn.generate(model, 64, seed=0)`: temperature 1, not selected.",
        _usage(model, repo_id),
        _results(record),
        _architecture(model),
        _training(model, record, weights),
        _data(model, record),
        _limitations(model, record),
        _citations(model, record),
    ]
    return f"---\n{_metadata(model, record, repo_id)}\n---\n\n" + "\n\n".join(sections) + "\n"


def _metadata(model: PixelCNN, record: Record, repo_id: str) -> str:
    facts = DATASETS.get(record.dataset or "")
    return ModelCardData(
        model_name=repo_id.partition("/")[2],
        license="mit",
        library_name="pixelcnn",
        pipeline_tag=TASK,
        datasets=[facts.hub_id] if facts and facts.hub_id else None,
        tags=["pixelcnn", "autoregressive", "density-estimation", model.config.architecture],
        eval_results=_eval_results(record) or None,
    ).to_yaml()


def _eval_results(record: Record) -> list[EvalResult]:
    m = record.metrics
    if m is None:
        return []
    facts = DATASETS.get(m["dataset"])
    return [
        EvalResult(
            task_type=TASK,
            dataset_type=(facts and facts.hub_id) or m["dataset"],
            dataset_name=f"{m['dataset']}, {m['levels']} levels, binarization {m['binarization']}",
            dataset_config=f"{m['binarization']}-levels-{m['levels']}",
            dataset_split=m["split"],
            dataset_args={key: m[key] for key in ("binarization", "levels", "images")},
            metric_type=key,
            metric_name=name,
            metric_value=m[key],
        )
        for key, name in FIGURES.items()
        if m.get(key) is not None
    ]


def _summary(model: PixelCNN, record: Record) -> str:
    c = model.config
    facts = DATASETS.get(record.dataset or "")
    unknown = record.dataset or "a dataset that was not recorded"
    of = f"{record.dataset}'s {facts.of}" if facts else unknown
    kind = {
        "gated": "gated PixelCNN ([van den Oord et al. 2016b](https://arxiv.org/abs/1606.05328))",
        "residual": "PixelCNN ([van den Oord et al. 2016a](https://arxiv.org/abs/1601.06759))",
    }[c.architecture]
    classes = (
        f" It is a mixture over {c.num_classes} classes, p(x) = mean over y of p(x | y), so that it samples"
        " with a class or without, and tells how probable each class is."
        if c.num_classes
        else ""
    )
    return (
        f"A {kind} of {c.height}x{c.width} images of {of}, {_levels(model, record)}. It gives the exact"
        f" probability of an image, draws new ones, and completes one from any row on.{classes}"
    )


def _levels(model: PixelCNN, record: Record) -> str:
    levels = model.config.levels
    how = BINARIZATIONS.get(record.binarization or "", "by a rule that was not recorded")
    return how if levels == 2 else f"discretized to {levels} greys"


def _usage(model: PixelCNN, repo_id: str) -> str:
    label = ", label=7" if model.num_classes > 7 else ""
    return f"""## How to use it

With the package `pixelcnn` of the project that trained it:

```python
import pixelcnn

model = pixelcnn.load("hf://{repo_id}")
samples = pixelcnn.generate(model, 16{label}, seed=0).levels
```

`revision=` takes a branch, a tag or a commit. The weights are safetensors; nothing is unpickled.

**Intended use**: teaching, and research on density models and on their sampling: drawing and
completing small images, measuring likelihoods, comparing samplers. It is not meant to read digits
for anything that matters, nor to produce or to check handwriting that someone relies on."""


def _results(record: Record) -> str:
    m = record.metrics
    if m is None:
        return "## Results\n\nThese weights were not evaluated on a test set."
    rows = [
        f"| {name} | {m[key]:.{4 if key == 'bits_per_dim' else 2}f} |"
        for key, name in FIGURES.items()
        if m.get(key) is not None
    ]
    given = m.get("nats_per_image_given_class") is not None
    return "\n".join(
        [
            "## Results",
            "",
            f"On {m['images']:,} images of {m['dataset']}'s {m['split']} split, {m['levels']} levels,"
            f" binarization {m['binarization']}, a single model{_not_as_fitted(record, m)}:",
            "",
            "| | |",
            "| --- | --- |",
            *rows,
            "",
            "Lower is better. Figures at another binarization or number of levels are of other data: they"
            " cannot be compared."
            + (
                " The first figure and the bits are those of the mixture, which does not know the class;"
                " the one given the class is not comparable with models that do not know it."
                if given
                else ""
            ),
        ]
    )


def _not_as_fitted(record: Record, metrics: dict[str, Any]) -> str:
    """Says so, if the figures were measured on other data than the model was fitted to."""
    fitted = (record.dataset, record.binarization)
    if not record.trained or fitted == (metrics["dataset"], metrics["binarization"]):
        return ""
    return f" that was fitted to {fitted[0]}, binarization {fitted[1]}"


def _architecture(model: PixelCNN) -> str:
    c = model.config
    parameters = sum(weight.numel() for weight in model.parameters())
    rows = "\n".join(f"| {name} | {plain(value)} |" for name, value in c.to_dict().items())
    return f"""## Architecture

{parameters:,} parameters in fp32.

| `config.json` | |
| --- | --- |
{rows}"""


def _training(model: PixelCNN, record: Record, weights: Path) -> str:
    parts = ["## Training", *(paragraphs(record.stages) or ["The settings were not recorded."])]
    key = "validation_nats_per_image"
    if record.losses:
        best = min(record.losses, key=lambda entry: entry[key])
        given = " given the class" if model.num_classes else ""
        last = record.trained[-1].settings if record.trained else None
        parts_alone = (last or {}).get("objective") == "any-part"
        what = "nats of an image's missing pixels" if parts_alone else "nats per image"
        parts.append(
            f"The lowest validation loss in `{LOG}` is {best[key]:.2f} {what}{given}, after epoch"
            f" {best['epoch']} of {record.losses[-1]['epoch']}."
        )
    run = run_of(weights)
    if (run / CURVES).is_file():
        parts.append(f"![Losses by epoch]({CURVES})")
    if pictures := grids(run):
        links = ", ".join(f"[{epoch}]({path.name})" for epoch, path in pictures.items())
        parts.append(f"Samples after epoch {links}.")
    return "\n\n".join(parts)


def _data(model: PixelCNN, record: Record) -> str:
    facts = DATASETS.get(record.dataset or "")
    if record.dataset is None:
        return "## Data\n\nThe data were not recorded."
    source = facts.source if facts else record.dataset
    return f"## Data\n\n{source}. The images are {_levels(model, record)}."


def _limitations(model: PixelCNN, record: Record) -> str:
    facts = DATASETS.get(record.dataset or "")
    unknown = record.dataset or "the images it was fitted to"
    what = f"{record.dataset}'s {facts.of}" if facts else unknown
    blind = (
        " Its masked convolutions have a blind spot: a pixel does not see all that is above it, to the right."
        if model.config.architecture == "residual"
        else ""
    )
    return (
        f"## Limitations\n\nThe model knows {what}, {model.config.height}x{model.config.width} pixels, and"
        " nothing else; it inherits whatever is one-sided about them. Some samples look like none of it."
        " A likelihood is not a judgement of quality: images unlike the data can have a high one."
        f"{blind}"
    )


def _citations(model: PixelCNN, record: Record) -> str:
    facts = DATASETS.get(record.dataset or "")
    papers = [VAN_DEN_OORD_B] if model.config.architecture == "gated" else []
    papers += [VAN_DEN_OORD_A, *([facts.citation] if facts else [])]
    entries = "\n\n".join(papers)
    return f"## Citation\n\n```bibtex\n{entries}\n```"
