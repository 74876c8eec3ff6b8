/**
 * When requests are planned to be sent: instants in ms from the level's beginning, ascending.
 *
 * Each process is a rate over time, walked through in steps of mean 1 request: even ones, or gamma-distributed
 * ones (shape 1: exponential, a Poisson process; below 1 burstier, above 1 more even).
 *
 * ```ts
 * poisson(2, 7); // 2 requests a second for ever, the same under seed 7 everywhere
 * ramp(1, 8, 60_000, { shape: 1, seed: 7 }); // Poisson arrivals whose rate grows over a minute
 * ```
 */
import { BadInput } from "../std/errors.ts";
import { createRandom, mean, type Random, std } from "../math/mod.ts";
import type { LoadSettings } from "./level.ts";
import type { TraceRequest } from "./trace.ts";

/** Planned instants, the same each time they are iterated. */
export interface Arrivals extends Iterable<number> {
  /** Names the process in files: `{ pattern: "poisson", rate: 2, seed: 7 }`. */
  readonly settings?: LoadSettings;
  readonly isEndless?: boolean;
}

/** How evenly requests come at a rate; without a shape they are evenly spaced. */
export interface Spacing {
  /** Of the gamma distribution of the gaps. */
  shape?: number;
  seed?: number;
}

/** A stretch of time whose rate goes from one value to another in a straight line. */
export interface RateStep {
  /** Requests a second. */
  rate: number;
  durationMs: number;
}

/** Evenly spaced requests, the first at 0. */
export function constant(rate: number): Arrivals {
  return steady({ pattern: "constant", rate }, rate, {});
}

/** A Poisson process: exponential gaps. */
export function poisson(rate: number, seed: number): Arrivals {
  return steady({ pattern: "poisson", rate, seed }, rate, { shape: 1, seed });
}

/** Gamma-distributed gaps with mean 1 / rate and coefficient of variation 1 / sqrt(shape). */
export function gamma(rate: number, shape: number, seed: number): Arrivals {
  return steady({ pattern: "gamma", rate, shape, seed }, rate, { shape, seed });
}

/** A rate that goes from one value to another in a straight line, and ends there. */
export function ramp(from: number, to: number, durationMs: number, spacing: Spacing = {}): Arrivals {
  return process({ pattern: "ramp", from, to, duration_ms: durationMs, ...spacing }, [
    { from, to, durationMs },
  ], spacing);
}

/** Steps of constant rate, one after the other; a rate of 0 is a pause. */
export function steps(list: readonly RateStep[], spacing: Spacing = {}): Arrivals {
  const settings = { pattern: "steps", steps: list.map((s) => [s.rate, s.durationMs]), ...spacing };
  return process(
    settings,
    list.map(({ rate, durationMs }) => ({ from: rate, to: rate, durationMs })),
    spacing,
  );
}

/** `size` requests at once, every `everyMs`, the first at 0. */
export function burst(size: number, everyMs: number): Arrivals {
  if (!Number.isInteger(size) || size < 1) {
    throw new BadInput(
      `Cannot plan bursts as their size must be a whole number of at least 1: it is ${size}`,
    );
  }
  requirePositive("everyMs", everyMs);
  return {
    settings: { pattern: "burst", size, every_ms: everyMs },
    isEndless: true,
    *[Symbol.iterator]() {
      for (let i = 0;; i++) yield Math.floor(i / size) * everyMs;
    },
  };
}

/**
 * The arrivals of a trace, from its first request on.
 * @param options.timeScale factor on all gaps (2: half as fast); or `rate`, the mean in requests a second that they
 * are scaled to
 */
export function replay(
  trace: readonly TraceRequest[],
  options: { timeScale?: number; rate?: number } = {},
): Arrivals {
  if (trace.length === 0) throw new BadInput("Cannot replay a trace as it must hold a request: it is empty");
  const { rate } = options;
  if (rate !== undefined) requirePositive("rate", rate);
  const startMs = trace[0].atMs, spanMs = trace[trace.length - 1].atMs - startMs;
  const timeScale = rate === undefined
    ? options.timeScale ?? 1
    : spanMs === 0
    ? 1
    : 1000 * (trace.length - 1) / rate / spanMs;
  requirePositive("timeScale", timeScale);
  return {
    settings: { pattern: "replay", requests: trace.length, time_scale: timeScale },
    *[Symbol.iterator]() {
      for (const { atMs } of trace) yield (atMs - startMs) * timeScale;
    },
  };
}

/** Takes the first `numRequests` instants before `durationMs`; checks them. */
export function planArrivals(
  arrivals: Arrivals,
  { numRequests = Infinity, durationMs = Infinity }: { numRequests?: number; durationMs?: number },
): Float64Array {
  if (arrivals.isEndless && numRequests === Infinity && durationMs === Infinity) {
    throw new BadInput(
      `Cannot plan ${arrivals.settings?.pattern} arrivals as a number of requests or a duration must end them: there is none`,
    );
  }
  const plan: number[] = [];
  for (const at of arrivals) {
    if (plan.length >= numRequests || at >= durationMs) break;
    if (!(at >= (plan.at(-1) ?? 0)) || at === Infinity) {
      throw new BadInput(
        `Cannot plan arrivals as instants must ascend from 0: request ${plan.length} is due at ${at} ms`,
      );
    }
    plan.push(at);
  }
  if (plan.length === 0) {
    throw new BadInput("Cannot plan arrivals as there must be one before the level ends: there is none");
  }
  return Float64Array.from(plan);
}

/** Coefficient of variation of the gaps between instants (1 for a Poisson process); null below three instants. */
export function arrivalCv(instants: ArrayLike<number>): number | null {
  const gaps = Float64Array.from(
    { length: Math.max(0, instants.length - 1) },
    (_, i) => instants[i + 1] - instants[i],
  );
  const spread = std(gaps), average = mean(gaps);
  return spread === null || !average ? null : spread / average;
}

function steady(settings: LoadSettings, rate: number, spacing: Spacing): Arrivals {
  requirePositive("rate", rate);
  return process(settings, [{ from: rate, to: rate, durationMs: Infinity }], spacing);
}

interface Stretch {
  from: number;
  to: number;
  durationMs: number;
}

function process(settings: LoadSettings, stretches: readonly Stretch[], spacing: Spacing): Arrivals {
  const { shape, seed = 0 } = spacing;
  if (shape !== undefined) requirePositive("shape", shape);
  for (const { from, to, durationMs } of stretches) {
    requirePositive("duration", durationMs);
    for (const rate of [from, to]) {
      if (rate >= 0 && rate < Infinity) continue;
      throw new BadInput(`Cannot plan arrivals as a rate must be a number of at least 0: it is ${rate}`);
    }
  }
  return {
    settings,
    isEndless: stretches.at(-1)?.durationMs === Infinity,
    *[Symbol.iterator]() {
      const random = createRandom(seed);
      const step = shape === undefined ? () => 1 : () => drawGamma(shape, random) / shape;
      let left = shape === undefined ? 0 : step(), startMs = 0;
      for (const { from, to, durationMs } of stretches) {
        const slope = (to - from) / durationMs; // requests a second, a ms
        const total = (from + to) / 2 * durationMs / 1000;
        // The instant by which `left` requests have come: from t + slope t²/2 = 1000 left, solved for t.
        const instant = () =>
          2000 * left / (from + Math.sqrt(Math.max(0, from * from + 2000 * slope * left)));
        for (; left < total; left += step()) yield startMs + (left === 0 ? 0 : instant());
        left -= total;
        startMs += durationMs;
      }
    },
  };
}

/** Draws from the gamma distribution of scale 1. @see Marsaglia and Tsang 2000, A simple method for generating gamma variables */
function drawGamma(shape: number, random: Random): number {
  if (shape === 1) return -Math.log(1 - random.float());
  if (shape < 1) return drawGamma(shape + 1, random) * (1 - random.float()) ** (1 / shape);
  const d = shape - 1 / 3, c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = drawNormal(random), v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.float()) < x * x / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Box and Muller's draw from the standard normal distribution. */
function drawNormal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
}

function requirePositive(name: string, value: number): void {
  if (!(value > 0)) {
    throw new BadInput(`Cannot plan arrivals as ${name} must be a number above 0: it is ${value}`);
  }
}
