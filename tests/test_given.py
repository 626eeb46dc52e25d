"""Any part of an image may be given: masks, the conditioner, and importance weights."""

import copy

import pytest
import torch

from pixelcnn.density.given import rows_mask, rows_reached
from pixelcnn.density.model import PixelCNN
from pixelcnn.sampling.draft import Draft
from pixelcnn.sampling.draw import complete, digit_posterior
from pixelcnn.sampling.naive import draw_naive
from pixelcnn.sampling.sampler import Sampler
from tests.toys import (
    all_images,
    architectures,
    exactly,
    image_index,
    likelihoods,
    random_labels,
    random_levels,
    random_uniforms,
    toy_config,
    wild_model,
)

CONDITIONER = {"conditioner_dim": 4, "conditioner_dilations": (1, 2)}


def conditioned(likelihood="bernoulli", **fields):
    return toy_config(likelihood=likelihood, **({"num_classes": 3} | CONDITIONER | fields))


def random_masks(config, count, seed=0, share=0.5):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 1, config.height, config.width, generator=generator) < share


def make_draft(model, count=6, temperature=1.0, seed=0):
    """A draft of random masks; with the conditioner's features, if the model has one."""
    config = model.config
    levels, label = random_levels(config, count), random_labels(config, count)
    given = random_masks(config, count, seed)
    given[0] = False
    given[1, :, 1:] = False  # terms reach the first row only
    given[2] = rows_mask(2, config.height, config.width)[0]
    given[3, :, 2] = True  # a row without missing pixels below one with some
    features = None
    if model.conditioner is not None:
        features, _ = model.read_given(levels, given, False)
    return Draft(
        levels=levels,
        uniforms=random_uniforms(config, count),
        condition=model.condition(label, False, count),
        given=given,
        features=features,
        temperature=temperature,
    )


# The fast sampler and the naive one


@pytest.mark.parametrize("with_conditioner", [False, True])
@architectures
@likelihoods
@pytest.mark.parametrize(("num_classes", "in_channels"), [(0, 2), (3, 1)])
@pytest.mark.parametrize(("temperature", "seed"), [(1.0, 0), (0.5, 1), (0, 2)])
def test_masked_draws_are_the_naive_ones(
    architecture, likelihood, num_classes, in_channels, temperature, seed, with_conditioner
):
    if with_conditioner and architecture == "residual":
        pytest.skip("The residual architecture has no conditioner.")
    config = toy_config(
        architecture,
        likelihood,
        num_classes=num_classes,
        in_channels=in_channels,
        **(CONDITIONER if with_conditioner else {}),
    )
    model = wild_model(config)
    draft = make_draft(model, temperature=temperature, seed=seed)
    slow, slow_logits = draw_naive(model, draft)
    fast, logits, passes = Sampler(model).draw(draft)
    assert fast.equal(slow)
    torch.testing.assert_close(logits, slow_logits)
    assert fast.where(draft.given, 0).equal(draft.levels.where(draft.given, 0))
    # And rows without missing pixels take no pass.
    one = draft.part(torch.tensor([3]))
    assert Sampler(model).draw(one).passes[2] == 0
    assert sum(passes)


def test_the_conditioner_changes_what_is_drawn_before_given_pixels_and_nothing_after_them():
    model = wild_model(conditioned())
    draft = make_draft(model)
    plain = Draft(**{**vars(draft), "features": None})
    steered, raster = draw_naive(model, draft)[1], draw_naive(model, plain)[1]
    reached = rows_reached(draft.given)
    assert reached.tolist()[:3] == [0, 1, 2]
    assert steered[0].equal(raster[0])  # nothing is given
    assert steered[2].equal(raster[2])  # the first rows are given, whole
    assert not steered[4].equal(raster[4])


def test_terms_of_zero_leave_the_raster_model():
    model = PixelCNN(conditioned()).double().eval()  # the maps of a new conditioner are zero
    draft = make_draft(model)
    plain = Draft(**{**vars(draft), "features": None})
    assert draw_naive(model, draft)[1].equal(draw_naive(model, plain)[1])


def test_what_is_not_given_does_not_matter():
    model = wild_model(conditioned())
    levels, given = random_levels(model.config, 6), random_masks(model.config, 6)
    other = torch.where(given, levels, 1 - levels)
    a, b = (complete(model, each, given=given, seed=0) for each in (levels, other))
    assert a.levels.equal(b.levels)
    assert a.posterior.equal(b.posterior)
    assert not levels.equal(other)


# First rows


@architectures
def test_a_mask_of_first_rows_is_rows_bit_for_bit(architecture):
    fields = CONDITIONER if architecture == "gated" else {}
    config = toy_config(architecture, num_classes=3, **fields)
    model = wild_model(config)
    levels = random_levels(config, 3)
    for rows in range(config.height + 1):
        given = rows_mask(rows, config.height, config.width)
        a = complete(model, levels, rows=rows, count=2, seed=1)
        b = complete(model, levels, given=given, count=2, seed=1)
        for name in ("levels", "label", "log_prob", "entropy", "expected", "posterior"):
            assert getattr(a, name).equal(getattr(b, name)), name
        log_prob = model.log_prob(levels, given=given)
        assert log_prob.equal(model.log_prob(levels).masked_fill(given, 0))


def test_each_image_of_a_batch_may_have_another_mask():
    model = wild_model(conditioned())
    levels, given = random_levels(model.config, 4), random_masks(model.config, 4)
    for image, rows in ((0, 1), (2, 3)):
        given[image] = rows_mask(rows, 4, 5)[0]
    together = digit_posterior(model, levels, given=given), model.log_prob(levels, given=given)
    for k in range(4):
        one = levels[k : k + 1], given[k : k + 1]
        alone = digit_posterior(model, one[0], given=one[1]), model.log_prob(one[0], given=one[1])
        for each, all_of in zip(alone, together, strict=True):
            torch.testing.assert_close(each[0], all_of[k])
    # Without a conditioner, too, where all have first rows.
    plain = wild_model(toy_config(num_classes=3))
    given = torch.cat([rows_mask(rows, 4, 5) for rows in (0, 1, 3, 4)])
    posterior = digit_posterior(plain, levels, given=given)
    for k, rows in enumerate((0, 1, 3, 4)):
        torch.testing.assert_close(
            posterior[k], digit_posterior(plain, levels[k : k + 1], rows=rows)[0]
        )


def test_a_conditioner_changes_no_density_of_whole_images_and_no_completion_of_first_rows():
    plain = wild_model(toy_config(num_classes=3))
    model = PixelCNN(conditioned()).double().eval()
    model.load_state_dict(
        plain.state_dict()
        | {name: value + 1 for name, value in model.state_dict().items() if "conditioner" in name}
    )
    levels = random_levels(model.config, 4)
    assert model.log_prob(levels).equal(plain.log_prob(levels))
    for rows in (0, 2, 4):
        a, b = (complete(each, levels, rows=rows, count=3, seed=2) for each in (model, plain))
        assert a.levels.equal(b.levels)
        assert a.log_prob.equal(b.log_prob)


# Densities


@pytest.mark.parametrize("in_channels", [1, 2])
@pytest.mark.parametrize("num_classes", [0, 3])
def test_the_missing_pixels_have_a_density(num_classes, in_channels):
    config = conditioned(num_classes=num_classes, in_channels=in_channels, height=3, width=2)
    model, given = wild_model(config), CORNERS[..., :2]
    images = fitting(config, random_levels(config, 1), given)
    for label in (None, 1) if num_classes else (None,):
        log_prob = model.log_prob(images, label, given=given)
        assert log_prob.masked_select(given.expand_as(log_prob)).eq(0).all()
        total = log_prob.sum((1, 2, 3)).exp().sum()
        torch.testing.assert_close(total, torch.ones_like(total))


@likelihoods
def test_samples_say_the_log_prob_that_the_model_says(likelihood):
    model = wild_model(conditioned(likelihood))
    levels, given = random_levels(model.config, 5), random_masks(model.config, 5)
    samples = complete(model, levels, given=given, count=2, seed=3)
    twice = given.repeat_interleave(2, 0)
    log_prob = model.log_prob(samples.levels, samples.label, given=twice)
    torch.testing.assert_close(samples.log_prob, log_prob)
    known = samples.levels / (model.config.levels - 1)
    assert samples.expected.masked_select(twice).equal(known.masked_select(twice))


def test_the_posterior_of_a_mask_is_what_the_head_says():
    model = wild_model(conditioned())
    levels, given = random_levels(model.config, 5), random_masks(model.config, 5)
    posterior = digit_posterior(model, levels, given=given)
    assert posterior.equal(model.read_given(levels, given, False)[1].softmax(-1))
    drawn = complete(model, levels, given=given, count=4000, seed=0)
    counts = torch.nn.functional.one_hot(drawn.label.view(5, -1), 3).double().mean(1)
    torch.testing.assert_close(counts, posterior, atol=0.03, rtol=0)
    assert not posterior[0].equal(posterior[1])


CORNERS = torch.tensor([[False, True, False], [True, False, False], [False, False, True]])[
    None, None
]


def fitting(config, levels, given):
    """All images that have the given pixels."""
    images = all_images(config)
    return images[((images == levels) | ~given).flatten(1).all(1)]


# Importance weights, against sums over all images


@pytest.fixture(scope="module")
def small():
    """A model of 3x3 images, one of them, the images with its given part, and their joint density with y."""
    config = conditioned(height=3, width=3)
    model, levels = copy.deepcopy(wild_model(config)), random_levels(config, 1)
    conditioner = model.conditioner  # as wild as the rest its q would miss most of p
    for linear in (*conditioner.vertical, *conditioner.horizontal, conditioner.head[0]):
        linear.weight.data.mul_(2e-4)
    images = fitting(config, levels, CORNERS)
    with torch.no_grad():
        joint = model.class_log_prob(images).sum((2, 3, 4)).exp() / 3
    return model, levels, images, joint


@pytest.mark.parametrize("label", [None, 2])
def test_the_mean_weight_estimates_the_probability_of_what_is_given(small, label):
    model, levels, _, joint = small
    settings = {"given": CORNERS, "label": label, "candidates": 20_000, "seed": 0}
    importance = complete(model, levels, **settings).importance
    weights = importance.log_weights.exp()
    exact = joint.sum() if label is None else 3 * joint[:, label].sum()
    error = weights.std() / weights.numel() ** 0.5
    assert (weights.mean() - exact).abs() < 3 * error
    assert error < 0.1 * exact
    torch.testing.assert_close(importance.log_prob_given.exp()[0], weights.mean())
    if label is None:
        posterior = joint.sum(0) / joint.sum()
        torch.testing.assert_close(importance.class_posterior(3)[0], posterior, atol=0.05, rtol=0)


def test_resampling_comes_nearer_to_the_exact_conditional_as_candidates_grow(small):
    model, levels, images, joint = small
    exact, place, runs = joint.sum(1) / joint.sum(), image_index(images, 2), 6_000
    distances = []
    for candidates in (1, 4, 64):
        many = levels.expand(runs, -1, -1, -1)
        settings = {"given": CORNERS, "candidates": candidates, "seed": candidates}
        drawn = image_index(complete(model, many, **settings).levels, 2)
        shares = torch.bincount(torch.searchsorted(place, drawn), minlength=len(images)) / runs
        distances.append(float((shares - exact).abs().sum()) / 2)
    assert distances[0] > distances[1] > distances[2]
    assert distances[0] > 3 * distances[2]
    noise = (exact * (1 - exact) / runs).sqrt().sum() / 2  # of as many exact draws
    assert distances[2] < 2 * noise


def test_weights_are_equal_where_the_model_is_exact():
    model = wild_model(conditioned())
    levels = random_levels(model.config, 2)
    importance = complete(model, levels, rows=2, candidates=8, seed=0).importance
    torch.testing.assert_close(
        importance.effective_sample_size, torch.full((2,), 8.0, dtype=torch.float64)
    )
    exact = model.log_prob(levels)[:, :, :2].sum((1, 2, 3))
    torch.testing.assert_close(importance.log_prob_given, exact)


def test_the_effective_sample_size_counts_candidates():
    model = wild_model(conditioned())
    levels, given = random_levels(model.config, 4), random_masks(model.config, 4)
    samples = complete(model, levels, given=given, count=3, candidates=16, seed=0)
    w = samples.importance.log_weights.exp()
    expected = w.sum(1).square() / w.square().sum(1)
    torch.testing.assert_close(samples.importance.effective_sample_size, expected)
    assert expected.min() >= 1
    assert expected.max() < 15
    assert samples.levels.shape[0] == samples.label.shape[0] == 12


def test_a_seed_draws_the_same_candidates():
    model = wild_model(conditioned())
    levels, given = random_levels(model.config, 4), random_masks(model.config, 4)
    a, b, c = (
        complete(model, levels, given=given, count=3, candidates=16, seed=seed)
        for seed in (0, 0, 1)
    )
    assert a.levels.equal(b.levels)
    assert not a.levels.equal(c.levels)


# What is refused

SHAPE = "given must have shape (2, 1, 4, 5), or broadcast to it"
TYPE = "given must be a tensor of bool, true where a pixel is given"


def test_where_no_pixel_is_missing_the_image_comes_back():
    model = wild_model(conditioned())
    levels, given = random_levels(model.config, 2), torch.ones(1, 1, 4, 5, dtype=torch.bool)
    samples = complete(model, levels, given=given, count=2, seed=0)
    assert samples.levels.equal(levels.repeat_interleave(2, 0))
    assert samples.log_prob.eq(0).all()
    assert model.log_prob(levels, given=given).eq(0).all()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (torch.ones(1, 1, 4, 4) > 0, f"{SHAPE}, got (1, 1, 4, 4)."),
        (torch.ones(3, 1, 4, 5) > 0, f"{SHAPE}, got (3, 1, 4, 5)."),
        (torch.ones(2, 1, 4, 5), f"{TYPE}, got torch.float32."),
        ([[True]], f"{TYPE}, got list."),
    ],
)
def test_masks_of_another_shape_or_type_are_refused(given, sentence):
    model = wild_model(conditioned())
    levels = random_levels(model.config, 2)
    for ask in (
        lambda: complete(model, levels, given=given),
        lambda: digit_posterior(model, levels, given=given),
        lambda: model.log_prob(levels, given=given),
    ):
        with pytest.raises(ValueError, match=exactly(sentence)):
            ask()


@architectures
def test_a_mask_needs_a_conditioner(architecture):
    model = wild_model(toy_config(architecture, num_classes=3))
    levels, given = random_levels(model.config, 2), random_masks(model.config, 2)
    sentence = exactly(
        "This model has no conditioner, so only its first rows may be given: weights/binary and"
        " weights/gray have one, and train.py --preset any-part adds one to a gated model."
    )
    for ask in (
        lambda: complete(model, levels, given=given),
        lambda: digit_posterior(model, levels, given=given),
        lambda: model.log_prob(levels, given=given),
    ):
        with pytest.raises(ValueError, match=sentence):
            ask()


def test_what_is_given_is_said_once():
    model = wild_model(conditioned())
    levels, given = random_levels(model.config, 2), random_masks(model.config, 2)
    for arguments, got in (({}, "neither"), ({"rows": 1, "given": given}, "both")):
        sentence = exactly(f"Say what is given by rows or by a mask, given: got {got}.")
        with pytest.raises(ValueError, match=sentence):
            complete(model, levels, **arguments)
        with pytest.raises(ValueError, match=sentence):
            digit_posterior(model, levels, **arguments)


def test_candidates_are_as_many_as_are_chosen_and_at_temperature_1():
    model = wild_model(conditioned())
    levels, given = random_levels(model.config, 1), random_masks(model.config, 1)
    with pytest.raises(ValueError, match="candidates must be a whole number of at least 4"):
        complete(model, levels, given=given, count=4, candidates=3)
    with pytest.raises(ValueError, match=r"Candidates are weighted at temperature 1, got 0\.5"):
        complete(model, levels, given=given, candidates=3, temperature=0.5)
