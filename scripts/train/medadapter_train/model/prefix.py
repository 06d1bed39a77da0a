"""The adapter: an encoder under prefix-shared attention and a score head.

The encoder is a BERT, or one of its layer layout with absolute positions: RoBERTa, ELECTRA.

A question's prefix is encoded once; each candidate's tokens attend to the prefix and to their own
candidate, and candidates never see each other. Training packs one question with its candidates and
computes the block mask's non-zero blocks only (prefix x prefix, candidate x prefix+candidate),
which is the same arithmetic as one dense masked attention at a fraction of the work. The paper's
(arXiv 2405.03000, section 3) cross-encoder scores `question + candidate` anew for each candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.models.bert.modeling_bert import BertLayer

from medadapter_train.model.packed import Packed, Part, flat_inputs, parts_of


class PrefixRanker(nn.Module):
    """`forward(*packs)` gives the candidates' logits, question after question [sum of C].

    What several questions share is the work of the linear layers; none sees another's tokens.
    """

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        # RoBERTa's and ELECTRA's layers have BERT's names; weight files call the encoder `bert`.
        self.bert = cast(Any, encoder)
        config = cast(Any, encoder.config)
        #: RoBERTa counts its positions from the padding token's id on.
        self.first_position = config.pad_token_id + 1 if config.model_type == "roberta" else 0
        #: Most RoBERTas know only one token type.
        self.candidate_type = 1 if config.type_vocab_size > 1 else 0
        self.heads = int(config.num_attention_heads)
        self.head_size = int(config.hidden_size) // self.heads
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.out = nn.Linear(config.hidden_size, 1)
        self.scale = self.head_size**-0.5

    def init_head(self, seed: int) -> None:
        """A small random head from a generator of its own: the same for the same seed."""
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for linear in (self.dense, self.out):
                linear.weight.normal_(0.0, 0.02, generator=generator)
                linear.bias.zero_()

    def forward(self, *packs: Packed) -> Tensor:
        ids, types, positions = flat_inputs(packs)
        x = self.embed(ids, types, positions)
        # The residual stream in the autocast type: half the memory traffic of a float32 one.
        kind = ids.device.type
        x = x.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x
        parts = parts_of(packs, x.dtype)
        for layer in self.bert.encoder.layer[:-1]:
            x = self._layer(cast(BertLayer, layer), x, parts)
        return self.score_head(
            self._last_layer(cast(BertLayer, self.bert.encoder.layer[-1]), x, parts)
        )

    def score_head(self, h: Tensor) -> Tensor:
        """[..., hidden] -> [...] logits: w2 . tanh(W1 h + b1) + b2."""
        return cast(Tensor, self.out(torch.tanh(self.dense(h))).squeeze(-1).float())

    def embed(self, ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        """[n] ids, types (0 prefix, 1 candidate) and positions from 0 on -> [n, hidden]."""
        e = self.bert.embeddings
        if self.candidate_type == 0:
            types = torch.zeros_like(types)
        if self.first_position:
            positions = positions + self.first_position
        x = e.word_embeddings(ids) + e.token_type_embeddings(types)
        x = e.LayerNorm(x + e.position_embeddings(positions))
        project = getattr(self.bert, "embeddings_project", None)
        return cast(Tensor, x if project is None else project(x))

    def _rows(self, x: Tensor) -> Tensor:
        """[n, hidden] -> [1, heads, n, head_size]."""
        return x.view(1, -1, self.heads, self.head_size).transpose(1, 2)

    def _blocks(self, x: Tensor, part: Part) -> Tensor:
        """Packed candidate tokens [n, hidden] -> padded [C, heads, t, head_size]."""
        count, t = part.shape
        if x.shape[0] != count * t:
            x = x.new_zeros(count * t, x.shape[1]).index_copy(0, part.tokens, x)
        return x.view(count, t, self.heads, self.head_size).transpose(1, 2)

    def _layer(self, layer: BertLayer, x: Tensor, parts: Sequence[Part]) -> Tensor:
        own = layer.attention.self
        q, k, v = own.query(x) * self.scale, own.key(x), own.value(x)
        attended: list[Tensor] = []
        for part in parts:
            rows = slice(part.start, part.end)
            attended += self._attended(q[rows], k[rows], v[rows], part)
        return self._feed_forward(layer, torch.cat(attended), x)

    def _attended(self, q: Tensor, k: Tensor, v: Tensor, part: Part) -> tuple[Tensor, Tensor]:
        """One question's rows [n, hidden]: what its prefix and its candidates attend to."""
        p, (count, t) = part.prefix, part.shape
        k0, v0 = self._rows(k[:p]), self._rows(v[:p])
        weights = (self._rows(q[:p]) @ k0.transpose(-1, -2)).softmax(-1)
        of_prefix = (weights @ v0).transpose(1, 2).reshape(p, -1)
        of_candidates = self._attend(
            self._blocks(q[p:], part),
            (k0, v0),
            (self._blocks(k[p:], part), self._blocks(v[p:], part)),
            part.bias,
        ).reshape(count * t, -1)
        if of_candidates.shape[0] != part.tokens.numel():
            of_candidates = of_candidates[part.tokens]
        return of_prefix, of_candidates

    def _attend(
        self, q: Tensor, shared: tuple[Tensor, Tensor], own: tuple[Tensor, Tensor], bias: Tensor
    ) -> Tensor:
        """Candidates' queries [C, heads, n, d] over prefix and own tokens -> [C, n, hidden].

        Explicit products: torch's fused CPU attention is slower here, its backward by 2 to 3 times
        (6 x 110 queries on 330 + 110 keys, bf16, 2 threads: 49 ms against 21 ms a layer).
        """
        count, heads, n, d = q.shape
        (k0, v0), (k, v) = shared, own
        p = k0.shape[2]
        flat = q.transpose(0, 1).reshape(1, heads, count * n, d)
        on_prefix = (flat @ k0.transpose(-1, -2)).view(heads, count, n, p).transpose(0, 1)
        weights = torch.cat([on_prefix, q @ k.transpose(-1, -2) + bias], -1).softmax(-1)
        on_prefix = weights[..., :p].transpose(0, 1).reshape(1, heads, count * n, p)
        out = (on_prefix @ v0).view(heads, count, n, d).transpose(0, 1) + weights[..., p:] @ v
        return out.transpose(1, 2).reshape(count, n, heads * d)

    def _last_layer(self, layer: BertLayer, x: Tensor, parts: Sequence[Part]) -> Tensor:
        """The last layer for the candidates' first tokens alone: [sum of C, hidden]."""
        own = layer.attention.self
        first = x[torch.cat([part.firsts for part in parts])]
        k, v = own.key(x), own.value(x)
        queries = (own.query(first) * self.scale).split([part.shape[0] for part in parts])
        attended = []
        for part, q in zip(parts, queries, strict=True):
            edge = part.start + part.prefix
            out = self._attend(
                q.view(part.shape[0], 1, self.heads, self.head_size).transpose(1, 2),
                (self._rows(k[part.start : edge]), self._rows(v[part.start : edge])),
                (self._blocks(k[edge : part.end], part), self._blocks(v[edge : part.end], part)),
                part.bias,
            )
            attended.append(out.reshape(part.shape[0], -1))
        return self._feed_forward(layer, torch.cat(attended), first)

    def _feed_forward(self, layer: BertLayer, attended: Tensor, x: Tensor) -> Tensor:
        joined = layer.attention.output
        x = joined.LayerNorm(x + joined.dense(attended))
        inner = F.gelu(layer.intermediate.dense(x))
        return cast(Tensor, layer.output.LayerNorm(x + layer.output.dense(inner)))
