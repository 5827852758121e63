"""A network for other programs: the file answers as the run did, or there is no file."""

from __future__ import annotations

import importlib.util
import io
import json

import numpy as np
import pytest
import torch
from small_runs import SMALL

from groundup.config.check import check_export
from groundup.errors import RunFailed, UserError
from groundup.rundir.exported import facts_of, read_facts
from groundup.rundir.predictions import read_predictions
from groundup.spec import DatasetSpec

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from groundup.learning.numpy_net import NumPyNet  # noqa: E402
from groundup.learning.numpy_twin import twin_of  # noqa: E402
from groundup.numpy_nets import models  # noqa: E402
from groundup.numpy_nets.activations import ReLU  # noqa: E402
from groundup.numpy_nets.sequential import Sequential  # noqa: E402
from groundup.run import export as module  # noqa: E402
from groundup.run.export import export  # noqa: E402
from groundup.run.exported import Exported  # noqa: E402
from groundup.run.onnx_network import OnnxNetwork, read_onnx  # noqa: E402


@pytest.fixture(autouse=True)
def hurried(monkeypatch) -> None:
    monkeypatch.setattr(module, "ROUNDS", 1)


@pytest.fixture
def run_of(make_config, whole_run):
    return lambda *overrides: whole_run(make_config(*overrides, small=SMALL if not overrides else ()))


NUMPY = ("model=numpy_mlp", "model.hidden_dims=[16]", "model.batch_norm=true", "trainer.max_epochs=1")


@pytest.mark.parametrize("overrides", [(), NUMPY, (*SMALL, "loss=squared_error")])
def test_the_file_answers_raw_images_as_the_run_answered_its_test_split(run_of, tmp_path, overrides):
    run_dir, file = run_of(*overrides), tmp_path / "model.onnx"
    report = export(run_dir, file)
    kept = read_predictions(run_dir, "test")
    assert (report.split, report.images) == ("test", len(kept.true))
    assert report.difference < 1e-4
    session = onnxruntime.InferenceSession(str(file))  # as somebody else's program reads it
    images = _test_images(run_dir)
    probabilities, names = session.run(["probabilities", "class"], {"images": images})
    np.testing.assert_allclose(probabilities, kept.probabilities, atol=6e-4)  # kept in half precision
    classes = json.loads(session.get_modelmeta().custom_metadata_map["class_names"])
    assert list(names) == [classes[k] for k in kept.probabilities.argmax(1)]
    assert report.networks[1].acc == pytest.approx((kept.probabilities.argmax(1) == kept.true).mean())


def test_a_file_that_would_answer_otherwise_is_not_written(run_of, tmp_path, monkeypatch):
    """The control: normalisation left out."""
    monkeypatch.setattr(Exported, "forward", lambda self, images: self.meaning(self.predictor(images.float() / 255)))
    with pytest.raises(RunFailed, match=r"model\.onnx: not written: \d+ of 359 images would have another class"):
        export(run_of(), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_pt2_holds_the_network_and_no_test_image(run_of, tmp_path):
    export(run_of(), tmp_path / "model.pt2", to="pt2")
    content = (tmp_path / "model.pt2").read_bytes()
    loaded = torch.export.load(io.BytesIO(content)).module()
    images = _test_images(run_of())
    kept = read_predictions(run_of(), "test")
    np.testing.assert_allclose(
        loaded(torch.from_numpy(images)).numpy(), kept.probabilities, atol=6e-4
    )  # kept in half precision
    assert images[:2].tobytes() not in content or images[2:40].tobytes() not in content


def test_int8_is_a_second_file_whose_accuracy_is_said(run_of, tmp_path):
    report = export(run_of(), tmp_path / "m.onnx", int8=tmp_path / "m.int8.onnx")
    assert [file.name for file in report.files] == ["m.onnx", "m.int8.onnx"]
    floating, small = report.networks[1:]
    network = read_onnx(tmp_path / "m.int8.onnx")
    kept = read_predictions(run_of(), "test")
    classes = network.probabilities(_test_images(run_of())).argmax(1)
    assert small.acc == pytest.approx((classes == kept.true).mean())
    assert report.changed == (classes != kept.probabilities.argmax(1)).sum()
    assert small.acc > floating.acc - 0.1


def test_a_network_that_torch_cannot_follow_is_answered_in_a_sentence(run_of, tmp_path):
    run_dir = run_of("model=forward_forward", "model.hidden_dims=[16]", "trainer.max_epochs=1")
    with pytest.raises(UserError, match="model=forward_forward: cannot be exported"):
        export(run_dir, tmp_path / "model.onnx")


def test_a_network_that_draws_is_answered_in_a_sentence(run_of, tmp_path, monkeypatch):
    from groundup.learning.predictor import Predictor

    monkeypatch.setattr(Predictor, "draws_at_inference", True)
    monkeypatch.setattr(Predictor, "inference_draws", None)
    monkeypatch.setattr(Predictor, "predict_logits", lambda self, images: self.net(images))
    with pytest.raises(UserError, match="its predictions draw random numbers"):
        export(run_of(), tmp_path / "model.onnx")


def _test_images(run_dir):
    """From the published file, not by what exports."""
    from groundup.data.specs import published

    return np.ascontiguousarray(np.asarray(published({"name": "digits"}).read(run_dir, "test")[0]))


# Twins


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (models.mlp(1, (6, 6), 3, (5,), "tanh", "softmax", batch_norm=True, dropout=0.5), (4, 1, 6, 6)),
        (models.lenet(2, (12, 12), 3, "sigmoid", "avg"), (4, 2, 12, 12)),
        (models.cnn(1, (10, 10), 3, hidden_dims=(4,), dtype=np.float64), (4, 1, 10, 10)),
    ],
    ids=["mlp", "lenet", "cnn"],
)
def test_a_twin_computes_the_same(net, shape):
    rng = np.random.default_rng(0)
    for name, array in {**net.params, **net.buffers}.items():
        if "tracked" not in name:
            array[...] = rng.uniform(0.1, 1, array.shape)
    x = rng.normal(size=shape).astype(next(iter(net.params.values())).dtype)
    with torch.no_grad():
        found = twin_of(NumPyNet(net))(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, net.forward(x), rtol=1e-4)
    assert found.dtype == x.dtype


class Own(ReLU):
    """May compute something else."""


def test_a_layer_of_somebody_elses_has_no_twin():
    with pytest.raises(UserError, match=r"Own.*no counterpart in PyTorch"):
        twin_of(NumPyNet(Sequential({"own": Own()})))


# What is asked for, what is read


def test_missing_packages_are_named_before_anything_is_read(compose_config, run_of, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *of: None if name == "onnxscript" else find(name, *of)
    )
    with pytest.raises(UserError, match=r'to=onnx: needs onnxscript: pip install "groundup\[export\]"'):
        check_export(compose_config(f"run={run_of()}", name="export"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["out=model.pt2"], "ends in .onnx"),
        (["to=pt2", "int8=true"], "int8=true with to=pt2: accepted: to=onnx"),
        (["to=tflite"], "to=tflite: must be 'onnx' or 'pt2'"),
        (["threads=0"], "threads=0"),
    ],
)
def test_what_does_not_go_together_is_refused(compose_config, run_of, words, said):
    with pytest.raises(UserError, match=said):
        check_export(compose_config(f"run={run_of()}", *words, name="export"))


def test_the_file_lies_in_the_run_unless_it_is_named(compose_config, run_of):
    found = check_export(compose_config(f"run={run_of()}", "int8=true", name="export"))
    assert (found["out"], found["int8"]) == (run_of() / "model.onnx", run_of() / "model.int8.onnx")


SPEC = DatasetSpec("x", 1, 4, 4, ("a", "b"), (0.5,), (0.2,), 1, 1)


def test_facts_are_read_back():
    manner = {"background": [1, 2, 3], "max_pixels": 100_000_000}
    for usual in ((0.5, 0.25), None):
        assert read_facts(json.dumps(facts_of(SPEC, "mlp", manner, usual, {}))) == (SPEC, manner, usual)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"height": 2**30},
        {"manner": {"other": 1}},
        {"std": [0]},
        {"class_names": "ab"},
        {"mean": [], "std": []},
        {"manner": {"background": {"a": 1}}},
        {"manner": {"max_pixels": 10**12}},
        {"usual": [0.5]},
        {"usual": [0.5, float("nan")]},
    ],
)
def test_facts_of_a_stranger_are_held_against_what_they_may_be(change):
    with pytest.raises(ValueError, match=r"."):
        read_facts(json.dumps(facts_of(SPEC, "mlp", {}, None, {}) | change))


def test_a_file_that_is_no_network_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"not a network")
    with pytest.raises(UserError, match=r"a\.onnx: .*accepted: a file that groundup export wrote"):
        read_onnx(tmp_path / "a.onnx")
    graph = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 18]> g (float[N] x) => (float[N] y) { y = Abs(x) }'
    )
    with pytest.raises(UserError, match="it does not say what its classes and images are"):
        OnnxNetwork(graph.SerializeToString(), "x.onnx")
