/**
 * Which form of a variant runs fastest here. A variant fixes the values of its weights; the form, how they are
 * multiplied: which one is fastest depends on the CPU, and which ones are near enough, on the checkpoint.
 */
import { join } from "node:path";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { describeModel } from "../checkpoint/architectures/mod.ts";
import { openCheckpoint } from "../checkpoint/open.ts";
import { addForm, formsOf, graphFile, SHALLOW_LAYERS, type VariantReport } from "../compress/build.ts";
import { type EnsuredVariant, type EnsureOptions, ensureVariant } from "../compress/cache.ts";
import {
  type FormName,
  type KvScales,
  matricesOfKv8,
  QUANTISED_FORMS,
  type VariantManifest,
} from "../compress/variant.ts";
import { median } from "../math/mod.ts";
import { BadInput } from "../std/errors.ts";
import { exists, readJson, writeJson } from "../std/files.ts";
import { say } from "../std/progress.ts";
import { chunkBounds } from "./batcher.ts";
import { exactCodes } from "./codes.ts";
import { compareRunners } from "./divergence.ts";
import { ORT_VERSION } from "./library.ts";
import type { SessionOptions } from "./ort.ts";
import { OrtRunner } from "./ort_runner.ts";
import { readTokenizer } from "./tokenizer.ts";

/** `auto`: the one that was fastest here. */
export const FORM_CHOICES = ["auto", ...QUANTISED_FORMS] as const;
export type FormChoice = typeof FORM_CHOICES[number];

/** `med`: largest mean KL to base, in nats. */
export const MED_KL = 0.01;
/** `cheap`: largest KL to base, relative to that of its blocks. */
export const CHEAP_KL_RATIO = 1.1;

/** One entry of `tuning` in `report.json`: a machine's choice. Times in ms, KL in nats. */
export interface Tuning {
  cpu: string;
  threads: number;
  ort_version: string;
  chosen: FormName;
  candidates: {
    form: FormName;
    /** A step of the whole model, from that of its first layers. */
    decode_1_ms: number;
    decode_8_ms: number;
    decode_32_ms: number;
    prefill_128_ms: number;
    /** 8 requests of 128 prompt and 128 output tokens, relative to blocks in the same round: what is compared. */
    workload_ms: number;
    /** Null where the form was not faster than the choice, and so not measured. */
    kl_to_base: number | null;
    kl_limit: number | null;
  }[];
}

export interface PrepareOptions extends EnsureOptions, Pick<SessionOptions, "device" | "threads"> {
  /** Default `blocks`, the same arithmetic everywhere. */
  form?: FormChoice;
  /** Whether `auto` measures where it has not done so here (default true): else it takes `blocks`. */
  tune?: boolean;
}

/** A variant, the form that it runs in, and the measurement that chose it: null where none did. */
export interface PreparedVariant extends EnsuredVariant {
  form: VariantManifest["form"];
  tuning: Tuning | null;
}

/** What a choice holds for. */
export type Machine = Pick<Tuning, "cpu" | "threads" | "ort_version">;

/** What measures: replaced in tests. */
export interface Tuner {
  machine(threads: number): Machine;
  /** Times the forms that a variant can have. */
  time(ensured: EnsuredVariant, options: PrepareOptions): Promise<Candidate[]>;
  /** Gives each form's KL to base, and what it may be at most; null where it can't be told. */
  distances(ensured: EnsuredVariant, options: PrepareOptions): Promise<Distances | null>;
}

export interface Distances extends Disposable {
  limit: number;
  of(form: FormName): Promise<number>;
}

const HERE: Tuner = {
  machine: (threads) => ({ cpu: cpus()[0]?.model ?? "unknown", threads, ort_version: ORT_VERSION }),
  time: timeForms,
  distances: measureDistances,
};

/**
 * Finds or builds a variant and the graph of a form; `auto` takes this machine's fastest, which is measured the
 * first time. Base and exports have one form alone, which they run in whatever is asked.
 * @throws {BadInput} where the model cannot be had or have the form.
 */
export async function prepareVariant(
  options: PrepareOptions,
  tuner: Tuner = HERE,
): Promise<PreparedVariant> {
  const ensured = await ensureVariant(options);
  const { manifest } = ensured;
  const { form = "blocks", device = "cpu" } = options;
  if (device === "cuda" && manifest.form !== "export" && (form === "auto" || form === "blocks")) {
    await ensureForm(ensured, "fp16");
    return { ...ensured, form: "fp16", tuning: null };
  }
  if (manifest.form !== "blocks") return { ...ensured, form: manifest.form, tuning: null };
  if (form === "auto") {
    if (device !== "cpu") return { ...ensured, form: "blocks", tuning: null };
    const tuning = await tune(ensured, options, tuner);
    return { ...ensured, form: tuning?.chosen ?? "blocks", tuning };
  }
  if (form !== "blocks") {
    if (device !== "cpu") throw new BadInput(`Cannot run ${form} on ${device} as its device must be cpu`);
    await ensureForm(ensured, form);
  }
  return { ...ensured, form, tuning: null };
}

async function withCheckpoint<T>(
  { checkpoint: path }: Pick<EnsuredVariant, "checkpoint">,
  use: (checkpoint: Awaited<ReturnType<typeof openCheckpoint>>) => Promise<T>,
): Promise<T> {
  const checkpoint = await openCheckpoint(path);
  try {
    return await use(checkpoint);
  } finally {
    checkpoint.close();
  }
}

/** This machine's choice, from the variant's report or measured now; null where it must not be measured. */
async function tune(
  ensured: EnsuredVariant,
  options: PrepareOptions,
  tuner: Tuner,
): Promise<Tuning | null> {
  const { dir, manifest } = ensured;
  const machine = tuner.machine(options.threads ?? navigator.hardwareConcurrency);
  const path = join(dir, "report.json");
  const read = () => readJson<VariantReport & { tuning?: Tuning[] }>(path);
  const isHere = (t: Tuning) =>
    t.cpu === machine.cpu && t.threads === machine.threads && t.ort_version === machine.ort_version;
  const known = (await read()).tuning?.find(isHere);
  if (known) {
    await ensureForm(ensured, known.chosen);
    return known;
  }
  if (options.tune === false) return null;
  say(`  Choosing the fastest form of ${manifest.variant} on this machine`);
  const candidates = await tuner.time(ensured, options);
  const chosen = await chooseForm(candidates, () => tuner.distances(ensured, options));
  const tuning: Tuning = { ...machine, chosen, candidates };
  const report = await read(), others = report.tuning?.filter((t) => !isHere(t)) ?? [];
  await writeJson(path, { ...report, tuning: [...others, tuning] });
  const [best, blocks] = [chosen, "blocks"].map((f) => candidates.find((c) => c.form === f)!.workload_ms);
  say(`  Form ${chosen}, ${(blocks / best).toFixed(2)} times as fast as blocks`);
  return tuning;
}

/** Sees to it that the graph of a form is there. */
export async function ensureForm(
  ensured: Pick<EnsuredVariant, "checkpoint" | "dir">,
  form: FormName,
): Promise<void> {
  const { dir } = ensured, codes = await exactCodes(), matrices = matricesOfKv8(form);
  if (await exists(join(dir, graphFile(form, codes)))) return;
  if (matrices) await ensureForm(ensured, matrices);
  const kvScales = matrices ? await measureKv(dir, matrices) : undefined;
  await withCheckpoint(ensured, (checkpoint) => addForm(checkpoint, dir, { form, codes, kvScales }));
}

/** Texts that show how large keys and values get. */
const SAMPLES = ["gsm8k.jsonl", "mmlu.jsonl"], SAMPLE_TOKENS = 1024;

/** Runs the sample questions, and gives the steps that codes of their keys and values need. */
async function measureKv(dir: string, form: FormName): Promise<KvScales> {
  const tokenizer = await readTokenizer(dir);
  const texts = await Promise.all(SAMPLES.map((name) => readData(`sample/${name}`)));
  using runner = await OrtRunner.create(dir, { form, slots: 1, spinUs: 0 });
  const count = Math.min(SAMPLE_TOKENS, runner.context);
  const ids = tokenizer === null
    ? anyIds(count, runner.vocabSize)
    : texts.flatMap((text) => tokenizer.promptIds({ text }).slice(0, count / texts.length));
  for (const [start, end] of chunkBounds(0, ids.length, runner.chunk)) {
    await runner.prefill(0, ids.slice(start, end), start, "none");
  }
  return runner.kvScales(ids.length);
}

const anyIds = (count: number, vocabSize: number) =>
  Array.from({ length: count }, (_, i) => (i * 7919) % vocabSize);

const readData = (name: string) =>
  Deno.readTextFile(fileURLToPath(new URL(`../../data/${name}`, import.meta.url)));

/**
 * Takes the fastest candidate that is near enough to base; sorts the candidates, and writes what is measured into
 * them.
 * @param measure is asked only where another form is faster than blocks
 */
export async function chooseForm(
  candidates: Candidate[],
  measure: () => Promise<Distances | null>,
): Promise<FormName> {
  candidates.sort((a, b) => a.workload_ms - b.workload_ms);
  if (candidates[0].form === "blocks") return "blocks";
  using distances = await measure();
  if (distances === null) return "blocks";
  for (const candidate of candidates) {
    if (candidate.form === "blocks") break;
    candidate.kl_to_base = await distances.of(candidate.form);
    candidate.kl_limit = distances.limit;
    if (candidate.kl_to_base <= distances.limit) return candidate.form;
  }
  return "blocks";
}

export type Candidate = Tuning["candidates"][number];

const DECODES = 3, PAST = 200, PROMPT = 128;
/** All forms run so many rounds, those within `CLOSE` of the best one go on. */
const FIRST_ROUNDS = 5, ROUNDS = 21, CLOSE = 1.15;

/** One round's ms of the whole model, from those of its first layers. */
type Round = Record<"prefill" | "decode1" | "decode8" | "decode32" | "workload", number>;

/**
 * Times a few layers of the real shape in each form, one form after another in each round, and the head. Clocks and
 * neighbours change from round to round, so forms are compared within rounds; the close ones run on.
 */
async function timeForms(ensured: EnsuredVariant, { threads }: PrepareOptions): Promise<Candidate[]> {
  const type = await exactCodes(), { dir, manifest } = ensured;
  const context = Math.min(PAST, manifest.contextLength);
  const forms = await withCheckpoint(ensured, async (checkpoint) => {
    const forms = racersOf(formsOf(describeModel(checkpoint.config)));
    for (const form of forms) await addForm(checkpoint, dir, { form, codes: type, shallow: true });
    return forms;
  });
  const timed: { form: FormName; runner: OrtRunner; rounds: Round[] }[] = [];
  try {
    for (const form of forms) {
      const runner = await OrtRunner.create(dir, {
        form,
        shallow: true,
        threads,
        slots: 32,
        context,
        spinUs: 0, // the others' threads must not spin meanwhile
      });
      timed.push({ form, runner, rounds: [] });
    }
    let racing = timed;
    for (let round = 0; round < ROUNDS; round++) {
      for (const { runner, rounds } of racing) rounds.push(await timeRound(runner, manifest, context));
      if (round === FIRST_ROUNDS - 1) {
        const best = Math.min(...timed.map(relativeToBlocks));
        racing = timed.filter((t) => t.form === "blocks" || relativeToBlocks(t) < CLOSE * best);
      }
    }
  } finally {
    for (const { runner } of timed) runner.close();
  }
  const blocksMs = median(blocksOf().map((r) => r.workload))!;
  return timed.map((t) => {
    const of = (key: keyof Round) => median(t.rounds.map((r) => r[key]))!;
    return {
      form: t.form,
      decode_1_ms: of("decode1"),
      decode_8_ms: of("decode8"),
      decode_32_ms: of("decode32"),
      prefill_128_ms: of("prefill"),
      workload_ms: blocksMs * relativeToBlocks(t),
      kl_to_base: null,
      kl_limit: null,
    };
  });

  function blocksOf(): Round[] {
    return timed.find(({ form }) => form === "blocks")!.rounds;
  }

  function relativeToBlocks({ rounds }: { rounds: Round[] }): number {
    const blocks = blocksOf();
    return median(rounds.map((r, i) => r.workload / blocks[i].workload))!;
  }
}

/** Where a model can be rotated the other integer forms need no trial: not faster, and several times as far from base. */
function racersOf(forms: readonly FormName[]): FormName[] {
  const rotates = forms.includes("rotated8");
  return forms.filter((form) => !(rotates && form.startsWith("rows8")));
}

/** Times each kind of run once. */
async function timeRound(runner: OrtRunner, manifest: VariantManifest, context: number): Promise<Round> {
  const scale = manifest.layers.length / Math.min(SHALLOW_LAYERS, manifest.layers.length);
  const prompt = anyIds(Math.min(PROMPT, context), manifest.vocabSize);
  const time = async (runs: number, run: () => Promise<unknown>) => {
    await run();
    const from = performance.now();
    for (let i = 0; i < runs; i++) await run();
    return (performance.now() - from) / runs;
  };
  const decode = async (batch: number) => {
    const rows = Array.from(
      { length: batch },
      (_, slot) => ({ slot, tokenId: slot % manifest.vocabSize, position: context - 1 }),
    );
    const layers = await time(DECODES, () => runner.decode(rows, () => 0, false));
    const whole = await time(DECODES, () => runner.decode(rows, () => 0));
    return scale * layers + Math.max(0, whole - layers);
  };
  const prefill = scale * await time(1, () => runner.prefill(0, prompt, 0, "none"));
  const decode1 = await decode(1), decode8 = await decode(8), decode32 = await decode(32);
  return { prefill, decode1, decode8, decode32, workload: 8 * prefill + 128 * decode8 };
}

/** Tokens of the fixed text that distributions are compared on. */
const POSITIONS = 384;

/** Loads base, which distributions are compared with on a fixed text. */
async function measureDistances(
  ensured: EnsuredVariant,
  options: PrepareOptions,
): Promise<Distances | null> {
  const { dir, manifest } = ensured;
  const tokenizer = await readTokenizer(dir);
  if (tokenizer === null) return null;
  const text = await readData("report_text.txt");
  const ids = tokenizer.promptIds({ text }).slice(0, Math.min(POSITIONS, manifest.contextLength));
  const base = await ensureVariant({ ...options, variant: "base" });
  const load = (folder: string, form?: FormName) =>
    OrtRunner.create(folder, {
      form,
      threads: options.threads,
      slots: 1,
      context: ids.length,
      chunk: 16, // so that most keys that a position sees are as decoding leaves them
      spinUs: 0,
    });
  const reference = await load(base.dir);
  const of = async (form: FormName) => {
    await ensureForm(ensured, form);
    const runner = await load(dir, form);
    try {
      return (await compareRunners(reference, [runner], [ids]))[0].meanKl;
    } finally {
      runner.close();
    }
  };
  try {
    const limit = manifest.variant === "med" ? MED_KL : CHEAP_KL_RATIO * await of("blocks");
    return { limit, of, [Symbol.dispose]: () => reference.close() };
  } catch (thrown) {
    reference.close();
    throw thrown;
  }
}
