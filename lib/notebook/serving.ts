/** What 03_serve shows: a variant served in the notebook's own process, every step of it on record. */
import { SingleVariantServer } from "../engine/single_variant_server.ts";
import type { Engine } from "../engine/engine.ts";
import { TracedRunner, type TracedStep } from "../engine/traced_runner.ts";
import type { VariantManifest } from "../compress/variant.ts";
import { figure } from "../metrics/mod.ts";
import { buildPrompt, toMessages } from "../prompts/mod.ts";
import type { Arrival, SlotSpan } from "../report/charts/serving.ts";
import type { Row } from "../report/show.ts";
import type { Example, Generation, PromptInput } from "../types/mod.ts";
import type { LabSettings } from "./settings.ts";

/** A served variant. */
export interface LabServer {
  engine: Engine;
  manifest: VariantManifest;
  runner: TracedRunner;
  close(): Promise<void>;
}

/** Loads a variant, building it where it is not there. Close it in the notebook's last cell. */
export async function startServer(
  { model, variant, slots, context }: Pick<LabSettings, "model" | "variant" | "slots" | "context">,
): Promise<LabServer> {
  let runner!: TracedRunner;
  const server = new SingleVariantServer({
    model,
    variant,
    slots,
    context,
    wrap: (inner) => runner = new TracedRunner(inner),
  });
  const { engine, manifest } = await server.start();
  return { engine, manifest, runner, close: () => server.close() };
}

/** Answers with the steps of the model that made them. */
export interface Trace {
  generations: Generation[];
  steps: TracedStep[];
  /** From the first request to the last answer. */
  seconds: number;
}

/** Asks one question and keeps each token's arrival. */
export async function traceOne(
  { engine, runner }: Pick<LabServer, "engine" | "runner">,
  prompt: PromptInput,
  { maxTokens }: Pick<LabSettings, "maxTokens">,
): Promise<Trace & { arrivals: Arrival[] }> {
  const arrivals: Arrival[] = [];
  runner.takeSteps();
  const sentAt = performance.now();
  const generation = await engine.generate(prompt, {
    maxTokens,
    onToken: ({ text, at }) => arrivals.push({ text, ms: at - sentAt }),
  });
  return {
    generations: [generation],
    arrivals,
    steps: runner.takeSteps(),
    seconds: (performance.now() - sentAt) / 1000,
  };
}

/** Asks questions all at once, or one after the other. */
export async function traceAll(
  { engine, runner }: Pick<LabServer, "engine" | "runner">,
  examples: readonly Example[],
  { maxTokens }: Pick<LabSettings, "maxTokens">,
  how: "together" | "in turn",
): Promise<Trace> {
  runner.takeSteps();
  const ask = (example: Example) => engine.generate(messagesOf(example), { maxTokens });
  const sentAt = performance.now();
  let generations: Generation[] = [];
  if (how === "together") generations = await Promise.all(examples.map(ask));
  else for (const example of examples) generations.push(await ask(example));
  return { generations, steps: runner.takeSteps(), seconds: (performance.now() - sentAt) / 1000 };
}

/** The prompt of an example. */
export function messagesOf(example: Example): PromptInput {
  return { messages: toMessages(buildPrompt(example, example.dataset)) };
}

export const STEP_HEAD = ["step", "runs of the model", "tokens", "ms", "ms a run"];

/** Prefill and decode of a trace, summed up. */
export function stepRows(steps: readonly TracedStep[]): Row[] {
  return (["prefill", "decode"] as const).map((kind) => {
    const own = steps.filter((s) => s.kind === kind);
    const ms = own.reduce((sum, s) => sum + s.endedAt - s.beganAt, 0);
    return [
      kind,
      own.length,
      own.reduce((sum, s) => sum + s.positions, 0),
      figure(ms, 1),
      own.length ? figure(ms / own.length, 1) : "-",
    ];
  });
}

export const TRACE_HEAD = ["how", "requests", "output tokens", "seconds", "tokens/s", "runs of the model"];

/** Output tokens, seconds and tokens per second of a trace. */
export function traceRow(how: string, { generations, steps, seconds }: Trace): Row {
  const tokens = generations.reduce((sum, g) => sum + g.outputTokens, 0);
  return [how, generations.length, tokens, figure(seconds), figure(tokens / seconds, 1), steps.length];
}

/** How many answers are, token for token, the same in two traces of the same requests. */
export function sameAnswers(a: Trace, b: Trace): number {
  return a.generations.filter((g, i) => String(g.tokenIds) === String(b.generations[i].tokenIds)).length;
}

/** How many stretches begin in a slot that another request still has: none may. */
export function overlapCount(spans: readonly SlotSpan[]): number {
  return [...Map.groupBy(spans, (s) => s.slot).values()].reduce((count, own) => {
    const ordered = own.toSorted((a, b) => a.fromMs - b.fromMs);
    return count + ordered.filter((s, i) => i > 0 && s.fromMs < ordered[i - 1].toMs).length;
  }, 0);
}
