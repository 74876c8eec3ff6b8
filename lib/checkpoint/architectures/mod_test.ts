import assert from "node:assert/strict";
import { join } from "node:path";
import { BadInput } from "../../std/errors.ts";
import { sharedTest } from "../../std/test_support.ts";
import { openCheckpoint } from "../open.ts";
import { readGolden, roundLikeGolden, TINY_MODELS } from "../testing/golden.ts";
import { referenceLogits } from "../testing/reference_forward.ts";
import { validateCheckpoint } from "../validate.ts";
import { describeModel, findArchitecture } from "./mod.ts";

for (const name of TINY_MODELS) {
  sharedTest(`describeModel() describes ${name} as transformers computes it`, async (shared) => {
    const folder = join(shared, "tiny", name);
    const checkpoint = await openCheckpoint(folder);
    try {
      const spec = describeModel(roundLikeGolden(name, checkpoint.config));
      validateCheckpoint(checkpoint, spec);
      for (const { inputIds, logits, greedyIds } of readGolden(folder)) {
        const rows = await referenceLogits(checkpoint, spec, [...inputIds, ...greedyIds.slice(0, -1)]);
        const most = logits.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
        let worst = 0;
        logits.forEach((logit, i) => {
          const own = rows[Math.floor(i / spec.vocabSize)][i % spec.vocabSize];
          worst = Math.max(worst, Math.abs(logit - own));
        });
        assert.ok(worst < 1e-5 * most, `logits differ by ${worst} of ${most}`);
        const greedy = rows.slice(inputIds.length - 1).map((row) => row.indexOf(Math.max(...row)));
        assert.deepEqual(greedy, greedyIds);
      }
    } finally {
      checkpoint.close();
    }
  });
}

const LLAMA = {
  model_type: "llama",
  vocab_size: 32,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 1024,
};

Deno.test("describeModel() reads rotary positions in the older and the newer spelling", () => {
  const older = { rope_theta: 5e5, rope_scaling: { type: "linear", factor: 4 }, torch_dtype: "bfloat16" };
  const newer = { rope_parameters: { rope_type: "linear", rope_theta: 5e5, factor: 4 }, dtype: "bfloat16" };
  const spec = describeModel({ ...LLAMA, ...older });
  assert.deepEqual(spec, describeModel({ ...LLAMA, ...newer }));
  assert.deepEqual(spec.layers[0].rope, { theta: 5e5, dims: 8, linearFactor: 4 });
});

Deno.test("describeModel() gives llama the biases that its config asks for", () => {
  const biases = (config: object) => {
    const { query, output, gate, down } = describeModel({ ...LLAMA, ...config }).layers[0];
    return [query, output, gate!, down].map((matrix) => matrix.bias !== undefined);
  };
  assert.deepEqual(biases({}), [false, false, false, false]);
  assert.deepEqual(biases({ attention_bias: true }), [true, true, false, false]);
  assert.deepEqual(biases({ mlp_bias: true }), [false, false, true, true]);
});

Deno.test("describeModel() gives qwen2 a window on the upper layers only where it is switched on", () => {
  const qwen = { ...LLAMA, model_type: "qwen2", sliding_window: 16, max_window_layers: 3 };
  const windows = (config: object) =>
    describeModel({ ...qwen, ...config }).layers.map((layer) => layer.window);
  const none = undefined;
  assert.deepEqual(windows({ use_sliding_window: false }), [none, none, none, none]);
  assert.deepEqual(windows({ use_sliding_window: true }), [none, none, none, 16]);
  const types = ["sliding_attention", "full_attention", "full_attention", "full_attention"];
  assert.deepEqual(windows({ use_sliding_window: true, layer_types: types }), [16, none, none, none]);
  // A window as long as the context hides nothing.
  assert.deepEqual(windows({ use_sliding_window: true, sliding_window: 1024 }), [none, none, none, none]);
});

const GEMMA = {
  ...LLAMA,
  model_type: "gemma3_text",
  head_dim: 8,
  sliding_window: 16,
  query_pre_attn_scalar: 16,
};

Deno.test("describeModel() reads gemma3 in the older spelling, the newer one and inside a multimodal config", () => {
  const older = {
    ...GEMMA,
    sliding_window_pattern: 2,
    rope_theta: 1e6,
    rope_local_base_freq: 20000,
    rope_scaling: { rope_type: "linear", factor: 8 },
  };
  const newer = {
    ...GEMMA,
    layer_types: ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
    rope_parameters: {
      full_attention: { rope_type: "linear", rope_theta: 1e6, factor: 8 },
      sliding_attention: { rope_type: "default", rope_theta: 20000 },
    },
  };
  const spec = describeModel(older);
  assert.deepEqual(describeModel(newer), spec);
  assert.deepEqual(describeModel({ model_type: "gemma3", text_config: older }), spec);
  assert.deepEqual(spec.layers.map((layer) => layer.window), [16, undefined, 16, undefined]);
  assert.deepEqual(spec.layers[0].rope, { theta: 20000, dims: 8 });
  assert.deepEqual(spec.layers[1].rope, { theta: 1e6, dims: 8, linearFactor: 8 });
  assert.equal(spec.layers[0].attentionScale, 0.25);
  assert.equal(spec.embedding.scale, Math.sqrt(32));
});

Deno.test("describeModel() lets part of a phi3 head rotate and finds its parts in the fused matrices", () => {
  const phi = { ...LLAMA, model_type: "phi3", partial_rotary_factor: 0.5 };
  const { rope, query, key, value, gate, up } = describeModel(phi).layers[0];
  assert.equal(rope?.dims, 4);
  assert.deepEqual([query, key, value, gate!, up].map((m) => [m.rowStart, m.rows]), [
    [0, 32],
    [32, 16],
    [48, 16],
    [0, 48],
    [48, 48],
  ]);
});

Deno.test("describeModel() refuses what a description lacks", () => {
  const refuse = (config: Record<string, unknown>, pattern: RegExp) =>
    assert.throws(() => describeModel(config), (e) => e instanceof BadInput && pattern.test(e.message));
  refuse(
    { ...LLAMA, model_type: "phi3", rope_scaling: { type: "longrope" } },
    /rope_type .* it is "longrope"/,
  );
  refuse({ ...GEMMA, final_logit_softcapping: 30 }, /final_logit_softcapping must be off: it is 30/);
  refuse({ ...GEMMA, use_bidirectional_attention: true }, /use_bidirectional_attention must be off/);
  refuse({ ...GEMMA, layer_types: ["chunked_attention"] }, /layer_types must be sliding_attention or full/);
});

Deno.test("canonicalName() gives tensors the names that descriptions use", () => {
  const name = (type: string, tensor: string) =>
    findArchitecture({ model_type: type })!.canonicalName!(tensor);
  assert.equal(name("gpt2", "h.0.ln_1.weight"), "transformer.h.0.ln_1.weight");
  assert.equal(name("gpt2", "transformer.wte.weight"), "transformer.wte.weight");
  assert.equal(name("gpt2", "lm_head.weight"), "lm_head.weight");
  for (const prefix of ["language_model.model.", "model.language_model.", "model."]) {
    assert.equal(name("gemma3", `${prefix}layers.0.mlp.up_proj.weight`), "model.layers.0.mlp.up_proj.weight");
  }
});
