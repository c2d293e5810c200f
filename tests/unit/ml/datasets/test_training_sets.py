"""From options to scenes, and from scenes of several kinds to one stream."""

from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from tulip_ops.cli import train_options
from tulip_ops.core.errors import BadTrainingData
from tulip_ops.core.types import BANDS
from tulip_ops.ml.datasets import training_sets
from tulip_ops.ml.datasets.labels import SHARE, UNKNOWN, cloud_filter_target
from tulip_ops.ml.datasets.lazy_scenes import LazyScene, LazyScenes
from tulip_ops.ml.datasets.scenes import Mixture, TrainingScene
from tulip_ops.ml.datasets.training_sets import Options, Sets
from tulip_ops.ml.training import chip_sampling
from tulip_ops.ml.training.synthetic_weather import overcast
from tulip_ops.storage.product_store import ProductStore

RGB = ("red", "green", "blue")


def plain(name: str, value: int, size: int = 64) -> TrainingScene:
    truth = np.zeros((size, size, 4), dtype=np.uint8)
    dn = np.full((size, size, 3), value, dtype=np.uint16)
    return TrainingScene(name, name, 2020, dn, truth, measured=RGB)


def gathered(options: Options, work: Path) -> Sets:
    return training_sets.gather(
        options, work=work, processes=1, store=ProductStore(str(work / "store"))
    )


def test_kinds_come_as_often_as_their_weights_say() -> None:
    bright, dark = [plain("bright", 4000)], [plain(f"dark {number}", 1500) for number in range(9)]

    (reflectance, _), *_ = chip_sampling.batches(
        chip_sampling.draw_for_unet, Mixture((bright, dark), (3, 1)), RGB,
        seed=(1,), steps=1, batch=200, chip=16,
    )  # fmt: skip

    # under simulated haze and cloud the dark ones are bright now and then
    share = (np.median(reflectance, axis=(1, 2, 3)) > 0.2).mean()
    assert 0.68 < share < 0.88
    assert [scene.name for scene in Mixture((bright, dark[:1]), (1, 1))] == ["bright", "dark 0"]
    assert [scene.name for scene in Mixture((bright, dark), (1, 1))[:2]] == ["bright", "dark 0"]


def test_scenes_are_kept_while_there_is_room() -> None:
    times = dict.fromkeys("abc", 0)

    def reading(name: str) -> LazyScene:
        def read() -> TrainingScene:
            times[name] += 1
            return plain(name, 2000)

        return LazyScene(name, name, 2020, read)

    one = plain("a", 2000)
    room = 2 * (one.dn.nbytes + one.truth.nbytes)
    scenes = LazyScenes([reading(name) for name in "abc"], most_bytes=room)

    assert [scene.name for scene in scenes] == list("abc")
    assert [scene.name for scene in scenes] == list("abc")
    assert scenes[-1].name == "c"
    assert [scene.name for scene in scenes[1:]] == ["b", "c"]
    assert times == {"a": 1, "b": 2, "c": 4}


def test_weather_is_laid_over_measured_scenes() -> None:
    random = np.random.default_rng(3)
    ground = np.full((64, 64, 3), 0.08, dtype=np.float32)
    ground[0, 0] = np.nan
    truth = np.zeros((64, 64, 4), dtype=np.uint8)
    truth[..., 0] = 1
    truth[:32, :, 2:] = UNKNOWN

    laid = [overcast(ground, truth, RGB, random) for _ in range(20)]

    opacity = np.stack([under[..., 2] for _, under in laid])
    bright = np.stack([seen for seen, _ in laid]).mean(axis=-1)
    thick = (opacity > 0.9 * SHARE) & (opacity != UNKNOWN)
    assert 0.02 < thick.mean() < 0.7
    assert np.nanmean(bright[thick]) > 0.2
    assert not (opacity[:, 32:] == UNKNOWN).any()
    assert (opacity[:, :32] != 0).all()
    assert all(np.isnan(seen[0, 0]).all() and np.isfinite(seen[1:]).all() for seen, _ in laid)
    assert all((under[..., 0] == 1).all() for _, under in laid)
    assert (truth[32:, :, 2] == 0).all()


def test_a_cloud_filter_learns_from_clear_measured_scenes_alone() -> None:
    (_, truth), *_ = chip_sampling.batches(
        chip_sampling.draw_for_cloud_filter,
        [plain("a", 1800)],
        RGB,
        seed=(1,),
        steps=1,
        batch=48,
        chip=32,
    )

    cells, chips = cloud_filter_target(truth)
    assert np.count_nonzero(chips == 0) >= 8
    assert np.count_nonzero(chips == 1) >= 8
    assert 0.15 < np.nanmean(cells) < 0.8


def test_simulated_scenes_are_other_polders_in_every_part(tmp_path: Path) -> None:
    sets = gathered(Options("unet", BANDS, seed=2, simulated=3, size=48), tmp_path)

    parts = (sets.learn, sets.choose, sets.measure)
    names = [[scene.name for scene in part] for part in parts]
    assert names == [
        ["simulated-20000", "simulated-20001", "simulated-20002"],
        ["simulated-1020000", "simulated-1020001"],
        ["simulated-2020000", "simulated-2020001"],
    ]
    assert sets.described == "3 simulated scenes"


def test_kinds_are_mixed_and_split_by_place(real_data: Path, tmp_path: Path) -> None:
    options = Options(
        "cloud-filter", RGB, simulated=2, size=48,
        planet=real_data / "planet_amazon", weights={"planet": 3.0},
    )  # fmt: skip

    sets = gathered(options, tmp_path)

    assert sets.described == "352 chips of Planet's Amazon, 2 simulated scenes"
    assert isinstance(sets.learn, Mixture)
    assert sets.learn.weights == (3.0, 1.0)
    places = [
        {part[number].place for number in range(0, len(part), 40)}
        for part in (sets.learn, sets.choose, sets.measure)
    ]
    assert not places[0] & places[1] | places[0] & places[2] | places[1] & places[2]
    assert len(sets.choose) + len(sets.measure) == 503 - 352 + 4


def test_one_place_serves_to_learn_where_simulated_scenes_can_measure(
    real_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    for path in (real_data / "noordoostpolder_2016").glob("*.tif"):
        ((masks if "geopedia" in path.name else images) / path.name).symlink_to(path)
    options = Options("unet", RGB, images=images, masks=masks)

    with pytest.raises(BadTrainingData, match="7 scenes of 1 places cannot make 3 parts"):
        gathered(options, tmp_path)
    sets = gathered(
        Options("unet", RGB, images=images, masks=masks, simulated=2, size=48), tmp_path
    )

    assert (len(sets.learn), len(sets.choose), len(sets.measure)) == (9, 2, 2)
    assert "7 scenes of 1 places are for learning alone" in caplog.text


HERE = Path()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (Options("unet", RGB), "nothing to learn from; give --simulated, --planet"),
        (Options("unet", RGB, planet=HERE), "it trains a cloud-filter"),
        (Options("cloud-filter", RGB, parcels=HERE, season=2023), "they train a unet"),
        (Options("unet", RGB, images=HERE), "--images and --masks belong together"),
        (Options("unet", RGB, simulated=2, masks=HERE), "--images and --masks belong together"),
        (Options("unet", RGB, parcels=HERE), "--parcels need --season"),
        (Options("unet", RGB, parcels=HERE, season=2023, crop_codes=()), "--crop-codes is empty"),
        (Options("unet", RGB, simulated=2, weights={"planet": 1.0}), "given: simulated"),
        (Options("unet", RGB, simulated=2, weights={"simulated": 0.0}), "numbers above 0"),
    ],
)
def test_options_that_contradict_each_other(options: Options, told: str, tmp_path: Path) -> None:
    with pytest.raises(BadTrainingData, match=told):
        gathered(options, tmp_path)


def parsed(*arguments: str) -> Options:
    found = []

    @click.command()
    @train_options.training_data_options
    def command(**given: object) -> None:
        found.append(train_options.chosen("unet", RGB, seed=4, simulated=120, given=given))
        assert not given

    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    return found[0]


def test_simulated_scenes_are_what_is_learned_from_if_nothing_is_said() -> None:
    assert parsed() == Options("unet", RGB, seed=4, simulated=120)


def test_the_command_line_says_what_to_learn_from(tmp_path: Path) -> None:
    register = tmp_path / "brp.gpkg"
    register.touch()

    options = parsed(
        "--parcels", str(register), "--crop-column", "crop", "--crop-codes", "1004, 985,",
        "--season", "2023", "--leave-borders", "--weight", "parcels=3", "--simulated", "40",
    )  # fmt: skip

    assert options == Options(
        "unet", RGB, seed=4, simulated=40, parcels=register, crop_column="crop",
        crop_codes=("1004", "985"), season=2023, borders=False, weights={"parcels": 3.0},
    )  # fmt: skip
    assert parsed("--parcels", str(register), "--season", "2023").simulated == 0


def test_a_weight_that_is_none() -> None:
    command = train_options.training_data_options(click.command()(lambda **_: None))

    result = CliRunner().invoke(command, ["--weight", "planet"])

    assert result.exit_code == 2
    assert "'planet' is no weight; write it like parcels=3" in result.output
