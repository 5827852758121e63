"""Networks of timm and torchvision: a head for the data, stages, rates, and weights taken whole or not at all."""

from __future__ import annotations

import re

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from groundup.data.specs import make_spec
from groundup.errors import UserError
from groundup.learning.classifier import Classifier
from groundup.learning.pretrained import begin_pretrained
from groundup.learning.schedules import Constant
from groundup.models.backbone import Input, options_of_input

timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")

from groundup.models.timm_network import TimmNetwork  # noqa: E402
from groundup.models.torchvision_network import TorchvisionNetwork  # noqa: E402

ARCH = "test_resnet"  # timm's own for tests: half a million weights
SIZE = (32, 32)
COLOUR, GREY = make_spec({"name": "cifar10"}), make_spec({"name": "digits", "image_size": 32})


@pytest.fixture(scope="module")
def published():
    """As a file from timm would hold it, with a head for 1,000 classes."""
    torch.manual_seed(7)
    return timm.create_model(ARCH).eval()


def saved(content, path):
    (save_file if path.suffix == ".safetensors" else torch.save)(content, path)
    return str(path)


def prefixed(state, prefix):
    return {f"{prefix}{name}": weight for name, weight in state.items()}


WRAPPERS = {
    "plain.pth": lambda state: state,
    "timms.safetensors": lambda state: state,
    "trained.pth": lambda state: {"state_dict": prefixed(state, "module."), "epoch": 3},
    "theirs.pt": lambda state: {"model": state},
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_file_of_weights_gives_the_network_that_it_is_of(published, tmp_path, name):
    file = saved(WRAPPERS[name](published.state_dict()), tmp_path / name)
    network = TimmNetwork(3, SIZE, 1000, ARCH, weights=file)
    images = torch.randn(2, 3, *SIZE)
    assert not torch.allclose(network.eval()(images), published(images))  # nothing is read before a training begins
    begin_pretrained(network, COLOUR)
    torch.testing.assert_close(network.eval()(images), published(images))


def test_a_head_of_other_classes_is_dropped_and_said(published, tmp_path, caplog):
    caplog.set_level("INFO")
    network = TimmNetwork(3, SIZE, 10, ARCH, weights=saved(published.state_dict(), tmp_path / "w.pth"))
    head = network.network.fc.weight.clone()
    begin_pretrained(network, COLOUR)
    assert torch.equal(network.network.fc.weight, head)
    images = torch.randn(2, 3, *SIZE)
    torch.testing.assert_close(network.network.eval().forward_features(images), published.forward_features(images))
    assert "new, for 10 classes: fc.weight, fc.bias" in caplog.text
    assert "images: 32x32 pixels, mean (0.4914, " in caplog.text
    assert "trained on others: 160x160 pixels, mean (0.5, 0.5, 0.5), std (0.5, 0.5, 0.5)" in caplog.text


def test_grey_images_are_answered_as_the_same_images_in_colour(published, tmp_path, caplog):
    caplog.set_level("INFO")
    network = TimmNetwork(1, SIZE, 1000, ARCH, weights=saved(published.state_dict(), tmp_path / "w.pth"))
    begin_pretrained(network, GREY)
    grey = torch.randn(2, 1, *SIZE)
    torch.testing.assert_close(network.eval()(grey), published(grey.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)
    assert "its first layer, for images of 1 channels, is summed over 3" in caplog.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("layer1.0.conv1.weight"), "layer1.0.conv1.weight is not in them"),
        (lambda state: state.update(more=torch.ones(1)), "more is in them and not in the network"),
        (
            lambda state: state.update({"layer1.0.bn1.bias": torch.ones(3)}),
            r"layer1.0.bn1.bias has shape \(3\) there and",
        ),
        (lambda state: state["bn1.bias"].fill_(float("nan")), "bn1.bias is NaN or infinite$"),
        (lambda state: state.clear() or state.update(x=torch.ones(1)), "conv1.* is not in them; .* and [0-9]+ more"),
    ],
)
def test_weights_of_another_network_are_refused_by_name(published, tmp_path, change, said):
    state = {name: weight.clone() for name, weight in published.state_dict().items()}
    change(state)
    network = TimmNetwork(3, SIZE, 10, ARCH, weights=saved(state, tmp_path / "w.pth"))
    with pytest.raises(UserError, match=said):
        begin_pretrained(network, COLOUR)


def test_code_in_a_file_of_weights_is_not_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    network = TimmNetwork(3, SIZE, 10, ARCH, weights=saved({"x": Payload()}, tmp_path / "w.pth"))
    with pytest.raises(UserError, match="refused, it is damaged or holds more than tensors"):
        begin_pretrained(network, COLOUR)
    assert not (tmp_path / "ran").exists()


def test_published_weights_that_cannot_be_fetched_are_named_in_a_line(monkeypatch):
    def no_network(*_, **__):
        raise OSError("no route to host\nand more")

    networks = [
        TimmNetwork(3, SIZE, 10, ARCH, weights="default"),
        TorchvisionNetwork(3, SIZE, 10, "resnet18", "default"),
    ]
    monkeypatch.setattr(timm, "create_model", no_network)
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", no_network)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", no_network)
    for network, file in zip(networks, ("timm/test_resnet", "resnet18-f37072fd.pth"), strict=True):
        with pytest.raises(UserError, match=rf"^model.weights=default: .*{file}.*give model.weights=PATH.*$"):
            begin_pretrained(network, COLOUR)


def test_an_older_file_of_torchvision_is_read_by_todays_names(tmp_path):
    torch.manual_seed(0)
    own = torchvision.models.densenet121().state_dict()
    older = {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", name): weight for name, weight in own.items()}
    assert older.keys() != own.keys()
    network = TorchvisionNetwork(3, SIZE, 10, "densenet121", saved(older, tmp_path / "densenet121-a639ec97.pth"))
    begin_pretrained(network, COLOUR)
    name = "features.denseblock1.denselayer1.conv1.weight"
    assert torch.equal(network.network.state_dict()[name], own[name])


def test_stages_are_frozen_from_the_first_one_on():
    def frozen(freeze):
        return set(TimmNetwork(3, SIZE, 10, "resnet18", freeze=freeze).frozen)

    stem, two = frozen(1), frozen(2)
    assert stem == {"network.conv1.weight", "network.bn1.weight", "network.bn1.bias"}
    assert {name.split(".")[1] for name in two - stem} == {"layer1"}
    everything = {name for name, _ in TimmNetwork(3, SIZE, 10, "resnet18").named_parameters()}
    assert everything - frozen("backbone") == {"network.fc.weight", "network.fc.bias"}
    assert frozen(5) == frozen("backbone")
    with pytest.raises(UserError, match=r"^model\.freeze=6: resnet18 has 5 stages; accepted: none, backbone, 1 to 5$"):
        frozen(6)


@pytest.mark.parametrize(("arch", "stages"), [("resnet18", 5), ("mobilenet_v3_small", 14)])
def test_every_weight_of_torchvisions_networks_is_in_one_stage_or_in_the_head(arch, stages):
    network = TorchvisionNetwork(3, SIZE, 10, arch, freeze="backbone")
    names = [name for name, _ in network.named_parameters()]
    assert len(network.frozen) == len(set(network.frozen)) == len(names) - 2
    with pytest.raises(UserError, match=f"has {stages} stages"):
        TorchvisionNetwork(3, SIZE, 10, arch, freeze=stages + 1)


def test_the_backbone_learns_at_its_share_of_the_rate():
    network = TimmNetwork(3, SIZE, 10, ARCH, backbone_rate=0.25)
    made = Classifier(network, COLOUR, nn.CrossEntropyLoss(), lambda groups: torch.optim.SGD(groups, 0.4), Constant())
    optimizer = made.configure_optimizers()
    assert [group["lr"] for group in optimizer.param_groups] == [0.4, 0.1]
    assert optimizer.param_groups[0]["param_names"] == ["net.network.fc.weight", "net.network.fc.bias"]
    before = {name: p.detach().clone() for name, p in network.network.named_parameters()}
    made.losses(torch.randn(4, 3, *SIZE), torch.arange(4)).loss.backward()
    optimizer.step()
    for name, parameter in network.network.named_parameters():  # by hand: w - rate * gradient
        rate = 0.4 if name.startswith("fc.") else 0.1
        torch.testing.assert_close(parameter, before[name] - rate * parameter.grad)
    assert TimmNetwork(3, SIZE, 10, ARCH).rate_shares == {}
    assert set(TimmNetwork(3, SIZE, 10, ARCH, weights="default").rate_shares.values()) == {0.1}


def test_images_are_shown_as_the_weights_know_them():
    imagenet = Input(224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    colour, grey = options_of_input(imagenet, 3), options_of_input(imagenet, 1)
    assert colour == {"image_size": 224, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    assert grey == {"image_size": 224, "mean": [0.449], "std": [0.226]}
    assert options_of_input(imagenet, 4) == {"image_size": 224}
    assert TimmNetwork.input_of("vit_tiny_patch16_224") == (224, (0.5,) * 3, (0.5,) * 3)
    assert TorchvisionNetwork.input_of("resnet18") == imagenet


def test_no_name_reaches_out_of_the_library():
    assert not {name for name in TimmNetwork.names() if ":" in name or "/" in name}
    assert "resnet18.a1_in1k" in TimmNetwork.names()
    assert not {"get_model", "fcn_resnet50", "raft_large"} & set(TorchvisionNetwork.names())


def test_weights_that_are_no_numbers_or_whole_ones_are_refused_by_name(published, tmp_path):
    state = published.state_dict()
    name = next(name for name, weight in state.items() if weight.is_floating_point())
    for wrong, said in ((state[name] * torch.nan, "NaN or infinite"), (state[name].int(), "int32 there")):
        file = saved(state | {name: wrong}, tmp_path / "x.pth")
        backbone = TimmNetwork(3, SIZE, 10, ARCH, weights=file)
        with pytest.raises(UserError, match=rf"model.weights=.*{name} is {said}"):
            begin_pretrained(backbone, COLOUR)
    (tmp_path / "y.pth").write_bytes(b"no weights")
    with pytest.raises(UserError, match=r"^model.weights=\S*y.pth: "):
        begin_pretrained(TimmNetwork(3, SIZE, 10, ARCH, weights=str(tmp_path / "y.pth")), COLOUR)


def test_a_last_layer_of_as_many_classes_is_kept_and_said(tmp_path, caplog):
    theirs = timm.create_model(ARCH, num_classes=10)
    backbone = TimmNetwork(3, SIZE, 10, ARCH, weights=saved(theirs.state_dict(), tmp_path / "x.pth"))
    with caplog.at_level("INFO"):
        begin_pretrained(backbone, COLOUR)
    assert "its last layer is of 10 classes, too, and is kept" in caplog.text
    assert torch.equal(backbone.network.get_classifier().weight, theirs.get_classifier().weight)
