/** From a command line's words for a load pattern to when requests are sent, how many, and how long they are. */
import {
  arrivalCv,
  type Arrivals,
  burst,
  constant,
  gamma,
  planArrivals,
  poisson,
  ramp,
  readTrace,
  replay,
  steps,
  thinTrace,
  type TokenLengths,
} from "../load/mod.ts";
import { BadInput } from "../std/errors.ts";

export const PATTERNS = [
  "closed",
  "constant",
  "poisson",
  "gamma",
  "ramp",
  "steps",
  "burst",
  "trace",
] as const;
export type Pattern = (typeof PATTERNS)[number];

/** What each pattern needs of it is checked by {@linkcode planPattern}; rates are requests a second. */
export interface PatternSettings {
  pattern: Pattern;
  concurrency?: number;
  thinkTimeMs?: number;
  rate?: number;
  /** Of a ramp. */
  endRate?: number;
  /** Of gamma-distributed gaps; ramp and steps are even without it. */
  shape?: number;
  /** `RATE:SECONDS`, one after the other. */
  steps?: string[];
  burstSize?: number;
  burstEverySeconds?: number;
  /** Path of a trace. */
  trace?: string;
  timeScale?: number;
  durationSeconds?: number;
  numRequests?: number;
  seed: number;
}

export type PlannedPattern =
  & {
    /** Names the level's files: `concurrency_8`, `poisson_0.5`. */
    level: string;
    numRequests: number;
    /** Lines for a person. */
    notes: string[];
  }
  & (
    | { kind: "closed"; concurrency: number; thinkTimeMs: number }
    | {
      kind: "open";
      arrivals: Arrivals;
      /** Coefficient of variation of the planned gaps; null below two gaps. */
      arrivalCv: number | null;
      /** Of a trace: each request's. */
      lengths: TokenLengths[] | null;
    }
  );

/** Requests where neither a number nor a duration is given. */
const DEFAULT_REQUESTS = 100;

/**
 * Plans a pattern.
 * @throws {BadInput} where it lacks a flag, has one that it does not know, or its trace cannot be used.
 */
export async function planPattern(settings: PatternSettings): Promise<PlannedPattern> {
  checkFlags(settings);
  const { pattern, rate, seed, shape, durationSeconds } = settings;
  const durationMs = durationSeconds === undefined ? undefined : 1000 * durationSeconds;
  if (pattern === "closed") {
    const concurrency = settings.concurrency ?? 8;
    return {
      kind: "closed",
      level: `concurrency_${concurrency}`,
      concurrency,
      thinkTimeMs: settings.thinkTimeMs ?? 0,
      numRequests: settings.numRequests ?? DEFAULT_REQUESTS,
      notes: [],
    };
  }
  if (pattern === "trace") return await planTrace(settings, durationMs);
  const spacing = shape === undefined ? {} : { shape, seed };
  const arrivals = {
    constant: () => constant(rate!),
    poisson: () => poisson(rate!, seed),
    gamma: () => gamma(rate!, shape!, seed),
    ramp: () => ramp(rate!, settings.endRate!, durationMs!, spacing),
    steps: () => steps(readSteps(settings.steps!), spacing),
    burst: () => burst(settings.burstSize!, 1000 * settings.burstEverySeconds!),
  }[pattern]();
  const isEndless = arrivals.isEndless && durationMs === undefined;
  const plan = planArrivals(arrivals, {
    numRequests: settings.numRequests ?? (isEndless ? DEFAULT_REQUESTS : undefined),
    durationMs,
  });
  return openPattern(`${pattern}${rate === undefined ? "" : `_${rate}`}`, settings, arrivals, plan, null, []);
}

/**
 * A trace, thinned to `rate` x `durationSeconds` requests and squeezed into that time where both are given; scaled to
 * a rate or in time; cut to a duration or a number.
 */
async function planTrace(settings: PatternSettings, durationMs?: number): Promise<PlannedPattern> {
  const { rate, timeScale, seed, numRequests } = settings;
  const whole = await readTrace(settings.trace!);
  const isThinned = rate !== undefined && durationMs !== undefined;
  const trace = isThinned ? thinTrace(whole, Math.max(2, Math.round(rate * durationMs / 1000)), seed) : whole;
  const spanMs = trace[trace.length - 1].atMs - trace[0].atMs;
  const arrivals = replay(
    trace,
    isThinned ? { timeScale: spanMs === 0 ? 1 : durationMs / spanMs } : { timeScale, rate },
  );
  const plan = planArrivals(arrivals, {
    numRequests,
    // The last of a thinned trace is due as the time ends.
    durationMs: isThinned ? undefined : durationMs,
  });
  const cv = (instants: ArrayLike<number>) => arrivalCv(instants)?.toFixed(3) ?? "n/a";
  const kept = isThinned ? `${trace.length} drawn under seed ${seed}` : `the first ${plan.length}`;
  return openPattern(
    `trace${rate === undefined ? "" : `_${rate}`}`,
    settings,
    {
      ...arrivals,
      settings: {
        ...arrivals.settings!,
        trace_requests: whole.length,
        ...(isThinned && { thin_seed: seed }),
      },
    },
    plan,
    trace.slice(0, plan.length).map(({ inputTokens, outputTokens }) => ({ inputTokens, outputTokens })),
    [
      `Trace: ${whole.length} requests over ${
        seconds(whole[whole.length - 1].atMs - whole[0].atMs)
      } s; ${kept}, ` +
      `over ${seconds(plan[plan.length - 1])} s`,
      `Arrival CV: ${cv(whole.map((r) => r.atMs))} before, ${cv(plan)} after`,
    ],
  );
}

const seconds = (ms: number) => (ms / 1000).toFixed(1);

function openPattern(
  level: string,
  { numRequests }: PatternSettings,
  arrivals: Arrivals,
  plan: Float64Array,
  lengths: TokenLengths[] | null,
  notes: string[],
): PlannedPattern {
  const cv = arrivalCv(plan);
  const planned = Object.assign([...plan], { settings: arrivals.settings });
  if (numRequests !== undefined && plan.length < numRequests) {
    throw new BadInput(
      `Cannot send ${numRequests} requests as the pattern must plan them: it plans ${plan.length}`,
    );
  }
  return { kind: "open", level, arrivals: planned, arrivalCv: cv, numRequests: plan.length, lengths, notes };
}

/** The flags that a pattern needs, and those that it may have. */
const FLAGS: Record<Pattern, { needs: (keyof PatternSettings)[]; may: (keyof PatternSettings)[] }> = {
  closed: { needs: [], may: ["concurrency", "thinkTimeMs", "numRequests"] },
  constant: { needs: ["rate"], may: ["durationSeconds", "numRequests"] },
  poisson: { needs: ["rate"], may: ["durationSeconds", "numRequests"] },
  gamma: { needs: ["rate", "shape"], may: ["durationSeconds", "numRequests"] },
  ramp: { needs: ["rate", "endRate", "durationSeconds"], may: ["shape", "numRequests"] },
  steps: { needs: ["steps"], may: ["shape", "durationSeconds", "numRequests"] },
  burst: { needs: ["burstSize", "burstEverySeconds"], may: ["durationSeconds", "numRequests"] },
  trace: { needs: ["trace"], may: ["rate", "timeScale", "durationSeconds", "numRequests"] },
};

function checkFlags(settings: PatternSettings): void {
  const { pattern } = settings, { needs, may } = FLAGS[pattern];
  const flag = (key: string) =>
    "--" + key.replace("Seconds", "").replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
  const lacking = needs.find((key) => settings[key] === undefined);
  if (lacking) {
    throw new BadInput(`Cannot run pattern ${pattern} as it needs ${flag(lacking)}: it is not given`);
  }
  const known = ["pattern", "seed", ...needs, ...may];
  const unknown = Object.entries(settings).find(([key, value]) =>
    value !== undefined && !known.includes(key)
  );
  if (unknown) {
    throw new BadInput(
      `Cannot use ${flag(unknown[0])} as pattern ${pattern} takes ${
        [...needs, ...may].map(flag).join(", ")
      }: it is ${unknown[1]}`,
    );
  }
  if (settings.rate !== undefined && settings.timeScale !== undefined) {
    throw new BadInput("Cannot scale a trace as it must be by --rate or --time-scale: both are given");
  }
}

function readSteps(texts: readonly string[]) {
  return texts.map((text) => {
    const match = /^(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)$/.exec(text);
    if (match === null) {
      throw new BadInput(`Cannot use --steps as each must be RATE:SECONDS: one is '${text}'`);
    }
    return { rate: Number(match[1]), durationMs: 1000 * Number(match[2]) };
  });
}
