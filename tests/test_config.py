import dataclasses
import json

import pytest

from pixelcnn.config import ModelConfig, TrainConfig
from pixelcnn.density.model import PixelCNN
from tests.toys import exactly

# Every field differs from its default, so that one which is lost on the way shows.
MODEL = ModelConfig(
    architecture="residual",
    likelihood="categorical",
    levels=7,
    in_channels=3,
    height=9,
    width=11,
    num_classes=5,
    freehand=True,
    inner_dim=6,
    dilations=(1, 1, 1),
    horizontal_dim=5,
    horizontal_dilations=(3, 2),
    class_from=2,
    dropout=0.25,
    conditioner_dim=4,
    conditioner_dilations=(1,),
)
TRAIN = TrainConfig(
    dataset="KMNIST",
    binarization="none",
    epochs=7,
    batch_size=3,
    optimizer="muon",
    lr=0.5,
    muon_lr=0.25,
    schedule="cosine",
    gamma=0.5,
    warmup_steps=11,
    weight_decay=0.125,
    beta2=0.75,
    grad_clip=2.5,
    ema=0.375,
    shift=2,
    freehand=0.75,
    posterior=1.5,
    objective="any-part",
    model_digits=7,
    precision="fp32",
    seed=13,
    sample_epochs=(1, 4),
)
configs = pytest.mark.parametrize("config", [MODEL, TRAIN], ids=["model", "train"])


@configs
def test_example_differs_from_the_default_in_every_field(config):
    default = type(config)()
    for field in dataclasses.fields(config):
        assert getattr(config, field.name) != getattr(default, field.name), field.name


@configs
def test_dict_survives_json_text(config):
    text = json.dumps(config.to_dict())
    assert type(config).from_dict(json.loads(text)) == config


@configs
def test_file_round_trip(config, tmp_path):
    config.save(tmp_path / "config.json")
    loaded = type(config).load(tmp_path / "config.json")
    assert loaded == config
    assert hash(loaded) == hash(config)  # lists have become tuples again


@configs
def test_fields_cannot_be_assigned(config):
    for field in dataclasses.fields(config):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(config, field.name, getattr(config, field.name))


def test_whole_number_is_taken_for_a_float_field():
    config = ModelConfig.from_dict(ModelConfig().to_dict() | {"dropout": 0})
    assert type(config.dropout) is float


def test_a_number_that_no_float_holds_is_refused():
    with pytest.raises(ValueError, match=r"^dropout is too large a number: 1000"):
        ModelConfig.from_dict(ModelConfig().to_dict() | {"dropout": 10**400})


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"levels": 1}, "levels must be 2 to 256, got 1."),
        ({"levels": 257}, "levels must be 2 to 256, got 257."),
        ({"levels": 4}, "the bernoulli likelihood has 2 levels, got 4: use categorical."),
        ({"inner_dim": 10**9}, "inner_dim must be 1 to 1024, got 1000000000."),
        ({"height": 10**400}, f"height must be 1 to 256, got 1{'0' * 17}...{'0' * 19}."),
        ({"dilations": (1,) * 65}, "dilations must name 1 to 64 blocks, got 65."),
        ({"dilations": (1025,)}, "dilations must be 1 to 1024, got (1025,)."),
        ({"in_channels": 0}, "in_channels must be 1 to 16, got 0."),
        ({"height": 0}, "height must be 1 to 256, got 0."),
        ({"width": -1}, "width must be 1 to 256, got -1."),
        ({"inner_dim": 0}, "inner_dim must be 1 to 1024, got 0."),
        ({"num_classes": -1}, "num_classes must be 0 to 1000, got -1."),
        ({"dropout": 1.0}, "dropout must be in [0, 1), got 1.0."),
        ({"dropout": -0.5}, "dropout must be in [0, 1), got -0.5."),
        ({"dilations": ()}, "dilations must name 1 to 64 blocks, got 0."),
        ({"dilations": (2, 0)}, "dilations must be 1 to 1024, got (2, 0)."),
    ],
)
def test_model_config_says_what_is_allowed(fields, sentence):
    with pytest.raises(ValueError, match=exactly(sentence)):
        ModelConfig(**fields)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0."),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0."),
        ({"seed": -1}, "seed must be 0 to 9999999, got -1."),
        ({"seed": 10**7}, "seed must be 0 to 9999999, got 10000000."),
        ({"lr": 0.0}, "lr must be positive, got 0.0."),
        ({"lr": float("nan")}, "lr must be positive, got nan."),
        ({"gamma": 0.0}, "gamma must be in (0, 1], got 0.0."),
        ({"gamma": 1.5}, "gamma must be in (0, 1], got 1.5."),
        ({"ema": 1.0}, "ema must be in [0, 1), got 1.0."),
        ({"beta2": 1.0}, "beta2 must be in [0, 1), got 1.0."),
        ({"warmup_steps": -1}, "warmup_steps must be 0 or more, got -1."),
        ({"weight_decay": -0.5}, "weight_decay must be 0 or more, got -0.5."),
        ({"grad_clip": -0.5}, "grad_clip must be 0 or more, got -0.5."),
        ({"shift": -1}, "shift must be 0 or more, got -1."),
        (
            {"epochs": 5, "sample_epochs": (1, 6)},
            "sample_epochs must lie between 1 and epochs (5), got (1, 6).",
        ),
        (
            {"epochs": 5, "sample_epochs": (0,)},
            "sample_epochs must lie between 1 and epochs (5), got (0,).",
        ),
    ],
)
def test_train_config_says_what_is_allowed(fields, sentence):
    with pytest.raises(ValueError, match=exactly(sentence)):
        TrainConfig(**fields)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"colour": 1}, "ModelConfig has no field colour."),
        ({"colour": 1, "angle": 2}, "ModelConfig has no field angle, colour."),
        ({"levels": "2"}, "levels must be a int, got '2'."),
        ({"levels": 2.0}, "levels must be a int, got 2.0."),
        ({"levels": True}, "levels must be a int, got True."),
        ({"levels": None}, "levels must be a int, got None."),
        ({"dropout": "0"}, "dropout must be a float, got '0'."),
        ({"dropout": True}, "dropout must be a float, got True."),
        ({"dilations": 1}, "dilations must be a list, got 1."),
        ({"dilations": [1, "2"]}, "dilations must be a int, got '2'."),
        ({"architecture": "Gated"}, "architecture must be one of gated, residual, got 'Gated'."),
        ({"likelihood": ["x"]}, "likelihood must be one of bernoulli, categorical, got ['x']."),
    ],
)
def test_json_object_must_hold_the_right_types(change, sentence):
    with pytest.raises(ValueError, match=exactly(sentence)):
        ModelConfig.from_dict(ModelConfig().to_dict() | change)


@configs
def test_no_field_may_be_missing(config):
    for name in config.to_dict().keys() - set(config.LATER):
        values = {key: value for key, value in config.to_dict().items() if key != name}
        sentence = f"{type(config).__name__} lacks the field {name}."
        with pytest.raises(ValueError, match=exactly(sentence)):
            type(config).from_dict(values)


def test_json_must_be_an_object():
    with pytest.raises(ValueError, match=exactly("ModelConfig must be a JSON object, got list.")):
        ModelConfig.from_dict([])


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"], ids=["empty", "cut", "binary"])
def test_file_that_is_not_json_is_named(content, tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.json is not JSON: [^\n]*\.$"):
        ModelConfig.load(path)


@pytest.mark.parametrize("fields", [{"architecture": "Gated"}, {"likelihood": "binary"}])
def test_misspelt_choice_is_refused(fields):
    # Otherwise PixelCNN builds the other architecture, or the other likelihood, without a word.
    with pytest.raises(ValueError, match="must be one of"):
        ModelConfig(**fields, dilations=(1,))


def test_a_list_makes_the_same_config_as_a_tuple():
    listed, frozen = ModelConfig(dilations=[1, 2]), ModelConfig(dilations=(1, 2))
    assert listed == frozen
    assert hash(listed) == hash(frozen)
    assert TrainConfig(sample_epochs=[1, 3]) == TrainConfig(sample_epochs=(1, 3))
    with pytest.raises(ValueError, match=r"^dilations must be a int, got 'a'\.$|dilations"):
        ModelConfig(dilations=["a"])


@pytest.mark.parametrize(("kind", "more"), [(ModelConfig, 2), (TrainConfig, 2)])
def test_files_of_the_first_version_load_and_are_written_as_they_were(kind, more):
    values = kind().to_dict()
    assert len(values) == len(dataclasses.fields(kind)) - more
    assert kind.from_dict(values) == kind()


def test_a_conditioner_needs_the_gated_architecture():
    config = ModelConfig(architecture="residual", conditioner_dim=4)
    with pytest.raises(ValueError, match="needs the gated architecture"):
        PixelCNN(config)
