import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { BadInput } from "../std/errors.ts";
import { describeModel } from "./architectures/mod.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { openCheckpoint } from "./open.ts";
import {
  ggufBytes,
  safetensorsBytes,
  SMALL_LLAMA,
  smallLlamaTensors,
  type TensorData,
  type Tensors,
  writeFolder,
} from "./testing/write_checkpoint.ts";
import { validateCheckpoint } from "./validate.ts";
import { inTemp } from "../std/test_support.ts";

const TENSORS = smallLlamaTensors();
const QUERY = "model.layers.1.self_attn.q_proj.weight";

async function withCheckpoint(path: string, run: (checkpoint: Checkpoint) => Promise<void>): Promise<void> {
  const checkpoint = await openCheckpoint(path);
  try {
    await run(checkpoint);
  } finally {
    checkpoint.close();
  }
}

/** Reads every tensor in blocks of three rows, which fit neither heads nor matrices. */
async function assertHolds(checkpoint: Checkpoint, tensors: Tensors): Promise<void> {
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    assert.deepEqual(checkpoint.tensors.get(name)?.shape, shape, name);
    const columns = data.length / shape[0];
    for (let row = 0; row < shape[0]; row += 3) {
      const count = Math.min(3, shape[0] - row);
      const expected = data.slice(row * columns, (row + count) * columns);
      assert.deepEqual(await checkpoint.readRows(name, row, count), expected, `${name} row ${row}`);
    }
  }
}

for (const type of ["F32", "F16", "BF16"] as const) {
  Deno.test(`openCheckpoint() reads ${type} safetensors in row blocks`, () =>
    inTemp(async (dir) => {
      await writeFolder(dir, SMALL_LLAMA, TENSORS);
      const bytes = safetensorsBytes(TENSORS, type);
      await Deno.writeFile(join(dir, "model.safetensors"), bytes);
      await withCheckpoint(dir, async (checkpoint) => {
        await assertHolds(checkpoint, TENSORS);
        assert.deepEqual(checkpoint.eosTokenIds, [2]);
        assert.equal(checkpoint.tokenizerFiles, null);
        assert.equal(await checkpoint.sourceHash(), createHash("sha256").update(bytes).digest("hex"));
        assert.equal(checkpoint.tensors.get(QUERY)?.type, type);
      });
    }));
}

Deno.test("openCheckpoint() reads shards that an index names, and the tokenizer's files beside them", () =>
  inTemp(async (dir) => {
    const names = Object.keys(TENSORS);
    const map = Object.fromEntries(names.map((name, i) => [name, i < 9 ? "a.safetensors" : "b.safetensors"]));
    const json = (name: string, value: unknown) => Deno.writeTextFile(join(dir, name), JSON.stringify(value));
    for (const shard of ["a.safetensors", "b.safetensors"]) {
      const part = Object.fromEntries(Object.entries(TENSORS).filter(([name]) => map[name] === shard));
      await Deno.writeFile(join(dir, shard), safetensorsBytes(part));
    }
    await json("config.json", SMALL_LLAMA);
    await json("model.safetensors.index.json", { weight_map: map });
    await json("generation_config.json", { eos_token_id: [7, 2] });
    await json("tokenizer.json", { version: "1.0" });
    await json("tokenizer_config.json", { bos_token: "<s>" });
    await Deno.writeTextFile(join(dir, "chat_template.jinja"), "{{ messages }}");
    await withCheckpoint(dir, async (checkpoint) => {
      await assertHolds(checkpoint, TENSORS);
      assert.deepEqual(checkpoint.eosTokenIds, [2, 7]);
      assert.deepEqual(checkpoint.tokenizerFiles, {
        tokenizer: { version: "1.0" },
        config: { bos_token: "<s>", chat_template: "{{ messages }}" },
      });
      assert.match(await checkpoint.sourceHash(), /^[0-9a-f]{64}$/);
    });
    await json("model.safetensors.index.json", { weight_map: { ...map, extra: "a.safetensors" } });
    await assert.rejects(
      openCheckpoint(dir),
      /a.safetensors as the index places extra in it: it is not there/,
    );
    await json("model.safetensors.index.json", { weight_map: { x: "../a.safetensors" } });
    await assert.rejects(openCheckpoint(dir), /shards must lie beside it/);
  }));

/** SMALL_LLAMA as llama.cpp's converter writes it. */
const GGUF_METADATA = {
  "general.architecture": "llama",
  "llama.block_count": 2,
  "llama.context_length": 64,
  "llama.embedding_length": 16,
  "llama.feed_forward_length": 32,
  "llama.attention.head_count": 2,
  "llama.attention.head_count_kv": 1,
  "llama.attention.layer_norm_rms_epsilon": 2 ** -17,
  "llama.rope.dimension_count": 8,
  "tokenizer.ggml.eos_token_id": 2,
};

function ggufTensors(): Tensors {
  const parts: Record<string, string> = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
  };
  return Object.fromEntries(
    Object.entries(TENSORS).map(([name, tensor]) => {
      const [, layer, part] = /^(?:model\.layers\.(\d)\.)?(.*)\.weight$/.exec(name)!;
      const own = `${layer ? `blk.${layer}.` : ""}${parts[part]}.weight`;
      return [own, /attn_[qk]\./.test(own) ? permuted(tensor) : tensor];
    }),
  );
}

/** `reshape(heads, 2, headDim / 2, cols).swapaxes(1, 2)`, as convert_hf_to_gguf.py does to q and k. */
function permuted({ shape, data }: TensorData): TensorData {
  const out: number[] = [];
  for (let head = 0; head < shape[0] / 8; head++) {
    for (let i = 0; i < 4; i++) {
      for (const half of [0, 1]) {
        const row = head * 8 + half * 4 + i;
        out.push(...data.subarray(row * shape[1], (row + 1) * shape[1]));
      }
    }
  }
  return { shape, data: Float32Array.from(out) };
}

Deno.test("openCheckpoint() gives a GGUF file's weights and config as the hub's", () =>
  inTemp(async (dir) => {
    const path = join(dir, "m.gguf");
    await Deno.writeFile(path, ggufBytes(GGUF_METADATA, ggufTensors()));
    await withCheckpoint(path, async (checkpoint) => {
      await assertHolds(checkpoint, TENSORS);
      assert.deepEqual(
        describeModel(checkpoint.config),
        describeModel({ ...SMALL_LLAMA, rms_norm_eps: 2 ** -17 }),
      );
      assert.deepEqual(checkpoint.eosTokenIds, [2]);
    });
  }));

Deno.test("openCheckpoint() takes llama 3's rotary scaling from a GGUF file's divisors, and refuses others", () =>
  inTemp(async (dir) => {
    const path = join(dir, "m.gguf");
    const metadata = { ...GGUF_METADATA, "llama.rope.freq_base": 500000 };
    // llama.cpp's converter for theta 500,000, head size 8 and factor 32; wavelengths 6.3, 167, 4443, 118143
    const divisor = 1 / ((1 - (8192 / 4442.88 - 1) / 3) / 32 + (8192 / 4442.88 - 1) / 3);
    const write = (divisors: number[]) => {
      const freqs = { shape: [4], data: Float32Array.from(divisors) };
      return Deno.writeFile(path, ggufBytes(metadata, { ...ggufTensors(), "rope_freqs.weight": freqs }));
    };
    await write([1, 1, divisor, 32]);
    await withCheckpoint(path, (checkpoint) => {
      assert.deepEqual(describeModel(checkpoint.config).layers[0].rope, {
        theta: 500000,
        dims: 8,
        llama3: { factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalContext: 8192 },
      });
      return Promise.resolve();
    });
    await write([1, 2, divisor, 32]);
    await assert.rejects(openCheckpoint(path), /as llama 3 does .*rope_freqs.weight\[1\] is 2, not 1/);
  }));

/** Opens, validates and reads everything: what a build does before it writes. */
async function useAll(path: string): Promise<void> {
  await withCheckpoint(path, async (checkpoint) => {
    validateCheckpoint(checkpoint, describeModel(checkpoint.config));
    for (const { name, shape } of checkpoint.tensors.values()) await checkpoint.readRows(name, 0, shape[0]);
  });
}

async function assertOneLine(path: string, pattern: RegExp): Promise<void> {
  await assert.rejects(useAll(path), (thrown) => {
    assert.ok(thrown instanceof BadInput, String(thrown));
    assert.match(thrown.message, /^Cannot [^\n]*$/);
    assert.match(thrown.message, pattern);
    return true;
  });
}

function without(name: string): Tensors {
  return Object.fromEntries(Object.entries(TENSORS).filter(([n]) => n !== name));
}

function spoilt(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at < 0 ? bytes.length + at : at);
  return copy;
}

const GOOD = safetensorsBytes(TENSORS);
const NAN = [0, 0, 0xc0, 0x7f];
const BAD_SAFETENSORS: [string, Uint8Array, RegExp][] = [
  ["a truncated file", GOOD.slice(0, -100), /it is cut off at \d+/],
  ["an empty file", new Uint8Array(0), /it has 0 bytes/],
  ["a header longer than the file", spoilt(GOOD, 0, 255, 255, 255, 255), /header's length is 4294967295/],
  ["a header cut short", spoilt(GOOD, 0, 100, 0), /100 bytes of it are no JSON object/],
  ["more bytes than its tensors", new Uint8Array([...GOOD, 0]), /end with its last tensor/],
  ["a weight that is no number", spoilt(GOOD, -4, ...NAN), /row 23 of lm_head.weight has NaN/],
  [
    "a missing tensor",
    safetensorsBytes(without(QUERY)),
    /needs model.layers.1.self_attn.q_proj.weight, which is missing/,
  ],
  [
    "a tensor of another shape",
    safetensorsBytes({ ...TENSORS, [QUERY]: TENSORS["model.layers.0.self_attn.k_proj.weight"] }),
    /needs model.layers.1.self_attn.q_proj.weight \[16, 16\], which is \[8, 16\]/,
  ],
];
for (const [what, bytes, pattern] of BAD_SAFETENSORS) {
  Deno.test(`safetensors with ${what} give one line`, () =>
    inTemp(async (dir) => {
      await writeFolder(dir, SMALL_LLAMA, TENSORS);
      await Deno.writeFile(join(dir, "model.safetensors"), bytes);
      await assertOneLine(dir, pattern);
    }));
}

const BAD_CONFIGS: [string, Record<string, unknown>, RegExp][] = [
  [
    "fewer layers than the weights",
    { num_hidden_layers: 1 },
    /1 layers without model.layers.1.*, which is there/,
  ],
  ["more layers than the weights", { num_hidden_layers: 3 }, /needs model.layers.2.input_layernorm.weight/],
  ["another vocabulary", { vocab_size: 25 }, /embed_tokens.weight \[25, 16\], which is \[24, 16\]/],
  ["biases that are not there", { attention_bias: true }, /q_proj.bias, which is missing/],
  ["heads that don't divide", { num_attention_heads: 3, num_key_value_heads: 2 }, /3 share 2/],
  [
    "a size that is no number",
    { hidden_size: "16" },
    /hidden_size must be a whole number above 0: it is "16"/,
  ],
  ["no layer count", { num_hidden_layers: null }, /num_hidden_layers must be .*: it is not given/],
  ["an unknown activation", { hidden_act: "relu" }, /hidden_act must be .*: it is "relu"/],
  [
    "an unknown rotary scaling",
    { rope_scaling: { type: "yarn" } },
    /rope_type must be .* or llama3: it is "yarn"/,
  ],
  [
    "an unknown architecture",
    { model_type: "mamba" },
    /one of llama, mistral, qwen2, qwen3, gemma3_text, phi3, gpt2: it is mamba/,
  ],
];
for (const [what, change, pattern] of BAD_CONFIGS) {
  Deno.test(`a config with ${what} gives one line`, () =>
    inTemp(async (dir) => {
      await writeFolder(dir, { ...SMALL_LLAMA, ...change }, TENSORS);
      await assertOneLine(dir, pattern);
    }));
}

const GOOD_GGUF = ggufBytes(GGUF_METADATA, ggufTensors());
const BAD_GGUF: [string, Uint8Array, RegExp][] = [
  ["its tensors cut off", GOOD_GGUF.slice(0, -100), /it is cut off at \d+/],
  ["its header cut off", GOOD_GGUF.slice(0, 300), /hold its header: it (is cut off at 300|counts)/],
  ["other first bytes", spoilt(GOOD_GGUF, 0, 0), /must be GGUF/],
  ["version 1", spoilt(GOOD_GGUF, 4, 1), /it is version 1/],
  ["a huge tensor count", spoilt(GOOD_GGUF, 13, 1), /counts \d{13,} entries/],
  ["a weight that is no number", spoilt(GOOD_GGUF, -4, ...NAN), /row 23 of lm_head.weight has NaN/],
  ["experts", ggufBytes({ ...GGUF_METADATA, "llama.expert_count": 8 }, ggufTensors()), /8 experts a layer/],
  [
    "an unknown architecture",
    ggufBytes({ "general.architecture": "mamba" }, {}),
    /architecture must be one of llama, .*: it is mamba/,
  ],
];
for (const [what, bytes, pattern] of BAD_GGUF) {
  Deno.test(`a GGUF file with ${what} gives one line`, () =>
    inTemp(async (dir) => {
      const path = join(dir, "m.gguf");
      await Deno.writeFile(path, bytes);
      await assertOneLine(path, pattern);
    }));
}

Deno.test("openCheckpoint() says what a path lacks", () =>
  inTemp(async (dir) => {
    await assertOneLine(join(dir, "absent"), /it must exist/);
    await assertOneLine(dir, /config.json as it must exist/);
    await Deno.writeTextFile(join(dir, "config.json"), "{}");
    await assertOneLine(dir, /must hold model.safetensors or model.safetensors.index.json/);
    await assertOneLine(join(dir, "config.json"), /a folder with config.json or a .gguf file/);
  }));
