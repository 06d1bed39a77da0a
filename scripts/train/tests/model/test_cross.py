"""Cross attention: any Hugging Face encoder, trained, resumed, exported for a /rerank server."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from encoders import FAMILIES, write_encoder
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel
from typer.testing import CliRunner

from medadapter_train.bundle import export_cross as export_stage
from medadapter_train.bundle.folder import open_bundle
from medadapter_train.bundle.request import ExportRequest
from medadapter_train.cli import app
from medadapter_train.errors import ConfigError, ParityError, PublishError
from medadapter_train.fit.config import SourceSet, TrainConfig
from medadapter_train.fit.losses import LOSSES, ranking_loss
from medadapter_train.model.cross import CrossRanker, PairEncoder, load_cross, pair_tokenizer
from medadapter_train.model.packed import Packed
from medadapter_train.run.config import load_run

OPTIONS = [("yes", "yes"), ("no", "no")]


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Tokenizer:
    return Tokenizer.from_file(str(tiny_base / "tokenizer.json"))


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_packed_pairs_score_as_the_encoder_scores_each_pair_alone(
    family: str, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    base = str(write_encoder(tmp_path / family, family, tokenizer))
    encoder = PairEncoder(pair_tokenizer(base))
    ranker = CrossRanker(load_cross(base, 1), encoder.joints()).eval()
    prefix = encoder.prefix("is the drug good", OPTIONS, "the trial of the drug").ids
    texts = [encoder.candidate(OPTIONS, a, "because it works").ids for a in ("yes", "no", None)]
    together = ranker(Packed.of(prefix, texts))
    first = "is the drug good\nyes\nno\nthe trial of the drug"
    for logit, lead in zip(together, ("yes", "no", "none"), strict=True):
        pair = encoder.tokenizer.encode(first, f"{lead}\nbecause it works")
        inputs = {"input_ids": torch.tensor([pair.ids])}
        if ranker.typed:
            inputs["token_type_ids"] = torch.tensor([pair.type_ids])
        alone = ranker.encoder(**inputs).logits[0, 0]
        torch.testing.assert_close(logit, alone, atol=1e-4, rtol=0)


def test_the_paper_s_loss_is_the_softmax_cross_entropy_of_two_classes() -> None:
    logits, labels = torch.randn(7), torch.tensor([1.0, 0, 0, 1, 0, 1, 1])
    two = torch.stack([torch.zeros(7), logits], dim=1)
    expected = torch.nn.functional.cross_entropy(two, labels.long())
    weights = LOSSES["cross_entropy"]
    torch.testing.assert_close(ranking_loss(logits, labels, weights), expected)
    alike = torch.ones(7)
    expected = torch.nn.functional.cross_entropy(two, alike.long())
    torch.testing.assert_close(ranking_loss(logits, alike, weights), expected)


def test_a_cross_encoder_trains_and_is_exported_for_a_rerank_server(
    tokenizer: Tokenizer, candidate_file: Path, tmp_path: Path
) -> None:
    base = write_encoder(tmp_path / "base", "MPNet", tokenizer)
    config = tmp_path / "cross.toml"
    config.write_text(
        "[train]\n"
        f'base = "{base}"\nattention = "cross"\nloss = "cross_entropy"\npasses = 60\nbatch = 4\n'
        "learning_rate = 1e-3\nhead_learning_rate = 5e-3\nwarmup_steps = 2\nthreads = 1\n"
        "bf16 = false\ncheckpoint_every = 60\n"
        f'sets = [{{ file = "{candidate_file.name}" }}]\n'
        '[bundle]\nname = "big"\nversion = "1"\n'
    )
    run, data = tmp_path / "run", str(candidate_file.parent)
    invoke = CliRunner().invoke

    def ok(*words: object) -> str:
        result = invoke(app, [str(w) for w in words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return str(result.output)

    ok("train", config, "--out", run, "--data", data)
    ok("choose", "--run", run, "--data", candidate_file)
    ok("export", config, "--run", run, "--out", tmp_path / "served")
    served = AutoModelForSequenceClassification.from_pretrained(tmp_path / "served")
    assert served.config.num_labels == 1
    assert (tmp_path / "served" / "tokenizer.json").is_file()


def test_a_written_model_that_scores_otherwise_is_refused(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = str(write_encoder(tmp_path / "base", "Bert", tokenizer))
    settings = TrainConfig(sets=[SourceSet("s")], base=base, attention="cross")

    def another(folder: Path) -> PreTrainedModel:
        torch.manual_seed(9)
        return AutoModelForSequenceClassification.from_config(
            AutoConfig.from_pretrained(folder, num_labels=1)
        )

    monkeypatch.setattr(export_stage, "load_classifier", another)
    with pytest.raises(ParityError):
        export_stage.export_cross(settings, ExportRequest(), None, tmp_path / "served")
    assert [p.name for p in tmp_path.iterdir()] == ["base"]


def test_no_run_publishes_what_the_worker_cannot_serve(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[run]\nfolder = "r"\n[train]\nattention = "cross"\n[publish]\n')
    with pytest.raises(ConfigError, match="cannot serve attention = cross"):
        load_run(path)
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "model.safetensors").write_bytes(b"")
    with pytest.raises(PublishError) as caught:
        open_bundle(tmp_path / "served")
    assert caught.value.kind == "not_served"
