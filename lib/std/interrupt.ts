/** Ctrl-C: the first stops the work in order, the second at once. */

export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Listens for SIGINT until disposed of.
 * @param message what the work fails with when it is stopped
 */
export function onInterrupt(message: string): Interrupt {
  const controller = new AbortController();
  const listener = () => {
    if (controller.signal.aborted) Deno.exit(130);
    controller.abort(new Error(message));
  };
  Deno.addSignalListener("SIGINT", listener);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => Deno.removeSignalListener("SIGINT", listener),
  };
}
