"""The fast sampler against the naive one, and both against exact probabilities."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pixelcnn.density.model import PixelCNN
from pixelcnn.sampling import sweep
from pixelcnn.sampling.draft import Draft
from pixelcnn.sampling.draw import complete, digit_posterior, generate
from pixelcnn.sampling.naive import draw_naive
from pixelcnn.sampling.sampler import Sampler
from tests.toys import (
    all_images,
    architectures,
    channels,
    classes,
    exactly,
    given_rows,
    image_index,
    likelihoods,
    random_labels,
    random_levels,
    random_uniforms,
    toy_config,
    wild_model,
)

SETUPS = list(
    itertools.product(["gated", "residual"], ["bernoulli", "categorical"], [0, 3], [1, 2])
)
setups = pytest.mark.parametrize(
    ("architecture", "likelihood", "num_classes", "in_channels"),
    SETUPS,
    ids=["-".join(map(str, setup)) for setup in SETUPS],
)


def setup_config(architecture, likelihood, num_classes, in_channels):
    return toy_config(architecture, likelihood, num_classes=num_classes, in_channels=in_channels)


# Fast and naive


@setups
@pytest.mark.parametrize(("rows", "temperature"), [(0, 1.0), (1, 0), (2, 0.5), (3, 1.5)])
def test_fast_draw_equals_naive_draw(
    architecture, likelihood, num_classes, in_channels, rows, temperature
):
    config = setup_config(architecture, likelihood, num_classes, in_channels)
    count = 5
    model, label = wild_model(config), random_labels(config, count)
    levels, uniforms = random_levels(config, count), random_uniforms(config, count)
    slow, slow_logits = draw_naive(
        model,
        Draft(
            levels=levels,
            uniforms=uniforms,
            condition=label,
            given=given_rows(config, rows),
            temperature=temperature,
        ),
    )
    fast, logits, passes = Sampler(model).draw(
        Draft(
            levels=levels,
            uniforms=uniforms,
            condition=label,
            given=given_rows(config, rows),
            temperature=temperature,
        )
    )
    assert fast.equal(slow)
    assert fast[:, :, :rows].equal(levels[:, :, :rows])
    torch.testing.assert_close(logits, slow_logits)
    drawn = config.height - rows
    assert len(passes) == config.height
    assert not any(passes[:rows])
    assert drawn <= sum(passes) <= (config.width + 1) * drawn
    assert sum(passes) > drawn  # a row that always settles at once would prove little


@setups
@pytest.mark.parametrize(("rows", "until"), [(0, 1), (0, 3), (2, 3), (0, 4), (4, 4)])
def test_rows_above_the_first_ink_are_drawn_as_naively(
    architecture, likelihood, num_classes, in_channels, rows, until
):
    config = setup_config(architecture, likelihood, num_classes, in_channels)
    model, label = wild_model(config), random_labels(config, 20)
    levels, uniforms = torch.zeros_like(random_levels(config, 20)), random_uniforms(config, 20)
    uniforms[:, :, :until] = 0  # draws level 0 always
    slow, slow_logits = draw_naive(
        model,
        Draft(levels=levels, uniforms=uniforms, condition=label, given=given_rows(config, rows)),
    )
    fast, logits, _ = Sampler(model).draw(
        Draft(levels=levels, uniforms=uniforms, condition=label, given=given_rows(config, rows))
    )
    assert not slow[:, :, :until].any()
    assert fast.equal(slow)
    torch.testing.assert_close(logits, slow_logits)


@setups
def test_naive_draw_is_the_inverse_cdf_under_its_own_logits(
    architecture, likelihood, num_classes, in_channels
):
    # Ancestral sampling, stated for the whole image at once: one dense pass over what was drawn.
    config = setup_config(architecture, likelihood, num_classes, in_channels)
    model, label = wild_model(config), random_labels(config, 5)
    uniforms = random_uniforms(config, 5)
    drawn, logits = draw_naive(
        model, Draft(levels=random_levels(config, 5), uniforms=uniforms, condition=label)
    )
    dense = model(drawn, label)
    torch.testing.assert_close(logits, dense)
    assert model.likelihood.draw(dense, uniforms).equal(drawn)


@architectures
@likelihoods
@pytest.mark.parametrize("count", [1, 3, 16])
def test_size_of_the_batch_does_not_matter(architecture, likelihood, count):
    config = toy_config(architecture, likelihood, num_classes=3)
    model, label, uniforms = (
        wild_model(config),
        random_labels(config, 16),
        random_uniforms(config, 16),
    )
    blank = torch.zeros(uniforms.shape, dtype=torch.long)
    whole, _, _ = Sampler(model).draw(Draft(levels=blank, uniforms=uniforms, condition=label))
    for k in range(0, 16, count):
        part, _, _ = Sampler(model).draw(
            Draft(
                levels=blank[k : k + count],
                uniforms=uniforms[k : k + count],
                condition=label[k : k + count],
            )
        )
        assert part.equal(whole[k : k + count])
    naive, _ = draw_naive(model, Draft(levels=blank, uniforms=uniforms, condition=label))
    assert whole.equal(naive)


@architectures
@likelihoods
def test_single_row_column_and_pixel_can_be_drawn(architecture, likelihood):
    for height, width in [(1, 5), (4, 1), (1, 1)]:
        config = toy_config(architecture, likelihood, height=height, width=width)
        model, uniforms = wild_model(config), random_uniforms(config, 5)
        blank = torch.zeros(uniforms.shape, dtype=torch.long)
        fast, logits, _ = Sampler(model).draw(
            Draft(levels=blank, uniforms=uniforms, condition=None)
        )
        slow, slow_logits = draw_naive(
            model, Draft(levels=blank, uniforms=uniforms, condition=None)
        )
        assert fast.equal(slow)
        torch.testing.assert_close(logits, slow_logits)


class StubRows:
    """Stands in for a network by rows: the logits are a function of the guess alone."""

    def __init__(self, logits):
        self.logits = logits

    def prepare_row(self):
        pass

    def row(self, x, part=None):
        return self.logits(x)

    def push(self, x):
        pass


def draw_with(monkeypatch, logits):
    """Draw one blank image with these logits and uniforms of a half."""
    model = wild_model(toy_config())
    monkeypatch.setattr(sweep, "start_rows", lambda *_: StubRows(logits))
    blank = torch.zeros(1, 1, 4, 5, dtype=torch.long)
    uniforms = torch.full(blank.shape, 0.5, dtype=torch.float64)
    return Sampler(model).draw(Draft(levels=blank, uniforms=uniforms, condition=None))


def test_row_that_unravels_from_the_left_takes_every_pass(monkeypatch):
    def opposite_of_the_left(x):
        return -100 * F.pad(x[:-1], (0, 0, 0, 0, 1, 0), value=-1.0)

    levels, _, passes = draw_with(monkeypatch, opposite_of_the_left)
    assert levels[0, 0].tolist() == [[1, 0, 1, 0, 1]] * 4
    # The first row: each pass sets one pixel right for good, the last confirms. The other rows are
    # guessed as the row above, which is right.
    assert passes == [6, 1, 1, 1]


def test_row_settles_although_rounding_differs_from_pass_to_pass(monkeypatch):
    # As converged images leave the batch, its size changes, with it the order of the sums, and with that
    # the last bits of the logits: a draw whose uniform lies on a boundary may then turn.
    rounding = itertools.cycle([1e-12, -1e-12])
    _, _, passes = draw_with(monkeypatch, lambda x: torch.full_like(x, next(rounding)))
    assert sum(passes) <= 4 * 6


def boundary_distance(model, logits, uniforms):
    """From each uniform to the nearest boundary of its CDF. Shape (B, C, H, W)."""
    cdf = model.likelihood.cdf(logits)
    return (cdf - uniforms.unsqueeze(-1)).abs().amin(-1)


def assert_same_by_the_documented_rule(model, fast, slow, slow_logits, uniforms):
    """Equal, but where a uniform lies within 1e-5 of a boundary and after that in the same image."""
    near = boundary_distance(model, slow_logits, uniforms) < 1e-5
    for image in range(len(fast)):
        differ = (fast[image] != slow[image]).any(0).flatten().nonzero().flatten()
        if len(differ):
            i, j = divmod(int(differ[0]), fast.shape[-1])
            wrong = fast[image, :, i, j] != slow[image, :, i, j]
            assert near[image, :, i, j][wrong].all(), (image, i, j)


@setups
def test_float32_draws_are_the_same_but_near_a_boundary(
    architecture, likelihood, num_classes, in_channels
):
    config = setup_config(architecture, likelihood, num_classes, in_channels)
    model, label = wild_model(config, dtype=torch.float32), random_labels(config, 40)
    blank = torch.zeros(random_levels(config, 40).shape, dtype=torch.long)
    uniforms = random_uniforms(config, 40).float()
    fast, _, _ = Sampler(model).draw(Draft(levels=blank, uniforms=uniforms, condition=label))
    slow, slow_logits = draw_naive(model, Draft(levels=blank, uniforms=uniforms, condition=label))
    assert (boundary_distance(model, slow_logits, uniforms) > 1e-5).float().mean() > 0.99
    assert_same_by_the_documented_rule(model, fast, slow, slow_logits, uniforms)


@architectures
@likelihoods
def test_uniforms_on_a_boundary_differ_by_the_documented_rule_at_most(architecture, likelihood):
    config = toy_config(architecture, likelihood, in_channels=2)
    model, uniforms = wild_model(config, dtype=torch.float32), random_uniforms(config, 10).float()
    blank = torch.zeros(uniforms.shape, dtype=torch.long)
    _, slow_logits = draw_naive(model, Draft(levels=blank, uniforms=uniforms, condition=None))
    for image in range(10):
        i, j = divmod(2 * image, 5)
        uniforms[image, 0, i, j] = model.likelihood.cdf(slow_logits[image, 0, i, j])[0]
    slow, slow_logits = draw_naive(model, Draft(levels=blank, uniforms=uniforms, condition=None))
    near = boundary_distance(model, slow_logits, uniforms) < 1e-5
    assert near.flatten(1).any(1).all()
    # One at a time, as the size of the batch takes part in the rounding.
    fast = [
        Sampler(model).draw(Draft(levels=blank[:1], uniforms=u[None], condition=None))[0]
        for u in uniforms
    ]
    assert_same_by_the_documented_rule(model, torch.cat(fast), slow, slow_logits, uniforms)


# What the samples tell


@setups
@pytest.mark.parametrize(("rows", "temperature"), [(0, 1.0), (2, 0.5)])
def test_samples_tell_what_the_dense_model_says(
    architecture, likelihood, num_classes, in_channels, rows, temperature
):
    config = setup_config(architecture, likelihood, num_classes, in_channels)
    model, label = wild_model(config), random_labels(config, 4)
    samples = complete(
        model,
        random_levels(config, 4),
        rows=rows,
        label=label,
        temperature=temperature,
        seed=0,
    )
    levels = samples.levels
    with torch.no_grad():
        logits = model(levels, label)[:, :, rows:]
        log_prob = model.log_prob(levels, label)[:, :, rows:]
    torch.testing.assert_close(samples.log_prob[:, :, rows:], log_prob)
    torch.testing.assert_close(samples.entropy[:, :, rows:], model.likelihood.entropy(logits))
    torch.testing.assert_close(samples.expected[:, :, rows:], model.likelihood.mean(logits))
    assert samples.log_prob[:, :, :rows].eq(0).all()
    assert samples.entropy[:, :, :rows].eq(0).all()
    given = levels[:, :, :rows].double() / (config.levels - 1)
    torch.testing.assert_close(samples.expected[:, :, :rows], given)
    drawn = config.height - rows
    assert drawn <= samples.passes <= (config.width + 1) * drawn


@architectures
@likelihoods
@classes
def test_nothing_is_drawn_where_all_rows_are_given(architecture, likelihood, num_classes):
    config = toy_config(architecture, likelihood, num_classes=num_classes)
    levels = random_levels(config, 3)
    samples = complete(wild_model(config), levels, rows=4, seed=0)
    assert samples.levels.equal(levels)
    assert samples.passes == 0
    assert samples.log_prob.eq(0).all()
    assert samples.entropy.eq(0).all()
    torch.testing.assert_close(samples.expected, levels / (config.levels - 1), check_dtype=False)


# Seeds and labels


@architectures
@likelihoods
@classes
def test_same_seed_same_digits_other_seed_other_digits(architecture, likelihood, num_classes):
    model = wild_model(toy_config(architecture, likelihood, num_classes=num_classes))
    first, again, other = (generate(model, 20, seed=seed) for seed in (5, 5, 6))
    assert first.seed == 5
    assert first.levels.equal(again.levels)
    assert not first.levels.equal(other.levels)
    if num_classes:
        assert first.label.equal(again.label)
        assert not first.label.equal(other.label)


@architectures
def test_fresh_seed_is_told_and_draws_the_same_digits_again(architecture):
    model = wild_model(toy_config(architecture, num_classes=3))
    fresh, other = generate(model, 20), generate(model, 20)
    assert fresh.seed != other.seed
    again = generate(model, 20, seed=fresh.seed)
    assert fresh.levels.equal(again.levels)
    assert fresh.label.equal(again.label)


def test_seeded_draw_leaves_the_global_generator_alone():
    model = wild_model(toy_config(num_classes=3))
    before = torch.get_rng_state()
    generate(model, 2, seed=5)
    complete(model, random_levels(model.config, 2), rows=2, seed=5)
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_a_seed_may_be_any_kind_of_integer(seed):
    model = wild_model(toy_config(num_classes=3))
    plain = generate(model, 5, seed=seed)
    assert plain.seed == seed
    for kind in (np.int64, np.uint32, torch.tensor):
        other = generate(model, 5, seed=kind(seed))
        assert other.seed == seed
        assert type(other.seed) is int
        assert other.levels.equal(plain.levels)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, 1.0, True, False, "7", np.int64(-1)])
def test_a_seed_is_a_whole_number_of_32_bits(seed):
    model = wild_model(toy_config(num_classes=3))
    sentence = exactly(f"seed must be a whole number from 0 to 4294967295, got {seed!r}.")
    with pytest.raises(ValueError, match=sentence):
        generate(model, 1, seed=seed)
    with pytest.raises(ValueError, match=sentence):
        complete(model, random_levels(model.config, 1), rows=2, seed=seed)


@pytest.fixture
def float64_by_default():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@architectures
@likelihoods
def test_the_default_dtype_changes_no_digit_of_a_seed(architecture, likelihood, request):
    model = wild_model(toy_config(architecture, likelihood, num_classes=3), dtype=torch.float32)
    levels = random_levels(model.config, 4)
    before = generate(model, 20, seed=5), complete(model, levels, rows=2, count=5, seed=5)
    request.getfixturevalue("float64_by_default")
    after = generate(model, 20, seed=5), complete(model, levels, rows=2, count=5, seed=5)
    for one, other in zip(before, after, strict=True):
        assert one.levels.equal(other.levels)
        assert one.label.equal(other.label)


@architectures
@likelihoods
def test_one_sampler_serves_several_threads(architecture, likelihood):
    config = toy_config(architecture, likelihood, num_classes=3, freehand=True)
    model, given = wild_model(config), random_levels(config, 1)

    def draw(sampler, seed):
        hand = {"freehand": bool(seed % 2)}
        drawn = sampler.generate(4, seed=seed, **hand)
        completed = sampler.complete(given, rows=2, count=4, seed=seed, **hand)
        return drawn.levels, drawn.label, completed.levels, completed.label

    shared, seeds = Sampler(model), range(12)
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda seed: draw(shared, seed), seeds))
    for seed, drawn in zip(seeds, together, strict=True):
        alone = draw(Sampler(model), seed)
        assert all(one.equal(other) for one, other in zip(drawn, alone, strict=True))


@architectures
def test_one_model_serves_several_threads_by_the_short_way(architecture):
    model = wild_model(toy_config(architecture, num_classes=3))
    given = random_levels(model.config, 2)

    def everything(seed):
        drawn = generate(model, 7, seed=seed)
        completed = complete(model, given, rows=2, count=3, seed=seed)
        return drawn.levels, completed.levels, digit_posterior(model, given, rows=3)

    seeds = range(8)
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(everything, seeds))
    for seed, answers in zip(seeds, together, strict=True):
        assert all(one.equal(other) for one, other in zip(answers, everything(seed), strict=True))


@architectures
@likelihoods
def test_autocast_changes_no_digit_and_no_posterior(architecture, likelihood):
    model = wild_model(toy_config(architecture, likelihood, num_classes=3), dtype=torch.float32)
    levels = random_levels(model.config, 8)

    def everything():
        drawn = generate(model, 20, seed=5)
        completed = complete(model, levels, rows=2, count=5, seed=5)
        posterior = digit_posterior(model, levels, rows=2)
        return drawn.levels, drawn.log_prob, completed.levels, completed.log_prob, posterior

    plain = everything()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(levels, 0).dtype == torch.bfloat16  # else nothing is tested
        cast = everything()
    assert all(one.equal(other) for one, other in zip(plain, cast, strict=True))


@architectures
@likelihoods
def test_label_may_be_one_for_all_or_one_for_each(architecture, likelihood):
    model = wild_model(toy_config(architecture, likelihood, num_classes=3))
    each = generate(model, 20, torch.arange(20) % 3, seed=0)
    assert each.label.tolist() == [k % 3 for k in range(20)]
    for label in range(3):
        # A given class draws on the same uniforms, whether it is given to all or to one.
        same = generate(model, 20, label, seed=0)
        assert same.label.tolist() == [label] * 20
        assert same.levels[label::3].equal(each.levels[label::3])
        assert not same.levels.equal(each.levels)


@architectures
@likelihoods
def test_samples_can_be_trained_on(architecture, likelihood):
    # They are made in inference mode, whose tensors autograd refuses.
    model = PixelCNN(toy_config(architecture, likelihood, num_classes=3)).eval()
    for samples in generate(model, 2, seed=0), complete(model, generate(model, 1).levels, rows=2):
        model.log_prob(samples.levels, samples.label).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_model_without_classes_draws_no_label():
    assert generate(wild_model(toy_config()), 2, seed=0).label is None


def test_drawn_label_is_the_one_that_was_drawn_with():
    model = wild_model(toy_config(num_classes=3))
    drawn = generate(model, 20, seed=0)
    assert drawn.levels.equal(generate(model, 20, drawn.label, seed=0).levels)


# Completions


@setups
@pytest.mark.parametrize("rows", [0, 2])
def test_completion_keeps_the_given_rows_and_ignores_the_others(
    architecture, likelihood, num_classes, in_channels, rows
):
    config = setup_config(architecture, likelihood, num_classes, in_channels)
    model, levels = wild_model(config), random_levels(config, 3)
    below = levels.clone()
    below[:, :, rows:] = config.levels - 1 - below[:, :, rows:]
    before = levels.clone()
    first = complete(model, levels, rows=rows, count=4, seed=0)
    second = complete(model, below, rows=rows, count=4, seed=0)
    assert levels.equal(before)
    assert first.levels.shape == (12, *levels.shape[1:])
    for k in range(12):  # the four of one image in a row
        assert first.levels[k, :, :rows].equal(levels[k // 4, :, :rows])
    assert first.levels.equal(second.levels)
    assert first.log_prob.equal(second.log_prob)
    if num_classes:
        assert first.label.equal(second.label)
    for completions in first.levels.split(4):
        assert completions.unique(dim=0).shape[0] > 1


def test_completion_takes_a_label_for_each_completion():
    model = wild_model(toy_config(num_classes=3))
    label = torch.tensor([0, 1, 2, 2, 1, 0])
    levels = random_levels(model.config, 2)
    samples = complete(model, levels, rows=2, count=3, label=label, seed=0)
    assert samples.label.equal(label)
    log_prob = model.log_prob(samples.levels, label)[:, :, 2:]
    torch.testing.assert_close(samples.log_prob[:, :, 2:], log_prob)


@pytest.mark.parametrize(
    ("likelihood", "dtype"),
    [
        ("bernoulli", torch.uint8),
        ("bernoulli", torch.int32),
        ("categorical", torch.uint8),
        ("categorical", torch.int32),
    ],
)
def test_completion_takes_integers_of_any_width(likelihood, dtype):
    model = wild_model(toy_config("gated", likelihood))
    levels = random_levels(model.config, 2)
    narrow = complete(model, levels.to(dtype), rows=2, seed=0)
    assert narrow.levels.long().equal(complete(model, levels, rows=2, seed=0).levels)


# The class of a digit


@architectures
@likelihoods
@channels
@pytest.mark.parametrize("rows", [1, 3, 4])
def test_digit_posterior_is_bayes_rule(architecture, likelihood, in_channels, rows):
    config = toy_config(architecture, likelihood, num_classes=3, in_channels=in_channels)
    model, levels = wild_model(config), random_levels(config, 4)
    joint = torch.stack(
        [model.log_prob(levels, label)[:, :, :rows].sum((1, 2, 3)).exp() for label in range(3)], 1
    )
    posterior = digit_posterior(model, levels, rows=rows)
    torch.testing.assert_close(posterior, joint / joint.sum(1, keepdim=True))
    levels[:, :, rows:] = 0
    assert posterior.equal(digit_posterior(model, levels, rows=rows))


@architectures
def test_every_class_is_equally_probable_before_the_first_row(architecture):
    model = wild_model(toy_config(architecture, num_classes=3))
    posterior = digit_posterior(model, random_levels(model.config, 2), rows=0)
    torch.testing.assert_close(posterior, torch.full((2, 3), 1 / 3), check_dtype=False)


# Exact probabilities


def assert_drawn_from(indices, probabilities):
    """Chi-square test of draws against their probabilities, with five standard deviations to spare."""
    expected = probabilities * len(indices)
    counts = indices.bincount(minlength=len(expected)).double()
    assert counts[expected == 0].sum() == 0
    # Outcomes too rare for the test are taken together.
    rare = expected < 5
    expected = torch.cat([expected[~rare], expected[rare].sum()[None]])
    counts = torch.cat([counts[~rare], counts[rare].sum()[None]])
    freedom = len(expected) - 1
    statistic = ((counts - expected) ** 2 / expected.clamp(min=1e-9)).sum()
    assert freedom >= 1
    assert statistic < freedom + 5 * (2 * freedom) ** 0.5


@architectures
@likelihoods
@classes
def test_digits_are_as_frequent_as_they_are_probable(architecture, likelihood, num_classes):
    config = toy_config(
        architecture, likelihood, levels=2, height=3, width=3, num_classes=num_classes
    )
    model = wild_model(config)
    probabilities = model.log_prob(all_images(config)).sum((1, 2, 3)).exp().detach()
    samples = generate(model, 6000, seed=0)
    assert_drawn_from(image_index(samples.levels, 2), probabilities)


@architectures
def test_three_level_two_channel_digits_are_as_frequent_as_they_are_probable(architecture):
    config = toy_config(architecture, "categorical", in_channels=2, height=1, width=2)
    model = wild_model(config)
    probabilities = model.log_prob(all_images(config)).sum((1, 2, 3)).exp().detach()
    samples = generate(model, 6000, seed=0)
    assert_drawn_from(image_index(samples.levels, 3), probabilities)


@architectures
@pytest.mark.parametrize("rows", [0, 1, 2])
def test_labels_of_completions_follow_the_posterior(architecture, rows):
    config = toy_config(architecture, height=3, width=3, num_classes=3)
    model, levels = wild_model(config), random_levels(config, 2)
    joint = torch.stack(
        [model.log_prob(levels, label)[:, :, :rows].sum((1, 2, 3)).exp() for label in range(3)], 1
    )
    posterior = (joint / joint.sum(1, keepdim=True)).detach()
    samples = complete(model, levels, rows=rows, count=2000, seed=0)
    for label, expected in zip(samples.label.split(2000), posterior, strict=True):
        assert_drawn_from(label, expected)


@architectures
@classes
def test_completions_are_as_frequent_as_they_are_probable(architecture, num_classes):
    config = toy_config(architecture, height=3, width=3, num_classes=num_classes)
    model, images = wild_model(config), all_images(config)
    joint = model.log_prob(images).sum((1, 2, 3)).exp().detach()
    given = random_levels(config, 2)
    samples = complete(model, given, rows=1, count=3000, seed=0)
    for image, levels in zip(given, samples.levels.split(3000), strict=True):
        fits = (images[:, :, :1] == image[:, :1]).flatten(1).all(1)
        probabilities = joint * fits / joint[fits].sum()
        assert_drawn_from(image_index(levels, 2), probabilities)


@setups
def test_temperature_zero_draws_the_mode_whatever_the_seed(
    architecture, likelihood, num_classes, in_channels
):
    config = setup_config(architecture, likelihood, num_classes, in_channels)
    model, label = wild_model(config), random_labels(config, 6)
    samples = generate(model, 6, label, temperature=0, seed=0)
    assert samples.levels.equal(generate(model, 6, label, temperature=0, seed=1).levels)
    probability = torch.stack(
        [
            model.likelihood.log_prob(
                model(samples.levels, label), torch.full_like(samples.levels, level)
            )
            for level in range(config.levels)
        ]
    )
    assert samples.levels.equal(probability.argmax(0))


@architectures
@likelihoods
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [5e-324, 1e-46, 1e-39, 1e-37])
def test_the_coldest_temperatures_draw_the_mode(architecture, likelihood, dtype, temperature):
    model = wild_model(toy_config(architecture, likelihood, num_classes=3), dtype=dtype)
    cold, mode = (generate(model, 6, 1, temperature=each, seed=0) for each in (temperature, 0))
    assert mode.levels.any()
    assert cold.levels.equal(mode.levels)


# What is refused


@architectures
def test_a_model_in_training_mode_is_refused(architecture):
    model = PixelCNN(toy_config(architecture, num_classes=3, dropout=0.1))
    levels = random_levels(model.config, 1)
    sentence = exactly("Sampling needs a model in eval mode: call model.eval() first.")
    for call in (
        lambda: generate(model, 1),
        lambda: complete(model, levels, rows=2),
        lambda: digit_posterior(model, levels, rows=2),
    ):
        with pytest.raises(ValueError, match=sentence):
            call()
    generate(model.eval(), 1)


@architectures
def test_a_model_that_goes_back_to_training_mode_is_refused(architecture):
    model = PixelCNN(toy_config(architecture, num_classes=3, dropout=0.1)).eval()
    sampler, levels = Sampler(model), random_levels(model.config, 1)
    model.train()
    sentence = exactly("Sampling needs a model in eval mode: call model.eval() first.")
    for call in (
        lambda: sampler.generate(1),
        lambda: sampler.generate(1, label=0),
        lambda: sampler.complete(levels, rows=2),
        lambda: sampler.digit_posterior(levels, rows=2),
    ):
        with pytest.raises(ValueError, match=sentence):
            call()


@pytest.mark.parametrize("count", [0, -1, 2.5, "2", True])
def test_count_must_be_positive(count):
    model = PixelCNN(toy_config()).eval()
    sentence = exactly(f"count must be a whole number of at least 1, got {count!r}.")
    with pytest.raises(ValueError, match=sentence):
        generate(model, count)
    with pytest.raises(ValueError, match=sentence):
        complete(model, random_levels(model.config, 1), rows=1, count=count)


@pytest.mark.parametrize("temperature", [-0.5, float("nan"), float("inf"), "1", None])
def test_temperature_must_not_be_negative(temperature):
    model = PixelCNN(toy_config()).eval()
    sentence = exactly(f"temperature must be finite and 0 or more, got {temperature!r}.")
    with pytest.raises(ValueError, match=sentence):
        generate(model, 1, temperature=temperature)
    with pytest.raises(ValueError, match=sentence):
        complete(model, random_levels(model.config, 1), rows=1, temperature=temperature)


@pytest.mark.parametrize("rows", [-1, 5, 1.5])
def test_rows_must_lie_in_the_image(rows):
    model = PixelCNN(toy_config(num_classes=3)).eval()
    levels = random_levels(model.config, 1)
    sentence = exactly(f"rows must be a whole number from 0 to 4, got {rows!r}.")
    with pytest.raises(ValueError, match=sentence):
        complete(model, levels, rows=rows)
    with pytest.raises(ValueError, match=sentence):
        digit_posterior(model, levels, rows=rows)


def test_image_must_be_whole():
    model = PixelCNN(toy_config(num_classes=3)).eval()
    levels, sentence = random_levels(model.config, 1), exactly("levels must have 4 rows, got 2.")
    with pytest.raises(ValueError, match=sentence):
        complete(model, levels[:, :, :2], rows=1)
    with pytest.raises(ValueError, match=sentence):
        digit_posterior(model, levels[:, :, :2], rows=1)


def test_levels_are_checked():
    model = PixelCNN(toy_config(num_classes=3)).eval()
    levels, sentence = random_levels(model.config, 1), exactly("levels must be 0 to 1, got 0 to 2.")
    levels[0, 0, 0, :2] = torch.tensor([0, 2])
    with pytest.raises(ValueError, match=sentence):
        complete(model, levels, rows=1)
    with pytest.raises(ValueError, match=sentence):
        digit_posterior(model, levels, rows=1)


def test_label_is_checked():
    with pytest.raises(ValueError, match=exactly("label must be 0 to 2, got 3.")):
        generate(PixelCNN(toy_config(num_classes=3)).eval(), 1, 3)
    sentence = exactly("label must be one integer or (4,), got (2,).")
    with pytest.raises(ValueError, match=sentence):
        generate(PixelCNN(toy_config(num_classes=3)).eval(), 4, torch.tensor([0, 1]))
    sentence = exactly("This model has no classes: label must be None.")
    with pytest.raises(ValueError, match=sentence):
        generate(PixelCNN(toy_config()).eval(), 1, 0)


def test_posterior_needs_classes():
    model = PixelCNN(toy_config()).eval()
    sentence = exactly("This model has no classes, so it cannot tell how probable each is.")
    with pytest.raises(ValueError, match=sentence):
        digit_posterior(model, random_levels(model.config, 1), rows=1)
