"""What is borrowed from Hydra is there and does what it is borrowed for."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf

from groundup.borrowed import hydra as borrowed


@pytest.fixture
def conf(tmp_path):
    """The loader of a folder of configs with one group, `model`."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mlp.yaml").write_text("width: 8\n")
    (tmp_path / "train.yaml").write_text("defaults: [model: mlp, _self_]\nseed: 0\n")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


def test_the_parser_tells_settings_and_options_apart():
    asked = borrowed.get_args_parser().parse_args(["seed=1", "-m", "--config-name", "train", "--config-dir", "conf"])
    assert (asked.overrides, asked.multirun) == (["seed=1"], True)
    assert (asked.config_name, asked.config_dir, asked.config_path) == ("train", "conf", None)


def test_a_loader_is_made_of_a_search_path_and_knows_groups(conf):
    loader = borrowed.ConfigLoaderImpl(conf.get_search_path())
    assert loader.repository.group_exists("model")
    assert not loader.repository.group_exists("seed")


def test_a_loader_gives_launchers_the_config_of_a_job(conf):
    loader = borrowed.ConfigLoaderImpl(conf.get_search_path())
    master = compose("train", return_hydra_config=True)
    assert loader.load_sweep_config(master, ["seed=3"]).seed == 3


def test_a_name_is_located_as_instantiate_does_and_without_a_word(caplog):
    with caplog.at_level(logging.DEBUG):
        assert borrowed.locate("logging.handlers.RotatingFileHandler").__module__ == "logging.handlers"
        for nothing in ("logging.nothing", "no_such_package.Net"):
            with pytest.raises(ImportError):
                borrowed.locate(nothing)
        with pytest.raises(ValueError, match="invalid dotstring"):
            borrowed.locate("logging..handlers")
    assert not caplog.records


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["seed=7", "model.width=4"], {"model": {"width": 4}, "seed": 7}),
        (["+depth=2"], {"model": {"width": 8}, "seed": 0, "depth": 2}),
        (["~seed"], {"model": {"width": 8}}),
    ],
)
def test_overrides_are_applied_as_in_composing(conf, words, expected):
    cfg = compose("train")
    borrowed.apply_overrides(OverridesParser.create().parse_overrides(words), cfg)
    assert OmegaConf.to_container(cfg) == expected == OmegaConf.to_container(compose("train", words))


def test_an_unknown_key_is_refused_as_in_composing(conf):
    with pytest.raises(HydraException, match="Could not override 'sede'"):
        borrowed.apply_overrides(OverridesParser.create().parse_overrides(["sede=7"]), compose("train"))


def test_launchers_keep_their_settings_where_we_change_them():
    joblib = pytest.importorskip("hydra_plugins.hydra_joblib_launcher.joblib_launcher")
    submitit = pytest.importorskip("hydra_plugins.hydra_submitit_launcher.submitit_launcher")
    assert borrowed.joblib_settings(joblib.JoblibLauncher(n_jobs=2))["n_jobs"] == 2
    local = borrowed.submitit_settings(submitit.LocalLauncher(submitit_folder="logs", timeout_min=5, setup=None))
    assert (local["submitit_folder"], local["timeout_min"], local["setup"]) == ("logs", 5, None)


def test_ray_keeps_its_settings_where_we_change_them():
    ray = pytest.importorskip("hydra_plugins.hydra_ray_launcher.ray_launcher")
    launcher = ray.RayLauncher(OmegaConf.create({"init": {"num_cpus": 2}, "remote": {}}))
    assert borrowed.ray_settings(launcher).init.num_cpus == 2


def test_borrowing_imports_no_torch():
    code = "import sys, groundup.borrowed.hydra; sys.exit(bool({'torch', 'lightning'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
