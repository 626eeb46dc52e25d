import pytest
import torch
from torch import distributions

from pixelcnn.density.likelihood import Bernoulli, Categorical, make_likelihood

BERNOULLI, BINARY, FOUR, GREY = Bernoulli(), Categorical(2), Categorical(4), Categorical(256)
each = pytest.mark.parametrize(
    "likelihood", [BERNOULLI, BINARY, FOUR, GREY], ids=["bernoulli", "2", "4", "256"]
)


def random_logits(likelihood, count=500, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (count, likelihood.parameters)
    return 3 * torch.randn(shape, generator=generator, dtype=torch.float64)


def reference(likelihood, logits):
    """The same distribution by torch.distributions, as probabilities (..., K)."""
    if likelihood.parameters == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], -1)
    return distributions.Categorical(logits=logits)


def test_config_names_the_likelihood():
    assert type(make_likelihood("bernoulli", 2)) is Bernoulli
    categorical = make_likelihood("categorical", 7)
    assert type(categorical) is Categorical
    assert (categorical.levels, categorical.parameters) == (7, 7)


@each
def test_log_prob_is_that_of_torch_distributions(likelihood):
    logits = random_logits(likelihood)
    levels = torch.arange(500) % likelihood.levels
    expected = reference(likelihood, logits).log_prob(levels)
    torch.testing.assert_close(likelihood.log_prob(logits, levels), expected)


@each
def test_probabilities_of_all_levels_sum_to_one(likelihood):
    logits = random_logits(likelihood).unsqueeze(1)
    levels = torch.arange(likelihood.levels).expand(500, -1)
    logits = logits.expand(-1, likelihood.levels, -1)
    total = likelihood.log_prob(logits, levels).exp().sum(-1)
    torch.testing.assert_close(total, torch.ones_like(total))


@each
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_log_prob_of_half_precision_logits_is_float32(likelihood, dtype):
    logits = random_logits(likelihood).to(dtype)
    levels = torch.arange(500) % likelihood.levels
    log_prob = likelihood.log_prob(logits, levels)
    assert log_prob.dtype == torch.float32
    torch.testing.assert_close(log_prob, likelihood.log_prob(logits.float(), levels))


@each
def test_entropy_is_that_of_torch_distributions(likelihood):
    logits = random_logits(likelihood)
    expected = reference(likelihood, logits).entropy()
    torch.testing.assert_close(likelihood.entropy(logits), expected)


@each
def test_mean_is_the_expected_level_over_the_highest(likelihood):
    logits = random_logits(likelihood)
    levels = torch.arange(likelihood.levels, dtype=torch.float64)
    expected = reference(likelihood, logits).probs @ levels / (likelihood.levels - 1)
    torch.testing.assert_close(likelihood.mean(logits), expected)


@each
def test_certainty_is_finite(likelihood):
    logits = torch.full((1, likelihood.parameters), -1e4)
    logits[:, -1] = 1e4
    top, bottom = torch.tensor([likelihood.levels - 1]), torch.tensor([0])
    assert likelihood.log_prob(logits, top) == 0
    assert likelihood.log_prob(logits, bottom) <= -1e4
    assert likelihood.entropy(logits) == 0
    assert likelihood.mean(logits) == 1


@each
def test_cdf_holds_the_inner_boundaries(likelihood):
    logits = random_logits(likelihood)
    cdf = likelihood.cdf(logits)
    assert cdf.shape == (500, likelihood.levels - 1)
    torch.testing.assert_close(cdf, reference(likelihood, logits).probs.cumsum(-1)[:, :-1])


@each
def test_levels_are_drawn_as_often_as_they_are_probable(likelihood):
    # Uniforms in equal steps: each level's share of them is its probability, but for one step at each end.
    steps = 20_000
    uniform = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    for logits in random_logits(likelihood, count=5):
        drawn = likelihood.draw(logits.expand(steps, -1), uniform)
        share = drawn.bincount(minlength=likelihood.levels) / steps
        assert (share - reference(likelihood, logits).probs).abs().max() < 1.01 / steps


def test_uniform_on_a_boundary_draws_the_level_above():
    uniform = torch.tensor([0, 0.25, 0.5, 0.75], dtype=torch.float64)
    below = torch.nextafter(uniform[1:], torch.zeros(3, dtype=torch.float64))
    logits = torch.zeros(4, 4, dtype=torch.float64)
    assert FOUR.draw(logits, uniform).tolist() == [0, 1, 2, 3]
    assert FOUR.draw(logits[1:], below).tolist() == [0, 1, 2]
    assert BERNOULLI.draw(logits[:, :1], uniform).tolist() == [0, 0, 1, 1]
    assert BERNOULLI.draw(logits[1:, :1], below).tolist() == [0, 0, 1]


@each
def test_draw_turns_exactly_at_every_boundary(likelihood):
    logits = random_logits(likelihood, count=20)
    for k, boundary in enumerate(likelihood.cdf(logits).unbind(-1)):
        below = torch.nextafter(boundary, torch.zeros_like(boundary))
        assert (likelihood.draw(logits, boundary) > k).all()
        assert (likelihood.draw(logits, below) <= k).all()


def end_logits(likelihood, dtype):
    """Random logits whose first and last quarter of levels have probability zero."""
    logits = random_logits(likelihood).to(dtype)
    quarter = likelihood.levels // 4
    logits[:, :quarter] = logits[:, likelihood.levels - quarter :] = -1e4
    return logits, quarter, likelihood.levels - quarter - 1


@pytest.mark.parametrize("likelihood", [FOUR, GREY], ids=["4", "256"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_uniform_of_zero_draws_the_first_possible_level(likelihood, dtype):
    logits, first, _ = end_logits(likelihood, dtype)
    assert (likelihood.draw(logits, torch.zeros(500, dtype=dtype)) == first).all()


@pytest.mark.parametrize("likelihood", [FOUR, GREY], ids=["4", "256"])
def test_last_uniform_below_one_draws_a_possible_level(likelihood):
    # The sampler's uniforms are float32, in steps of 2 ** -24.
    logits, _, last = end_logits(likelihood, torch.float32)
    assert (likelihood.draw(logits, torch.full((500,), 1 - 2**-24)) <= last).all()


def test_ends_of_the_uniform_draw_the_ends_of_the_bernoulli():
    logits = torch.tensor([[-5.0], [0.0], [5.0]])
    assert BERNOULLI.draw(logits, torch.zeros(3)).tolist() == [0, 0, 0]
    assert BERNOULLI.draw(logits, torch.full((3,), 1 - 2**-24)).tolist() == [1, 1, 1]
    certain = torch.tensor([[-1e4], [1e4]])
    assert BERNOULLI.draw(certain, torch.zeros(2)).tolist() == [0, 1]
    assert BERNOULLI.draw(certain, torch.full((2,), 1 - 2**-24)).tolist() == [0, 1]


@each
def test_temperature_divides_the_logits(likelihood):
    logits = random_logits(likelihood)
    uniform = torch.rand(500, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for temperature in (0.5, 1.5):
        drawn = likelihood.draw(logits, uniform, temperature)
        assert drawn.equal(likelihood.draw(logits / temperature, uniform))
        assert not drawn.equal(likelihood.draw(logits, uniform))


@each
def test_temperature_zero_draws_the_mode_for_any_uniform(likelihood):
    logits = random_logits(likelihood)
    mode = reference(likelihood, logits).probs.argmax(-1)
    assert mode.unique().numel() > 1
    for uniform in (0.0, 0.5, 1 - 2**-24):
        assert likelihood.draw(logits, torch.full((500,), uniform), 0).equal(mode)


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_small_temperatures_tend_to_the_mode(likelihood, dtype):
    logits = random_logits(likelihood).to(dtype)
    mode = likelihood.draw(logits, torch.zeros(500, dtype=dtype), 0)
    uniform = torch.rand(500, generator=torch.Generator().manual_seed(1), dtype=dtype)
    differ = [
        int((likelihood.draw(logits, uniform, temperature) != mode).sum())
        for temperature in (1, 0.1, 1e-6)
    ]
    assert differ[0] > differ[1] > differ[2] == 0


@pytest.mark.parametrize("likelihood", [BERNOULLI, FOUR], ids=["bernoulli", "4"])
def test_tiny_temperature_draws_the_mode(likelihood):
    logits = random_logits(likelihood).float()
    mode = likelihood.draw(logits, torch.zeros(500), 0)
    assert likelihood.draw(logits, torch.full((500,), 0.5), 1e-38).equal(mode)


@each
@pytest.mark.parametrize("temperature", [1e-39, 1e-46, 1e-320])
def test_temperatures_that_float32_cannot_hold_draw_the_mode(likelihood, temperature):
    logits = random_logits(likelihood).float()
    uniform = torch.linspace(0, 0.999, len(logits))
    assert likelihood.draw(logits, uniform, temperature).equal(likelihood.draw(logits, uniform, 0))
